// What the page asks of the server, and what can go wrong.

/** An answer that is none: the body of an error, or that there was no answer. */
export class Failure extends Error {
  constructor(status, body, headers) {
    super(
      typeof body?.message === "string"
        ? body.message
        : `The server answered with status ${status} and no explanation.`,
    );
    this.status = status;
    this.code = body?.code ?? null;
    this.hint = body?.hint ?? null;
    this.field = body?.field ?? null;
    this.limit = body?.limit ?? null;
    this.requestId = body?.request_id ?? headers?.get("X-Request-Id") ?? null;
    this.retryAfter = headers?.get("Retry-After") ?? null;
  }
}

/** Where a route is, also behind a proxy that serves the page under a path. */
export const address = (route) => new URL(route, document.baseURI).href;

/** The models that are served, and the names of those that are being loaded. */
export async function listModels(key, signal) {
  const { body } = await fetched("v1/models", { signal }, key);
  const models = Array.isArray(body?.data) ? body.data.filter((model) => typeof model?.id === "string") : [];
  return { models, loading: Array.isArray(body?.loading) ? body.loading.map(String) : [] };
}

/** What a model says of the inputs: the prediction, how long it took, who answered. */
export async function ask(task, model, inputs, key, signal) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model, inputs }),
    signal,
  };
  return fetched(`v1/${encodeURIComponent(task)}`, request, key);
}

async function fetched(route, request, key) {
  const headers = {
    Accept: "application/json",
    ...request.headers,
    ...(key ? { Authorization: `Bearer ${key}` } : {}),
  };
  const since = performance.now();
  let response, text;
  try {
    response = await fetch(address(route), { ...request, headers, cache: "no-store", credentials: "same-origin" });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, {
      code: "unreachable",
      message: "The server cannot be reached.",
      hint: "Is it still running?",
    });
  }
  const milliseconds = performance.now() - since;
  const body = parsed(text);
  if (!response.ok || body === undefined) throw new Failure(response.status, body, response.headers);
  return {
    body,
    milliseconds,
    phases: readPhases(response.headers.get("Server-Timing") ?? ""),
    requestId: response.headers.get("X-Request-Id"),
    version: response.headers.get("X-Model-Version"),
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `queue;dur=0.1, infer;dur=2.5` as names and milliseconds; a total is no phase. */
export function readPhases(header) {
  const phases = [];
  for (const part of header.split(",")) {
    const found = /^\s*([\w.-]+)\s*;.*?\bdur=([\d.]+)/.exec(part);
    if (found && found[1] !== "total") phases.push({ name: found[1], milliseconds: Number(found[2]) });
  }
  return phases;
}
