"""The server under the page, with models whose answers are known."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from encodery.serve.answers import Answer, InvalidRecord, ModelInfo, Overloaded, Work
from encodery.serve.app import create_app
from encodery.serve.auth import Keys
from encodery.serve.service import Service
from encodery.serve.settings import Settings

KEY = "a-key-of-the-tests"
SECONDS = {"queue": 0.00021, "tokenize": 0.00034, "infer": 0.0061, "decode": 0.00012}
VERSION = "4f1d0c92aa31be07"
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
        {
            "start": hit.start(),
            "end": hit.end(),
            "label": label,
            "score": 0.9987 - 0.0301 * place,
            "text": hit.group(),
        }
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
    scores = [0.25, 0.71, 0.03, 0.01][: len(record["choices"])]
    return {"label": 1, "choice": record["choices"][1], "score": 0.71, "scores": scores}


def translation(record: Record) -> dict[str, Any]:
    said = {"en": "A dog.", "de": "Ein Hund.", "ar": "كلب."}[record.get("target_language", "de")]
    best = [{"translation": text, "score": score} for text, score in ((said, 0.81), (said.lower(), 0.4))]
    return {**best[0], "n_best": best}


def vector(record: Record) -> dict[str, Any]:
    return {"embedding": VECTORS.get(record["text"], [1.0, float(len(record["text"]))])}


def evil_entities(record: Record) -> dict[str, Any]:
    entity = {"start": 0, "end": len(record["text"]), "label": EVIL, "score": 0.5, "text": record["text"]}
    return {"entities": [entity]}


def odd(record: Record) -> dict[str, Any]:
    return {"odd": EVIL, "sent": record}


class KnownModel:
    """Answers each record by a function; texts that are `!429` or `!evil` are refused."""

    is_ready = True

    def __init__(self, name: str, task: str, predict: Callable[[Record], Any], **about: Any) -> None:
        given = {"labels": (), "embeds": task == "feature-extraction", "languages": (), **about}
        self.info = ModelInfo(
            name, task, max_seqlen=512, hidden_size=2, engine="openvino", dtype="int8", version=VERSION, **given
        )
        self.predict = predict

    async def answer(
        self, records: Sequence[str | Mapping[str, Any]], work: Work = "predict", deadline: float | None = None
    ) -> Answer:
        found = []
        for place, record in enumerate(records):
            record = {"text": record} if isinstance(record, str) else record
            if record.get("text") == "!429":
                raise Overloaded("too much is waiting", retry_after=3.0)
            if record.get("text") == "!evil":
                raise InvalidRecord(EVIL, place=place)
            found.append(vector(record) if work == "embed" else self.predict(record))
        documents = [json.dumps(prediction, ensure_ascii=False).encode() for prediction in found]
        return Answer(documents, self.info.version, 7, 0, SECONDS)  # type: ignore[arg-type]


TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-DATE", "I-DATE")


def known_models() -> dict[str, KnownModel]:
    """One or more for each task."""
    models = [
        KnownModel("names-multilingual", "token-classification", entities, labels=TAGS, embeds=True),
        KnownModel("overlapping", "token-classification", overlapping),
        KnownModel("odd", "token-classification", odd),
        KnownModel("reviews", "text-classification", label, labels=("negative", "positive"), languages=("en", "tr")),
        KnownModel("emotions", "text-classification", labels, labels=tuple(LABELS)),
        KnownModel("stars", "text-classification", number, labels=("LABEL_0",)),
        KnownModel("answers", "question-answering", answer),
        KnownModel("masked", "fill-mask", masks, mask_token="<mask>"),
        KnownModel("vectors", "feature-extraction", vector),
        KnownModel("choices", "multiple-choice", choice),
        KnownModel("translations", "translation", translation, directions=(("en", "de"), ("de", "ar"))),
        KnownModel(EVIL, "token-classification", evil_entities, labels=(EVIL,)),
    ]
    return {model.info.name: model for model in models}


def make_app(
    models: Mapping[str, KnownModel] | None = None, keys: str = "", loading: set[str] | None = None, **settings: Any
) -> FastAPI:
    service = Service(
        known_models() if models is None else models,
        Settings(log_requests=False, **settings),
        Keys(environment=keys),
        loading=set() if loading is None else loading,
    )
    return create_app(service)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The application on a free port, in a thread; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
