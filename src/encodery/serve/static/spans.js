// Spans in a text: entities, and an answer in its context.

import { bar, count, el, hidden, longTable, percent, table } from "./elements.js";
import { pieces } from "./offsets.js";

const HUES = 8;
const MOST = 100;

/** A text with its spans marked, one inside the other where they overlap. */
function marked(text, spans, mark) {
  const inner = (piece, depth) => {
    if (depth === piece.spans.length) return [piece.text];
    const span = piece.spans[depth];
    return [mark(span, piece.begins.has(span), piece.ends.has(span), inner(piece, depth + 1))];
  };
  return el(
    "p",
    { class: "text", dir: "auto" },
    pieces(text, spans).flatMap((piece) => inner(piece, 0)),
  );
}

/** Which colour a label has: that of its place among the model's labels, however these are tagged. */
function hues(labels, entities) {
  const plain = (labels ?? []).map((label) => String(label).replace(/^[BIESLUM][-_]/, ""));
  const names = new Set(plain.filter((label) => label !== "O"));
  for (const { label } of entities) names.add(String(label));
  return new Map([...names].map((name, place) => [name, place % HUES]));
}

/** Entities in their text, and all of them as a table. */
export function showEntities(prediction, record, model) {
  const entities = prediction.entities;
  const hue = hues(model.labels, entities);
  const places = new Map(entities.map((entity, place) => [entity, place]));
  const colour = ({ label }) => `hue-${hue.get(String(label))}`;
  const mark = (entity, begins, ends, children) => {
    const name = [colour(entity), begins && "begins", ends && "ends", "span"].filter(Boolean).join(" ");
    // a space that no line breaks at: a label stays with its word
    const said = ends ? [el("small", null, "\u00a0", el("bdi", null, String(entity.label)))] : [];
    return el(
      "mark",
      { class: name, title: `${entity.label} ${percent(entity.score)}`, "data-entity": places.get(entity) },
      children,
      said,
    );
  };
  const text = marked(record.text, entities, mark);
  const light = (row, on) => {
    for (const found of text.querySelectorAll(`[data-entity="${row}"]`)) found.classList.toggle("lit", on);
  };
  const rows = entities.map((entity, row) =>
    el(
      "tr",
      { onmouseenter: () => light(row, true), onmouseleave: () => light(row, false) },
      el("th", { scope: "row" }, el("bdi", null, String(entity.text ?? ""))),
      el("td", null, el("span", { class: `key ${colour(entity)}`, "aria-hidden": "true" }), String(entity.label)),
      el("td", { class: "number" }, percent(entity.score)),
      el("td", { class: "number" }, `${entity.start}–${entity.end}`),
    ),
  );
  const summary = entities.length ? count(entities.length, "entity", "entities") : "No entities in this text";
  const shown = entities.length
    ? [text, ...longTable("entities", "Entities", ["Text", "Label", "Score", "Span"], rows, MOST)]
    : [text, el("p", { class: "note" }, `${summary}.`)];
  return {
    shown,
    summary: [summary, ...entities.slice(0, 5).map((entity) => `${entity.text} ${entity.label}`)].join(", "),
  };
}

/** The answer, how sure the model is, and where in the context it stands; or that there is none. */
export function showAnswer(prediction, record) {
  const isAnswer = prediction.answer !== null && prediction.answer !== undefined;
  const spans = isAnswer ? [prediction] : [];
  const mark = (_, begins, ends, children) =>
    el("mark", { class: `answer ${begins ? "begins" : ""} ${ends ? "ends" : ""}` }, children);
  const verdict = isAnswer ? String(prediction.answer) : "No answer in this text";
  const shown = [
    el("p", { class: isAnswer ? "verdict" : "verdict none", dir: "auto" }, el("bdi", null, verdict)),
    el(
      "p",
      { class: "score" },
      bar(prediction.score),
      el("span", { class: "number" }, percent(prediction.score)),
      hidden(" score"),
    ),
    el("h3", null, isAnswer ? "In its context" : "The context"),
    marked(record.context, spans, mark),
  ];
  if (Array.isArray(prediction.n_best)) {
    const rows = prediction.n_best.map((one) =>
      el(
        "tr",
        null,
        el("th", { scope: "row" }, el("bdi", null, one.answer ?? "no answer")),
        el("td", { class: "wide" }, bar(one.score)),
        el("td", { class: "number" }, percent(one.score)),
      ),
    );
    shown.push(el("h3", null, "Candidates"), table("bars", "Candidates", ["Answer", "Bar", "Score"], rows));
  }
  return { shown, summary: `${isAnswer ? `Answer: ${verdict}` : verdict}, score ${percent(prediction.score)}` };
}
