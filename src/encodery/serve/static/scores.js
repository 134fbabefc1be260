// Scores of labels, choices and words in place of a mask, as bars.

import { bar, count, el, hidden, longTable, percent, table } from "./elements.js";

const MOST = 12;

function row({ name, score, chosen }) {
  return el(
    "tr",
    { class: chosen ? "chosen" : null },
    el("th", { scope: "row" }, el("bdi", null, name), chosen ? hidden(" (predicted)") : null),
    el("td", { class: "wide" }, bar(score)),
    el("td", { class: "number" }, percent(score)),
  );
}

/** Bars, the best first; where there are many, the rest on demand. */
function bars(caption, entries) {
  return longTable("bars", `${caption} and scores`, [caption, "Bar", "Score"], entries.map(row), MOST);
}

const verdict = (text, note) =>
  el("p", { class: "verdict", dir: "auto" }, el("bdi", null, text), note ? el("small", null, ` ${note}`) : null);

/** The label and the scores of all; several labels or none where each stands for itself; a number of a regression. */
export function showLabels(prediction) {
  const { label, score } = prediction;
  if (typeof label === "number") {
    const number = label.toLocaleString("en", { maximumFractionDigits: 4 });
    return { shown: [verdict(number)], summary: `The number is ${number}` };
  }
  const chosen = new Set(Array.isArray(label) ? label : [label]);
  const entries = Object.entries(prediction.scores ?? {}).map(([name, value]) => ({
    name,
    score: value,
    chosen: chosen.has(name),
  }));
  entries.sort((a, b) => b.score - a.score);
  if (!Array.isArray(label)) {
    return {
      shown: [verdict(String(label), percent(score)), ...bars("Labels", entries)],
      summary: `${label}, ${percent(score)}`,
    };
  }
  const said = label.length ? label.join(", ") : "No label";
  const note = `${label.length} of ${count(entries.length, "label")}`;
  return { shown: [verdict(said, note), ...bars("Labels", entries)], summary: `${said}, ${note}` };
}

/** The choice and the scores of all, in the order given. */
export function showChoice(prediction, record) {
  const entries = record.choices.map((name, place) => ({
    name,
    score: prediction.scores[place],
    chosen: place === prediction.label,
  }));
  const choice = String(prediction.choice ?? record.choices[prediction.label]);
  return {
    shown: [verdict(choice, percent(prediction.score)), ...bars("Choices", entries)],
    summary: `${choice}, ${percent(prediction.score)}`,
  };
}

/** The words in place of the mask, and the sentence with each of them. */
export function showMasks(prediction) {
  const found = prediction.predictions;
  const rows = found.map((one) =>
    el(
      "tr",
      null,
      el("th", { scope: "row" }, el("bdi", null, String(one.token).trim() || JSON.stringify(one.token))),
      el("td", { class: "wide" }, bar(one.score)),
      el("td", { class: "number" }, percent(one.score)),
    ),
  );
  const filled = found.map((one, place) =>
    el("li", null, el("p", { class: "text", dir: "auto" }, inPlace(found, place))),
  );
  const shown = [
    table("bars", "Words and scores", ["Word", "Bar", "Score"], rows),
    el("h3", null, "In the sentence"),
    el("ol", { class: "filled" }, filled),
  ];
  const best = found[0];
  return { shown, summary: best ? `${String(best.token).trim()}, ${percent(best.score)}` : "No words" };
}

/** A sentence with its word marked: the one of the word's places that lies where the sentences differ. */
function inPlace(found, place) {
  const sentences = found.map((one) => String(one.sequence));
  const sentence = sentences[place];
  const word = String(found[place].token).trim().replace(/^##/, "");
  const first = shared(sentences, (text, at) => text[at]);
  const last = sentence.length - shared(sentences, (text, at) => text[text.length - 1 - at]);
  for (let at = sentence.indexOf(word); word && at >= 0; at = sentence.indexOf(word, at + 1)) {
    const isHere = at <= first && at + word.length >= last;
    if (isHere)
      return [
        sentence.slice(0, at),
        el("mark", { class: "answer begins ends" }, word),
        sentence.slice(at + word.length),
      ];
  }
  return [sentence];
}

/** How many characters all of the texts have in common, counted as `character` counts. */
function shared(texts, character) {
  const shortest = Math.min(...texts.map((text) => text.length));
  let at = 0;
  while (at < shortest && texts.every((text) => character(text, at) === character(texts[0], at))) at++;
  return at;
}
