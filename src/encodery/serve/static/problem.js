// What went wrong, as the server says it, and what to do.

import { el } from "./elements.js";

/** A failure for people; `again` is what its button does. */
export function showProblem(failure, again) {
  const details = [
    ["Code", failure.code],
    ["Field", failure.field],
    ["Limit", failure.limit],
    ["Try again in", failure.retryAfter && `${failure.retryAfter} s`],
    ["Request", failure.requestId],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  const written = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  const hint = failure.status === 401 ? "Enter an API key of this server above." : failure.hint;
  return el(
    "div",
    { class: "problem" },
    el("p", null, el("b", null, failure.message)),
    hint ? el("p", null, String(hint)) : null,
    el(
      "dl",
      null,
      details.map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, written(value)))),
    ),
    el("button", { type: "button", class: "quiet", onclick: again }, "Try again"),
  );
}
