"""A small server under the page: models whose answers are known, with the wire contract of the real one."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from encodery.serve.page import page_router

KEY = "a-key-of-the-tests"
TIMING = 'queue;dur=0.21, tokenize;dur=0.34;desc="words, pieces", infer;dur=6.1, decode;dur=0.12'
NAMES = {
    "Selma Brandt": "PER", "Riga": "LOC", "Lisbon": "LOC", "Aurora": "ORG", "Red Cross": "ORG", "Geneva": "LOC",
    "March 1921": "DATE", "Mae Okafor": "PER", "Nairobi": "LOC", "Oslo": "LOC", "Nordic Space Agency": "ORG",
    "ليلى حداد": "PER", "دمشق": "LOC", "الرباط": "LOC", "جامعة محمد الخامس": "ORG", "林晓梅": "PER", "成都": "LOC",
    "上海": "LOC", "复旦大学": "ORG", "杭州": "LOC",
}  # fmt: skip
LABELS = {"anger": 0.004, "joy": 0.871, "love": 0.536, "sadness": 0.0002, "surprise": 0.113}
VECTORS = {"a": [3.0, 4.0], "b": [4.0, 3.0], "c": [-4.0, 3.0]}
"""Cosines: a·b 0.96, a·c 0, b·c -0.28."""
EVIL = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"

Record = Mapping[str, Any]


def entities(record: Record) -> dict[str, Any]:
    """The names in a text, by code points."""
    found = [
        {"start": hit.start(), "end": hit.end(), "label": label, "score": 0.9987 - 0.0301 * place, "text": hit.group()}
        for place, (name, label) in enumerate(NAMES.items())
        for hit in re.finditer(re.escape(name), record["text"])
    ]
    return {"entities": sorted(found, key=lambda entity: entity["start"])}


def overlapping(record: Record) -> dict[str, Any]:
    """Entities inside of and across each other, and one that is not in the text at all."""
    spans = [(0, 9, "OUTER"), (4, 9, "INNER"), (6, 13, "CROSS"), (90, 99, "BEYOND")]
    text = record["text"]
    return {
        "entities": [{"start": a, "end": b, "label": name, "score": 0.5, "text": text[a:b]} for a, b, name in spans]
    }


def answer(record: Record) -> dict[str, Any]:
    """The first year or the word after the first comma; nothing where there is neither."""
    hit = re.search(r"\d{4}|(?<=، )\S+", record["context"])
    if hit is None:
        return {"answer": None, "start": None, "end": None, "score": 0.8312}
    return {"answer": hit.group(), "start": hit.start(), "end": hit.end(), "score": 0.9134}


def masks(record: Record) -> dict[str, Any]:
    words = {"oven": 0.412, "shop": 0.2871, "door": 0.1523, "bakery": 0.0518, "window": 0.0007}
    return {
        "predictions": [
            {"token": word, "token_id": 7, "score": score, "sequence": record["text"].replace("<mask>", word)}
            for word, score in words.items()
        ]
    }


def label(record: Record) -> dict[str, Any]:
    positive = 0.9731 if "text_pair" not in record else 0.25
    scores = {"negative": 1 - positive, "positive": positive}
    best = max(scores, key=lambda name: scores[name])
    return {"label": best, "score": scores[best], "scores": scores}


def labels(record: Record) -> dict[str, Any]:
    chosen = {name: score for name, score in LABELS.items() if score > 0.5 and record["text"] != "nothing"}
    return {"label": list(chosen), "score": list(chosen.values()), "scores": LABELS}


def number(record: Record) -> dict[str, Any]:
    return {"label": 3.8125, "score": 3.8125, "scores": {"LABEL_0": 3.8125}}


def choice(record: Record) -> dict[str, Any]:
    return {"label": 1, "choice": record["choices"][1], "score": 0.75, "scores": [0.25, 0.75]}


def vector(record: Record) -> dict[str, Any]:
    return {"embedding": VECTORS.get(record["text"], [1.0, float(len(record["text"]))])}


def evil_entities(record: Record) -> dict[str, Any]:
    entity = {"start": 0, "end": len(record["text"]), "label": EVIL, "score": 0.5, "text": record["text"]}
    return {"entities": [entity]}


def odd(record: Record) -> dict[str, Any]:
    return {"odd": EVIL, "sent": record}


def _info(name: str, task: str, labels: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "id": name, "object": "model", "task": task, "labels": labels, "max_seqlen": 512, "hidden_size": 2,
        "embeds": task == "feature-extraction", "languages": [], "engine": "openvino", "dtype": "int8",
        "version": "4f1d0c92aa31be07", **more,
    }  # fmt: skip


Predict = Callable[[Record], Any]
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-DATE", "I-DATE")
MODELS: dict[str, tuple[dict[str, Any], Predict]] = {
    info["id"]: (info, predict)
    for info, predict in [
        (_info("names-multilingual", "token-classification", TAGS, embeds=True), entities),
        (_info("overlapping", "token-classification"), overlapping),
        (_info("reviews", "text-classification", ("negative", "positive"), languages=["en", "tr"]), label),
        (_info("emotions", "text-classification", tuple(LABELS)), labels),
        (_info("stars", "text-classification", ("LABEL_0",)), number),
        (_info("answers", "question-answering"), answer),
        (_info("masked", "fill-mask", mask_token="<mask>"), masks),
        (_info("vectors", "feature-extraction"), vector),
        (_info("choices", "multiple-choice"), choice),
        (_info("new-task", "summaries"), odd),
        (_info(EVIL, "token-classification", (EVIL,), version=EVIL, engine=EVIL), evil_entities),
    ]
}


def refuse(status: int, code: str, message: str, **more: Any) -> Response:
    body = {"code": code, "message": message, "hint": None, "field": None, "limit": None, "request_id": "r-17", **more}
    return JSONResponse(body, status, {"Retry-After": "3"} if status == 429 else None)


def make_app(key: str | None = None, models: Mapping[str, tuple[dict[str, Any], Predict]] = MODELS) -> FastAPI:
    """The page and the routes that it asks; texts that are `!429` or `!evil` are refused."""
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(page_router())

    def is_denied(request: Request) -> bool:
        return key is not None and request.headers.get("Authorization") != f"Bearer {key}"

    @app.get("/v1/models")
    async def list_models(request: Request) -> Response:
        if is_denied(request):
            return refuse(401, "unauthorized", "An API key is needed.")
        return JSONResponse({"object": "list", "data": [info for info, _ in models.values()]})

    @app.post("/v1/{task}")
    async def predict(task: str, request: Request) -> Response:
        body = await request.json()
        if is_denied(request):
            return refuse(401, "unauthorized", "An API key is needed.")
        inputs = body["inputs"]
        text = "" if isinstance(inputs, list) else inputs.get("text")
        if text == "!429":
            return refuse(429, "overloaded", "Too much is waiting.", hint="Ask again later.", limit=32)
        if text == "!evil":
            return refuse(422, EVIL, EVIL, hint=EVIL, field=EVIL, limit=EVIL, request_id=EVIL)
        if text == "!plain":
            return Response(f"<h1>{EVIL}</h1>", 502, media_type="text/html")
        function = vector if task == "feature-extraction" else models[body["model"]][1]
        found = [function(record) for record in inputs] if isinstance(inputs, list) else function(inputs)
        headers = {"Server-Timing": TIMING, "X-Request-Id": "9b1c0f7e", "X-Model-Version": "4f1d0c92aa31be07"}
        return JSONResponse(found, headers=headers)

    return app
