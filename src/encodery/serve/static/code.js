// The panel with the request in code: a tab for each language, and what copies it.

import { byId, el, say } from "./elements.js";
import { SNIPPETS } from "./snippets.js";

/** Makes the tabs; `describe` tells of the request, and is asked anew at every `show`. Returns `show`. */
export function makeCode(describe) {
  const code = byId("snippet").querySelector("code");
  let language;

  function show() {
    try {
      const request = describe();
      code.replaceChildren(request ? SNIPPETS[language](request) : "");
    } catch (error) {
      code.replaceChildren(`The record is not JSON yet: ${error.message}`);
    }
  }

  const tabs = Object.keys(SNIPPETS).map((name, place) => {
    const attributes = { type: "button", role: "tab", id: `tab-${place}`, "aria-controls": "snippet" };
    return el("button", { ...attributes, onclick: () => choose(place) }, name);
  });

  function choose(place) {
    language = tabs[place].textContent;
    tabs.forEach((tab, other) => {
      tab.setAttribute("aria-selected", String(other === place));
      tab.tabIndex = other === place ? 0 : -1;
    });
    byId("snippet").setAttribute("aria-labelledby", tabs[place].id);
    show();
  }

  byId("tabs").append(...tabs);
  byId("tabs").addEventListener("keydown", (event) => {
    const here = tabs.indexOf(document.activeElement);
    const last = tabs.length - 1;
    const places = {
      ArrowRight: here === last ? 0 : here + 1,
      ArrowLeft: here ? here - 1 : last,
      Home: 0,
      End: last,
    };
    const next = places[event.key];
    if (here < 0 || next === undefined) return;
    event.preventDefault();
    choose(next);
    tabs[next].focus();
  });
  byId("copy").addEventListener("click", () => copy(code));
  choose(0);
  return show;
}

/** To the clipboard; where the browser has none (no HTTPS), it is selected. */
async function copy(code) {
  let done = ["Copied", "Copied"];
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    getSelection().selectAllChildren(code);
    done = ["Selected", "The code is selected: copy it with the keyboard"];
  }
  byId("copy").replaceChildren(done[0]);
  say(done[1]);
  setTimeout(() => byId("copy").replaceChildren("Copy"), 1600);
}
