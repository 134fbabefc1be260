// The request that is on the screen, for a terminal or a program. A key is never written out, only where it is.

const KEY = "ENCODERY_API_KEY";

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A value as Python spells it, indented. JSON's strings are Python's. */
function python(value, indent) {
  const inner = indent + "    ";
  const block = (open, lines, close) =>
    lines.length ? `${open}\n${inner}${lines.join(`,\n${inner}`)},\n${indent}${close}` : open + close;
  if (Array.isArray(value))
    return block(
      "[",
      value.map((entry) => python(entry, inner)),
      "]",
    );
  if (value && typeof value === "object") {
    return block(
      "{",
      Object.entries(value).map(([key, entry]) => `${JSON.stringify(key)}: ${python(entry, inner)}`),
      "}",
    );
  }
  return value === null ? "None" : value === true ? "True" : value === false ? "False" : JSON.stringify(value);
}

function curl({ url, model, inputs, hasKey }) {
  const lines = [`curl ${shell(url)}`, `-H 'Content-Type: application/json'`];
  if (hasKey) lines.push(`-H "Authorization: Bearer $${KEY}"`);
  lines.push(`-d ${shell(JSON.stringify({ model, inputs }, null, 2)).replaceAll("\n", "\n  ")}`);
  return lines.join(" \\\n  ");
}

function requests({ url, model, inputs, hasKey }) {
  return [
    ...(hasKey ? ["import os", ""] : []),
    "import requests",
    "",
    "response = requests.post(",
    `    ${JSON.stringify(url)},`,
    `    json=${python({ model, inputs }, "    ")},`,
    ...(hasKey ? [`    headers={"Authorization": f"Bearer {os.environ['${KEY}']}"},`] : []),
    "    timeout=10,",
    ")",
    "response.raise_for_status()",
    "print(response.json())",
  ].join("\n");
}

function client({ base, task, model, inputs, hasKey }) {
  const key = hasKey ? `, api_key=os.environ["${KEY}"]` : "";
  return [
    ...(hasKey ? ["import os", ""] : []),
    "from encodery.client import Client",
    "",
    `with Client(${JSON.stringify(base)}${key}) as client:`,
    `    print(client.predict(${JSON.stringify(task)}, ${python(inputs, "    ")}, model=${JSON.stringify(model)}))`,
  ].join("\n");
}

/** The name of each language and what writes it. */
export const SNIPPETS = { curl, Python: client, requests };
