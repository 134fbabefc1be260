// The page: which model, what is asked of it, what came back.

import { address, ask, listModels } from "./api.js";
import { makeCode } from "./code.js";
import { byId, el, say } from "./elements.js";
import { inputsOf, makeForm } from "./form.js";
import { facts, modelOptions, tasksOf } from "./models.js";
import { showProblem } from "./problem.js";
import { shownOf } from "./tasks.js";
import { saidTime, showTiming } from "./timing.js";

/** All that the page remembers, and nothing of it outlives the page. */
const state = { models: [], model: null, task: "", key: "", loading: null, again: 0, asking: null };

/** Until then a model that is being loaded or restarted is not asked for again. */
const AGAIN_MILLISECONDS = 2000;

const showCode = makeCode(() => {
  if (!state.model) return null;
  const { model, task, key } = state;
  const [base, url] = [address("."), address(`v1/${encodeURIComponent(task)}`)];
  return { base: base.replace(/\/$/, ""), url, task, model: model.id, inputs: inputsOf(task), hasKey: key !== "" };
});

async function loadModels() {
  state.loading?.abort();
  state.loading = new AbortController();
  clearTimeout(state.again);
  let loading = [];
  try {
    ({ models: state.models, loading } = await listModels(state.key, state.loading.signal));
    const isNone = !state.models.length && !loading.length;
    byId("model-problem").replaceChildren(
      ...(isNone ? [el("p", { class: "empty" }, "No model is served here yet.")] : []),
    );
    if (loading.length || state.models.some((model) => model.is_ready === false))
      state.again = setTimeout(loadModels, AGAIN_MILLISECONDS);
  } catch (failure) {
    if (failure.name === "AbortError") return;
    byId("model-problem").replaceChildren(showProblem(failure, loadModels));
    if (state.model && ![401, 403].includes(failure.status)) {
      state.again = setTimeout(loadModels, AGAIN_MILLISECONDS); // one lost answer takes nothing from the screen
      return;
    }
    state.models = [];
    if (failure.status === 401) byId("key").focus();
  }
  byId("loading").hidden = !loading.length;
  byId("loading").replaceChildren(`Being loaded: ${loading.join(", ")} …`);
  showModels(loading.length ? "loading…" : "none");
}

/** What there is to choose from; what was chosen and written stays, where it still can be asked. */
function showModels(otherwise) {
  byId("model").replaceChildren(...(state.models.length ? modelOptions(state.models) : [el("option", null, otherwise)]));
  byId("model").disabled = !state.models.length;
  const chosen = state.models.find((model) => model.id === state.model?.id);
  if (!chosen || String(tasksOf(chosen)) !== String(tasksOf(state.model))) {
    chooseModel(state.models[0] ?? null);
    return;
  }
  byId("model").value = chosen.id;
  state.model = chosen;
  byId("facts").replaceChildren(facts(chosen));
}

function chooseModel(model) {
  state.model = model;
  for (const id of ["form", "result", "code"]) byId(id).hidden = !model;
  byId("facts").replaceChildren(model ? facts(model) : "");
  const tasks = model ? tasksOf(model) : [];
  byId("task-field").hidden = tasks.length < 2;
  byId("task").replaceChildren(...tasks.map((task) => el("option", { value: task }, task)));
  if (model) chooseTask(tasks[0]);
}

function chooseTask(task) {
  state.task = task;
  state.asking?.abort();
  makeForm(task, state.model, showCode, run);
  busy(false);
  say("");
  byId("problem").replaceChildren();
  byId("shown").replaceChildren(el("p", { class: "empty" }, "Press Run, or choose an example."));
}

async function run() {
  const { model, task, key } = state;
  if (!model || !byId("form").reportValidity()) return;
  state.asking?.abort();
  const asking = (state.asking = new AbortController());
  busy(true);
  try {
    const inputs = inputsOf(task);
    const answer = await ask(task, model.id, inputs, key, asking.signal);
    const { shown, summary } = shownOf(task, answer.body, inputs, model);
    byId("problem").replaceChildren();
    byId("shown").replaceChildren(...shown, showTiming(answer));
    say(`${summary}. ${saidTime(answer)}.`);
    intoView(byId("result"));
  } catch (failure) {
    if (failure.name === "AbortError") return;
    byId("shown").replaceChildren();
    byId("problem").replaceChildren(showProblem(failure, run));
    say("");
    if (failure.status === 401) byId("key").focus();
    else intoView(byId("result"));
  } finally {
    if (state.asking === asking) busy(false);
  }
}

function busy(isBusy) {
  byId("result").setAttribute("aria-busy", String(isBusy));
  byId("run").classList.toggle("busy", isBusy);
}

/** Where the result is below the form, on a narrow screen. */
function intoView(result) {
  if (result.getBoundingClientRect().top < innerHeight * 0.7) return;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  result.scrollIntoView({ behavior: isStill ? "auto" : "smooth", block: "start" });
}

function listen() {
  const find = (name) => state.models.find((model) => model.id === name);
  byId("model").addEventListener("change", (event) => chooseModel(find(event.target.value)));
  byId("task").addEventListener("change", (event) => chooseTask(event.target.value));
  byId("key").addEventListener("change", (event) => {
    state.key = event.target.value.trim();
    loadModels();
  });
  byId("pickers").addEventListener("submit", (event) => event.preventDefault());
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  if (/Mac|iPhone|iPad/.test(navigator.platform)) document.querySelector(".keys kbd").replaceChildren("⌘");
}

listen();
loadModels();
