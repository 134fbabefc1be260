// The one place where the page gets its elements: text is always text, nothing reads markup.

/** An element. Attributes that are null, undefined or false are left out, `on…` listen, `--…` are CSS variables;
 *  strings among the children become text. */
export function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) element.style.setProperty(key, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return element;
}

/** The element of this id, which the page has. */
export const byId = (id) => document.getElementById(id);

/** Tells those who listen. */
export const say = (text) => byId("status").replaceChildren(text);

/** What only screen readers say. */
export const hidden = (text) => el("span", { class: "hidden" }, text);

const percents = new Intl.NumberFormat("en", {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

/** A probability for people; one that is not quite 0 or 1 does not look as if it were. */
export function percent(score) {
  if (typeof score !== "number") return "–";
  if (score > 0 && score < 0.001) return "<0.1%";
  if (score < 1 && score > 0.999) return ">99.9%";
  return percents.format(score);
}

/** A bar as long as a probability; beside it stands the number, so it is nothing to be read aloud. */
export function bar(score, name = "") {
  const share = typeof score === "number" ? Math.min(Math.max(score, 0), 1) : 0;
  return el("span", { class: `bar ${name}`, "aria-hidden": "true" }, el("span", { "--share": share }));
}

/** A table with a caption for screen readers, in a box that scrolls by itself where it is too wide. */
export function table(name, caption, columns, rows) {
  const head = el(
    "tr",
    null,
    columns.map((column) => el("th", { scope: "col" }, column)),
  );
  return el(
    "div",
    { class: "scroll", role: "group", "aria-label": caption },
    el(
      "table",
      { class: name },
      el("caption", { class: "hidden" }, caption),
      el("thead", null, head),
      el("tbody", null, rows),
    ),
  );
}

/** The same, with the rows after the first `most` on demand. */
export function longTable(name, caption, columns, rows, most) {
  const shown = [table(name, caption, columns, rows.slice(0, most))];
  if (rows.length <= most) return shown;
  const rest = table(name, `Further ${caption.toLowerCase()}`, columns, rows.slice(most));
  return [
    ...shown,
    el(
      "details",
      { "aria-label": "More" },
      el("summary", null, `${(rows.length - most).toLocaleString("en")} more`),
      rest,
    ),
  ];
}

/** So many of something. */
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
