// A text and its translation, side by side.

import { bar, el, hidden, percent } from "./elements.js";

function side(name, lang, text) {
  const label = el("h3", null, name);
  return el("div", null, label, el("p", { class: "text", dir: "auto", lang }, text));
}

/** The text as it was sent, its translation beside it, and how sure the model is; the others of several. */
export function showTranslation(prediction, record, model) {
  const [source, target] = directionOf(record, model);
  const text = String(prediction.translation);
  const both = el(
    "div",
    { class: "sides" },
    side(source ?? "Text", source, record.text),
    side(target ?? "Translation", target, text),
  );
  const score = el(
    "p",
    { class: "score" },
    bar(prediction.score),
    el("span", { class: "number" }, percent(prediction.score)),
    hidden(" for each word or part of one, on average"),
  );
  const others = (prediction.n_best ?? []).slice(1).map((one) => {
    const said = el("bdi", { lang: target }, String(one.translation));
    return el("li", null, said, " ", el("small", null, percent(one.score)));
  });
  const more = others.length ? [el("h3", null, "Also"), el("ol", { class: "filled" }, others)] : [];
  return { shown: [both, score, ...more], summary: text || "An empty translation" };
}

/** From which language to which: as the record says, else the model's only direction. */
function directionOf(record, model) {
  if (record.source_language) return [record.source_language, record.target_language];
  return model.directions?.length === 1 ? model.directions[0] : [];
}
