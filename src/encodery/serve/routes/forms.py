"""The forms of records and predictions, as JSON schemas of the OpenAPI description."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
_NAME: Schema = {"type": "string", "description": "of a model; needed where several do the task"}
_SCORE: Schema = {"type": "number", "minimum": 0, "maximum": 1.001}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def _text(description: str = "", **more: Any) -> Schema:
    return {"type": "string", **({"description": description} if description else {}), **more}


def _prediction(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    truncated = {"truncated": {"type": "boolean", "description": "some of the text was left out"}}
    return {**_object(required, {**(optional or {}), **truncated}), "additionalProperties": True}


def _nullable(kind: str) -> Schema:
    return {"type": [kind, "null"]}


@dataclass(frozen=True)
class TaskForm:
    """What a task's route takes and gives."""

    summary: str
    record: Schema
    prediction: Schema
    example: Any

    def request(self, task: str, max_inputs: int) -> Schema:
        """The body."""
        record = {"anyOf": [{"type": "string"}, self.record]}
        if "text" not in self.record["properties"]:
            record = self.record
        inputs = {"anyOf": [record, {"type": "array", "items": record, "minItems": 1, "maxItems": max_inputs}]}
        return {
            **_object({"inputs": inputs}, {"model": _NAME}),
            "title": f"{task} request",
            "example": {"inputs": self.example},
        }

    def response(self) -> Schema:
        """One prediction, or a list where a list was given."""
        return {"anyOf": [self.prediction, {"type": "array", "items": self.prediction}]}


_LANGUAGE = {"language": _text("of the text, for models with vectors of languages")}
_PLACE: Schema = {"type": "integer", "minimum": 0, "description": "in characters (code points) of the text as given"}
_ENTITY = _object({"start": _PLACE, "end": _PLACE, "label": _text(), "score": _SCORE, "text": _text()})
_DIRECTION = {
    "source_language": _text("of the text; may be left out where one direction alone fits"),
    "target_language": _text("to translate into; the same"),
}
_TRANSLATED = _object({"translation": _text(), "score": _SCORE})
_WORDS: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}

TASKS: Mapping[str, TaskForm] = {
    "text-classification": TaskForm(
        "The label of a text, or of a pair of texts",
        _object({"text": _text()}, {"text_pair": _text(), **_LANGUAGE}),
        _prediction({}, {"label": {}, "score": {}, "scores": {"type": "object"}}),
        {"text": "A fine day"},
    ),
    "token-classification": TaskForm(
        "The entities in a text",
        _object({}, {"text": _text(), "tokens": _WORDS, **_LANGUAGE}),
        _prediction(
            {"entities": {"type": "array", "items": _ENTITY}},
            {"tags": {"type": "array", "items": {"type": "string"}}},
        ),
        {"text": "Ada Lovelace was born in London."},
    ),
    "question-answering": TaskForm(
        "The part of a context that answers a question",
        _object({"question": _text(), "context": _text()}, _LANGUAGE),
        _prediction(
            {
                "answer": _nullable("string"),
                "start": _nullable("integer"),
                "end": _nullable("integer"),
                "score": _SCORE,
            }
        ),
        {"question": "Where was Ada born?", "context": "Ada Lovelace was born in London."},
    ),
    "fill-mask": TaskForm(
        "The likeliest words in the place of a text's mask token",
        _object({"text": _text()}, _LANGUAGE),
        _prediction(
            {
                "predictions": {
                    "type": "array",
                    "items": _object(
                        {"token": _text(), "token_id": {"type": "integer"}, "score": _SCORE, "sequence": _text()}
                    ),
                }
            }
        ),
        {"text": "Ada was born in [MASK]."},
    ),
    "feature-extraction": TaskForm(
        "The vector of a text",
        _object({"text": _text()}, _LANGUAGE),
        _prediction({"embedding": {"type": "array", "items": {"type": "number"}}}),
        {"text": "A fine day"},
    ),
    "translation": TaskForm(
        "A text in another language",
        _object({"text": _text()}, _DIRECTION),
        _prediction({"translation": _text(), "score": _SCORE}, {"n_best": {"type": "array", "items": _TRANSLATED}}),
        {"text": "A fine day", "source_language": "en", "target_language": "de"},
    ),
    "multiple-choice": TaskForm(
        "The best of several continuations of a text",
        _object({"text": _text(), "choices": _WORDS}, _LANGUAGE),
        _prediction({"label": {"type": "integer"}, "choice": _text(), "score": _SCORE, "scores": {"type": "array"}}),
        {"text": "It rained all day, so", "choices": ["she stayed in.", "she went swimming."]},
    ),
}
