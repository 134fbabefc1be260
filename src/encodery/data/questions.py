"""Questions about a text, with the spans of the text that answer them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from encodery.data import columns
from encodery.errors import UserError
from encodery.files.records import Record

_FORM = '{"text": ["..."], "answer_start": [0]} is the form'


class Answer(NamedTuple):
    """Characters of the context (code points, half-open)."""

    start: int
    end: int
    text: str


class QuestionFields(columns.Fields):
    """The columns that hold the question, the text that may answer it, and the answers; `id` may be absent."""

    id: str = "id"
    question: str = "question"
    context: str = "context"
    answers: str = "answers"
    language: str = "language"


@dataclass(frozen=True)
class QuestionExample:
    """A question and its text; `source` is `file:line`."""

    question: str
    context: str
    answers: tuple[Answer, ...] | None
    """All that are right; () if the text does not say, None if it is not known."""
    source: str
    language: str | None = None
    id: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """What a tokenizer reads of it."""
        return (self.question, self.context)


def read_question(source: str, record: Record, fields: QuestionFields) -> QuestionExample:
    """A labelled record: a row of SQuAD. `answers` with empty lists are "no answer".

    Raises:
        UserError: a column is missing, a text is blank, `answers` are null (which says neither), or an answer is not
            in the context where it says; begins with `source`.
    """
    context = columns.text(source, record, "context", fields.context)
    stated = columns.column(source, record, "answers", fields.answers)
    return QuestionExample(
        columns.text(source, record, "question", fields.question),
        context,
        _answers(source, stated, context, fields.answers),
        source,
        columns.language(source, record, fields.language),
        _id(record.get(fields.id)),
    )


def input_question(source: str, record: Record) -> QuestionExample:
    """A record to predict for; answers in it are passed over.

    Raises:
        UserError: no question or no context, or a value that is no text; begins with `source`.
    """
    question, context = (columns.given_text(source, record, key) for key in ("question", "context"))
    language = columns.given_language(source, record)
    return QuestionExample(question, context, None, source, language, _id(record.get("id")))


def _id(value: Any) -> str | None:
    return None if value is None else str(value)


def _answers(source: str, stated: Any, context: str, name: str) -> tuple[Answer, ...]:
    if stated is None:
        raise UserError(
            f"{source}: {name} is null: neither an answer nor that there is none; a question without answer has "
            '{"text": [], "answer_start": []}; give the answer or remove the record (encodery validate finds all)'
        )
    texts, starts = (stated.get(key) for key in ("text", "answer_start")) if isinstance(stated, dict) else (0, 0)
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        raise UserError(f"{source}: {name} = {stated!r:.80}; {_FORM}, with as many offsets as texts")
    return tuple(_answer(source, pair, context, name) for pair in zip(texts, starts, strict=True))


def _answer(source: str, pair: tuple[Any, Any], context: str, name: str) -> Answer:
    text, start = pair
    if not isinstance(text, str) or not isinstance(start, int) or isinstance(start, bool):
        raise UserError(f"{source}: {name}: text {text!r:.80} with answer_start {start!r:.20}; {_FORM}")
    if not text.strip():
        raise UserError(f"{source}: {name}: text {text!r:.80} is blank; a question without answer has empty lists")
    if start < 0 or context[start : start + len(text)] != text:
        raise UserError(
            f"{source}: {name}: {text!r:.80} is not at answer_start = {start} of {len(context)} characters; correct "
            "the offset (encodery validate finds all such records, --fix corrects what is clear)"
        )
    return Answer(start, start + len(text), text)
