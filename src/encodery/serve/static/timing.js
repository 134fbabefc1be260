// Where the time of a request went.

import { el, hidden } from "./elements.js";

const NAMES = { queue: "waiting", tokenize: "tokens", infer: "model", decode: "decoding" };

const written = (milliseconds) =>
  `${milliseconds.toLocaleString("en", { maximumSignificantDigits: milliseconds < 100 ? 2 : 3 })} ms`;

/** The time from the click to the answer as one bar: the phases that the server measured, and the rest. */
export function showTiming({ milliseconds, phases, requestId, version }) {
  const measured = phases.reduce((sum, phase) => sum + phase.milliseconds, 0);
  const rest = { name: "HTTP and browser", milliseconds: Math.max(milliseconds - measured, 0) };
  const parts = phases.length ? [...phases, rest] : [];
  const whole = Math.max(milliseconds, measured) || 1;
  const colour = (place) => (place === phases.length ? "rest" : `phase-${place % 4}`);
  const segments = parts.map((part, place) =>
    el("span", { class: colour(place), "--share": (part.milliseconds / whole).toFixed(4) }),
  );
  const legend = parts.map((part, place) =>
    el(
      "li",
      null,
      el("span", { class: `key ${colour(place)}`, "aria-hidden": "true" }),
      NAMES[part.name] ?? part.name,
      " ",
      el("b", null, written(part.milliseconds)),
    ),
  );
  const answered = [requestId && `request ${requestId}`, version && `model version ${version.slice(0, 12)}`]
    .filter(Boolean)
    .join(" · ");
  return el(
    "section",
    { class: "timing", "aria-label": "Time" },
    el("p", null, el("b", { class: "total" }, written(milliseconds)), hidden(" from the click to the answer")),
    parts.length ? el("div", { class: "split", "aria-hidden": "true" }, segments) : null,
    parts.length ? el("ul", { class: "legend", "aria-label": "Phases" }, legend) : null,
    answered ? el("p", { class: "note ids" }, answered) : null,
  );
}

/** The same for those who listen. */
export const saidTime = ({ milliseconds }) => written(milliseconds);
