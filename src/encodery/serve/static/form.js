// The fields of a task, filled from examples or by hand, and what they ask.

import { byId, el } from "./elements.js";
import { examplesOf, taskOf } from "./tasks.js";

const areas = () => byId("fields").querySelectorAll("textarea");

/** Shows the fields of a task. `changed` is called whenever what they ask may be another; `run` for an example. */
export function makeForm(name, model, changed, run) {
  const task = taskOf(name);
  const fields = task.fields.map((field, place) => fieldOf(field, place === 0, model, changed));
  if (model.directions?.length) fields.push(directionOf(model.directions, changed));
  else if (model.languages?.length) fields.push(languageOf(model.languages, changed));
  byId("fields").replaceChildren(el("p", { class: "note" }, task.about), ...fields);
  const fill = (values) => {
    for (const area of areas()) area.value = values[area.name] ?? "";
    changed();
  };
  const examples = examplesOf(name, model);
  const buttons = examples.map(({ name: said, lang, values }) => {
    const click = () => {
      fill(values);
      run();
    };
    return el("button", { type: "button", class: "quiet", lang, onclick: click }, said);
  });
  byId("examples").replaceChildren(...buttons);
  fill(examples[0]?.values ?? {});
}

function fieldOf({ key, label, rows, note, insert }, required, model, changed) {
  const id = `field-${key}`;
  const area = el("textarea", { id, name: key, rows, dir: "auto", required, spellcheck: "false", oninput: changed });
  const put = () => {
    area.setRangeText(insert.text(model), area.selectionStart, area.selectionEnd, "end");
    area.focus();
    changed();
  };
  const button = insert ? el("button", { type: "button", class: "quiet", onclick: put }, insert.label) : null;
  const said = el("label", { for: id }, label, note ? el("small", null, ` ${note}`) : null);
  return el("div", { class: "field" }, el("div", { class: "label" }, said, button), area);
}

function languageOf(languages, changed) {
  const choices = [
    el("option", { value: "" }, "not said"),
    ...languages.map((name) => el("option", { value: name }, name)),
  ];
  const select = el("select", { id: "language", name: "language", onchange: changed }, choices);
  return el("div", { class: "field" }, el("label", { for: "language" }, "Language"), select);
}

function directionOf(directions, changed) {
  const choices = directions.map(([source, target], place) =>
    el("option", { value: place, "data-source": source, "data-target": target }, `${source} → ${target}`),
  );
  const select = el("select", { id: "direction", name: "direction", onchange: changed }, choices);
  return el("div", { class: "field" }, el("label", { for: "direction" }, "From and to"), select);
}

/** What the form asks of a task, as it is sent. Raises `SyntaxError` where JSON is written by hand and is none. */
export function inputsOf(name) {
  // not FormData: it makes \r\n of \n, and offsets are those of the text that is sent
  const values = Object.fromEntries([...areas()].map((area) => [area.name, area.value]));
  const made = taskOf(name).inputs(values);
  const language = byId("language")?.value;
  const chosen = byId("direction")?.selectedOptions[0].dataset;
  const more = {
    ...(language ? { language } : {}),
    ...(chosen ? { source_language: chosen.source, target_language: chosen.target } : {}),
  };
  const record = (one) => (typeof one === "string" ? { text: one } : one);
  const said = (one) => (Object.keys(more).length ? { ...record(one), ...more } : one);
  return Array.isArray(made) ? made.map(said) : said(made);
}
