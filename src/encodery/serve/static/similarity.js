// Vectors of texts: how much alike each two of them are.

import { count, el, table } from "./elements.js";

const COLUMNS = 48;
const MOST = 32;

const dot = (a, b) => a.reduce((sum, value, place) => sum + value * b[place], 0);

/** The cosine of each two vectors. */
export function cosines(vectors) {
  const lengths = vectors.map((vector) => Math.sqrt(dot(vector, vector)) || 1);
  return vectors.map((a, row) => vectors.map((b, column) => dot(a, b) / (lengths[row] * lengths[column])));
}

const signed = (number) =>
  number
    .toFixed(2)
    .replace(/^-(0\.00)$/, "$1")
    .replace("-", "−");

/** A heat map of the texts' cosines, or what one vector looks like. Of many texts the first are shown. */
export function showVectors(predictions, records) {
  const vectors = predictions.slice(0, MOST).map((prediction) => prediction.embedding);
  const size = count(vectors[0].length, "number");
  if (vectors.length === 1) return { shown: [alone(vectors[0], size)], summary: `A vector of ${size}` };
  const alike = cosines(vectors);
  const pairs = alike.flatMap((row, a) => row.slice(a + 1).map((cosine, next) => ({ cosine, a, b: a + 1 + next })));
  const cosinesOfPairs = pairs.map((pair) => pair.cosine);
  const [low, high] = [Math.min(...cosinesOfPairs), Math.max(...cosinesOfPairs)];
  const closest = pairs.find((pair) => pair.cosine === high);
  const heat = (cosine) => (high > low ? (cosine - low) / (high - low) : 1);
  const rows = alike.map((row, a) =>
    el(
      "tr",
      null,
      el(
        "th",
        { scope: "row" },
        el("span", { class: "place" }, `${a + 1}`),
        " ",
        el("bdi", null, records[a].text ?? records[a]),
      ),
      row.map((cosine, b) => (a === b ? el("td", { class: "same" }, "1") : cell(cosine, heat(cosine)))),
    ),
  );
  const left = predictions.length > MOST ? ` The first ${MOST} of ${predictions.length} texts are shown.` : "";
  const about = `Each text is a vector of ${size}; the colours reach from the least cosine to the highest.${left}`;
  const said = `Texts ${closest.a + 1} and ${closest.b + 1} are closest (${signed(high)})`;
  const map = table("heat", "Cosine of each two texts", ["Text", ...alike.map((_, place) => `${place + 1}`)], rows);
  map.tabIndex = 0; // it is the one table that may be wider than its place
  const shown = [map, el("p", { class: "note" }, `${said}; ${signed(low)} is the least. ${about}`)];
  return { shown, summary: said };
}

const cell = (cosine, heat) => el("td", { "--heat": heat.toFixed(3) }, signed(cosine));

/** The first numbers of a vector as bars that go up and down. */
function alone(vector, size) {
  const first = vector.slice(0, COLUMNS);
  const most = Math.max(...first.map(Math.abs)) || 1;
  const columns = first.map((value) =>
    el("span", { class: value < 0 ? "down" : "up", "--share": (Math.abs(value) / most).toFixed(3) }),
  );
  const length = Math.sqrt(dot(vector, vector)).toFixed(2);
  const shown = first.length < vector.length ? `The first ${first.length} of ${size}` : `All of ${size}`;
  const note = `${shown}; the vector's length is ${length}. More lines of text are compared with each other.`;
  return el(
    "figure",
    null,
    el("div", { class: "vector", role: "img", "aria-label": `A vector of ${size}` }, columns),
    el("figcaption", { class: "note" }, note),
  );
}
