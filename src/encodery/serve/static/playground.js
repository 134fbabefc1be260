// The page: which model, what is asked, what came back, and the same request in code.

import { address, ask, listModels } from "./api.js";
import { byId, el } from "./elements.js";
import { SNIPPETS } from "./snippets.js";
import { examplesOf, shownOf, taskOf } from "./tasks.js";
import { saidTime, showTiming } from "./timing.js";

const EMBEDDING = "feature-extraction";
const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

/** All that the page remembers: nothing of it outlives the page. */
const state = { models: [], model: null, task: "", key: "", language: Object.keys(SNIPPETS)[0], asking: null };

const say = (text) => byId("status").replaceChildren(text);

// The model and its task

async function loadModels() {
  state.loading?.abort();
  state.loading = new AbortController();
  try {
    state.models = await listModels(state.key, state.loading.signal);
  } catch (failure) {
    if (failure.name === "AbortError") return;
    state.models = [];
    byId("model-problem").replaceChildren(problem(failure, loadModels));
    if (failure.status === 401) byId("key").focus();
    byId("model").replaceChildren(el("option", null, "none"));
    chooseModel(null);
    return;
  }
  const none = el("p", { class: "empty" }, "No model is served here yet.");
  byId("model-problem").replaceChildren(...(state.models.length ? [] : [none]));
  byId("model").replaceChildren(...options(state.models));
  byId("model").disabled = !state.models.length;
  chooseModel(state.models[0] ?? null);
}

/** The models in groups by task where they have several. */
function options(models) {
  const option = (model) => el("option", { value: model.id }, model.id);
  const tasks = [...new Set(models.map((model) => String(model.task)))];
  if (tasks.length < 2) return models.map(option);
  return tasks.map((task) => el("optgroup", { label: task }, models.filter((model) => String(model.task) === task).map(option)));
}

function chooseModel(model) {
  state.model = model;
  for (const id of ["form", "result", "code"]) byId(id).hidden = !model;
  byId("facts").replaceChildren(model ? facts(model) : "");
  const tasks = model ? [String(model.task), ...(model.embeds && model.task !== EMBEDDING ? [EMBEDDING] : [])] : [];
  byId("task-field").hidden = tasks.length < 2;
  byId("task").replaceChildren(...tasks.map((task) => el("option", { value: task }, task)));
  if (model) chooseTask(tasks[0]);
}

function facts(model) {
  const labels = (model.labels ?? []).length;
  const known = [
    model.task,
    labels && `${labels} label${labels === 1 ? "" : "s"}`,
    model.max_seqlen && `${Number(model.max_seqlen).toLocaleString("en")} tokens at once`,
    [model.engine, model.dtype].filter(Boolean).join(" "),
    model.version && `version ${String(model.version).slice(0, 12)}`,
  ];
  return known.filter(Boolean).join(" · ");
}

function chooseTask(name) {
  state.task = name;
  const task = taskOf(name);
  const fields = task.fields.map(fieldOf);
  if (state.model.languages?.length) fields.push(languageField(state.model.languages));
  byId("fields").replaceChildren(el("p", { class: "note" }, task.about), ...fields);
  const examples = examplesOf(name, state.model);
  byId("examples").replaceChildren(
    ...examples.map(({ name: said, lang, values }) => el("button", { type: "button", class: "quiet", lang, onclick: () => (fill(values), run()) }, said)),
  );
  fill(examples[0]?.values ?? {});
  forget();
}

// The form

function fieldOf({ key, label, rows, note, insert }, place) {
  const id = `field-${key}`;
  const area = el("textarea", { id, name: key, rows, dir: "auto", required: place === 0, spellcheck: "false", oninput: showCode });
  const button = insert && el("button", { type: "button", class: "quiet", onclick: () => put(area, insert.text(state.model)) }, insert.label);
  const head = el("span", { class: "label" }, el("label", { for: id }, label, note ? el("span", { class: "note" }, ` ${note}`) : null), button);
  return el("div", { class: "field" }, head, area);
}

function languageField(languages) {
  const choices = [el("option", { value: "" }, "not said"), ...languages.map((name) => el("option", { value: name }, name))];
  const select = el("select", { id: "language", name: "language", onchange: showCode }, choices);
  return el("div", { class: "field" }, el("label", { for: "language" }, "Language"), select);
}

/** Writes where the cursor is. */
function put(area, text) {
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.focus();
  showCode();
}

function fill(values) {
  for (const area of byId("fields").querySelectorAll("textarea")) area.value = values[area.name] ?? "";
  showCode();
}

/** What the form asks, as it is sent. Raises `SyntaxError` where JSON is written by hand and is none. */
function inputs() {
  const { language, ...values } = Object.fromEntries(new FormData(byId("form")));
  for (const area of byId("fields").querySelectorAll("textarea")) values[area.name] = area.value;
  const made = taskOf(state.task).inputs(values);
  const said = (record) => (language ? { ...record, language } : record);
  return Array.isArray(made) ? made.map(said) : said(made);
}

