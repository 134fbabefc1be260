// What a person fills in for each task, the request it becomes, and the view of what comes back.

import { el } from "./elements.js";
import { EXAMPLES, MASK } from "./examples.js";
import { showChoice, showLabels, showMasks } from "./scores.js";
import { showVectors } from "./similarity.js";
import { showAnswer, showEntities } from "./spans.js";
import { showTranslation } from "./translation.js";

const lines = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
const mask = (model) => model.mask_token ?? "[MASK]";

/** A task's `fields`; `inputs` of what they hold; `fill`, their values for an example's record; `show`, the view of a
 *  prediction, as elements and as one sentence for those who listen. */
const TASKS = {
  "text-classification": {
    about: "What a text is, or says, or how much of something.",
    fields: [
      { key: "text", label: "Text", rows: 5 },
      { key: "text_pair", label: "Second text", note: "optional", rows: 2 },
    ],
    inputs: ({ text, text_pair }) => (text_pair ? { text, text_pair } : { text }),
    show: showLabels,
  },
  "token-classification": {
    about: "Names and other spans, found in a text.",
    fields: [{ key: "text", label: "Text", rows: 7 }],
    inputs: ({ text }) => ({ text }),
    show: showEntities,
  },
  "question-answering": {
    about: "The part of a text that answers a question.",
    fields: [
      { key: "question", label: "Question", rows: 1 },
      { key: "context", label: "Context", rows: 7 },
    ],
    inputs: ({ question, context }) => ({ question, context }),
    show: showAnswer,
  },
  "fill-mask": {
    about: "The likeliest words in place of a mask.",
    fields: [{ key: "text", label: "Text with one mask", rows: 4, insert: { label: "Insert mask", text: mask } }],
    inputs: ({ text }) => ({ text }),
    fill: ({ text }, model) => ({ text: text.replaceAll(MASK, mask(model)) }),
    show: showMasks,
  },
  "feature-extraction": {
    about: "Texts as vectors, and how much alike they are.",
    fields: [{ key: "texts", label: "Texts, one a line", rows: 7 }],
    inputs: ({ texts }) => lines(texts),
    fill: ({ texts }) => ({ texts: texts.join("\n") }),
    show: showVectors,
  },
  "multiple-choice": {
    about: "The choice that goes with a text.",
    fields: [
      { key: "text", label: "Text", rows: 3 },
      { key: "choices", label: "Choices, one a line", rows: 5 },
    ],
    inputs: ({ text, choices }) => ({ text, choices: lines(choices) }),
    fill: ({ text, choices }) => ({ text, choices: choices.join("\n") }),
    show: showChoice,
  },
  translation: {
    about: "A text in another language.",
    fields: [{ key: "text", label: "Text", rows: 7 }],
    inputs: ({ text }) => ({ text }),
    show: showTranslation,
  },
};

/** A task that has no view yet: its record as JSON. */
const OTHER = {
  about: "There is no view for this task yet: the record is JSON, and so is what comes back.",
  fields: [{ key: "record", label: "Record, as JSON", rows: 7 }],
  inputs: ({ record }) => JSON.parse(record || "{}"),
  show: () => ({ shown: [], summary: "Answered" }),
};

/** The task of this name. */
export const taskOf = (name) => (Object.hasOwn(TASKS, name) ? TASKS[name] : OTHER);

/** The examples of a task as values of its fields. */
export function examplesOf(name, model) {
  const { fill } = taskOf(name);
  const examples = Object.hasOwn(EXAMPLES, name) ? EXAMPLES[name] : [];
  return examples.map((example) => ({ ...example, values: fill ? fill(example.record, model) : example.record }));
}

/** JSON with lists of numbers on one line each; strings in it have no line breaks that could be taken for these. */
const written = (value) =>
  JSON.stringify(value, null, 2).replace(/\[\n[-\d\s.,eE+]+\]/g, (numbers) => numbers.replace(/\s+/g, " "));

/** The view of a prediction, and its JSON; of one that has not the form that is expected, the JSON alone. */
export function shownOf(name, prediction, inputs, model) {
  const json = el("pre", { role: "group", tabindex: 0, "aria-label": "JSON" }, el("code", null, written(prediction)));
  try {
    const { shown, summary } = taskOf(name).show(prediction, inputs, model);
    const note = prediction?.truncated
      ? [el("p", { class: "note" }, "Some of the text was left out, or what was said of it did not come to its end: it is longer than the model allows.")]
      : [];
    return {
      shown: [
        ...shown,
        ...note,
        el("details", { open: !shown.length, "aria-label": "Answer as JSON" }, el("summary", null, "JSON"), json),
      ],
      summary,
    };
  } catch (error) {
    console.warn(error);
    const note = el(
      "p",
      { class: "note" },
      "The answer has not the form that this page expects of the task; here it is as it came.",
    );
    return { shown: [note, json], summary: "Answered in a form that this page does not know" };
  }
}
