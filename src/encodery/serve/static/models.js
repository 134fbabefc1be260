// The models that are served, to choose from, and what is known of each.

import { count, el } from "./elements.js";

export const EMBEDDING = "feature-extraction";

/** The models as options, in groups by task where they have several. */
export function modelOptions(models) {
  const option = (model) => el("option", { value: model.id }, model.id);
  const tasks = [...new Set(models.map((model) => String(model.task)))];
  if (tasks.length < 2) return models.map(option);
  return tasks.map((task) =>
    el("optgroup", { label: task }, models.filter((one) => String(one.task) === task).map(option)),
  );
}

/** What a model can be asked: its own task, and the vectors of texts. */
export function tasksOf(model) {
  return model.embeds && model.task !== EMBEDDING ? [String(model.task), EMBEDDING] : [String(model.task)];
}

/** One line on a model. */
export function facts(model) {
  const labels = model.labels?.length ?? 0;
  const known = [
    model.task,
    labels && count(labels, "label"),
    model.max_seqlen && `${Number(model.max_seqlen).toLocaleString("en")} tokens at once`,
    [model.engine, model.dtype].filter(Boolean).join(" "),
    model.version && `version ${String(model.version).slice(0, 12)}`,
    model.is_ready === false && "not ready yet",
  ];
  return known.filter(Boolean).join(" · ");
}