// The answer

async function run() {
  const { model, task, key } = state;
  if (!model || !byId("form").reportValidity()) return;
  state.asking?.abort();
  const asking = (state.asking = new AbortController());
  busy(true);
  try {
    const asked = inputs();
    const answer = await ask(task, model.id, asked, key, asking.signal);
    const { shown, summary } = shownOf(task, answer.body, asked, model);
    byId("problem").replaceChildren();
    byId("shown").replaceChildren(...shown, showTiming(answer));
    say(`${summary}. ${saidTime(answer)}.`);
    intoView(byId("result"));
  } catch (failure) {
    if (failure.name === "AbortError") return;
    byId("shown").replaceChildren();
    byId("problem").replaceChildren(problem(failure, run));
    if (failure.status === 401) byId("key").focus();
  } finally {
    if (state.asking === asking) busy(false);
  }
}

/** Where the result is below the form, on a narrow screen. */
function intoView(result) {
  if (result.getBoundingClientRect().top < innerHeight * 0.7) return;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  result.scrollIntoView({ behavior: isStill ? "auto" : "smooth", block: "start" });
}

function busy(isBusy) {
  byId("result").setAttribute("aria-busy", String(isBusy));
  byId("run").classList.toggle("busy", isBusy);
}

function forget() {
  state.asking?.abort();
  busy(false);
  say("");
  byId("problem").replaceChildren();
  byId("shown").replaceChildren(el("p", { class: "empty" }, "Press Run, or choose an example."));
}

/** What went wrong, as the server says it, and what to do. */
function problem(failure, again) {
  const details = [
    ["Code", failure.code],
    ["Field", failure.field],
    ["Limit", failure.limit],
    ["Try again in", failure.retryAfter && `${failure.retryAfter} s`],
    ["Request", failure.requestId],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  const hint = failure.hint ?? (failure.status === 401 ? "Enter an API key of this server above." : null);
  return el(
    "div", { class: "problem" },
    el("p", null, el("b", null, failure.message)),
    hint ? el("p", null, hint) : null,
    el("dl", null, details.map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, typeof value === "object" ? JSON.stringify(value) : String(value))))),
    el("button", { type: "button", class: "quiet", onclick: again }, "Try again"),
  );
}

// The code

function showCode() {
  const code = byId("snippet").querySelector("code");
  try {
    const base = address(".").replace(/\/$/, "");
    const request = { base, url: address(`v1/${encodeURIComponent(state.task)}`), task: state.task, model: state.model.id, inputs: inputs(), hasKey: Boolean(state.key) };
    code.replaceChildren(SNIPPETS[state.language](request));
  } catch (error) {
    code.replaceChildren(`The record is not JSON yet: ${error.message}`);
  }
}

function makeTabs() {
  const tabs = Object.keys(SNIPPETS).map((name, place) => el("button", { type: "button", role: "tab", id: `tab-${place}`, "aria-controls": "snippet", onclick: () => choose(place) }, name));
  const choose = (place) => {
    state.language = tabs[place].textContent;
    tabs.forEach((tab, other) => {
      tab.setAttribute("aria-selected", String(other === place));
      tab.tabIndex = other === place ? 0 : -1;
    });
    byId("snippet").setAttribute("aria-labelledby", tabs[place].id);
    if (state.model) showCode();
  };
  byId("tabs").append(...tabs);
  byId("tabs").addEventListener("keydown", (event) => {
    const here = tabs.indexOf(document.activeElement);
    const last = tabs.length - 1;
    const next = { ArrowRight: here === last ? 0 : here + 1, ArrowLeft: here ? here - 1 : last, Home: 0, End: last }[event.key];
    if (here < 0 || next === undefined) return;
    event.preventDefault();
    choose(next);
    tabs[next].focus();
  });
  choose(0);
}

async function copy() {
  const code = byId("snippet").querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    byId("copy").replaceChildren("Copied");
    say("Copied");
  } catch {
    getSelection().selectAllChildren(code);
    byId("copy").replaceChildren("Selected");
    say("The code is selected: copy it with your keyboard");
  }
  setTimeout(() => byId("copy").replaceChildren("Copy"), 1600);
}

function start() {
  makeTabs();
  document.querySelector(".keys kbd").replaceChildren(isApple ? "⌘" : "Ctrl");
  byId("model").addEventListener("change", (event) => chooseModel(state.models.find((model) => model.id === event.target.value)));
  byId("task").addEventListener("change", (event) => chooseTask(event.target.value));
  byId("key").addEventListener("focus", () => (byId("key-note").hidden = false));
  byId("key").addEventListener("change", (event) => {
    state.key = event.target.value.trim();
    loadModels();
  });
  byId("pickers").addEventListener("submit", (event) => event.preventDefault());
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("copy").addEventListener("click", copy);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  loadModels();
}

start();
