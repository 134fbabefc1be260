"""Questions on passages: the nested JSON of SQuAD 1.1 and 2.0, and answers in every form that rows have them in.

SQuAD: Rajpurkar et al. 2016 and 2018; XQuAD, MLQA, GermanQuAD and most others use the same layout.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from encodery.data.formats.conversion import only_keys
from encodery.data.formats.json_document import Document
from encodery.data.formats.options import FormatOptions
from encodery.errors import UserError
from encodery.files.records import Record

_ANSWER_KEYS = ("answers", "plausible_answers")
_ARTICLE, _PARAGRAPH = "article", "paragraph"
"""Keys of a record for what the file says of the whole article or paragraph, beside title and context."""


def read_squad(path: Path, options: FormatOptions) -> Iterator[tuple[str, Record]]:
    """Questions as `{"id", "question", "context", "answers": {"text", "answer_start"}, "title"?}`.

    Raises:
        UserError: not JSON, or not the layout of SQuAD.
    """
    document = Document(path)
    if document.opens != "{":
        raise UserError(f'{path}: not the layout of SQuAD, {{"data": [{{"paragraphs": [...]}}]}}; see docs/data.md')
    for article_at, article in document.array(document.start, "data"):
        _require(document.source(article_at), article, "an article", "paragraphs")
        for paragraph_at, paragraph in document.array(article_at, "paragraphs"):
            _require(document.source(paragraph_at), paragraph, "a paragraph", "context", "qas")
            about = _about(article, paragraph)
            for at, question in document.array(paragraph_at, "qas"):
                source = document.source(at)
                _require(source, question, "a question", "question")
                record = {**about, **question}
                yield source, document.sound(at, question_form(source, _in_order(record)))


def question_form(source: str, record: Record) -> Record:
    """The record with its answers in the form of SQuAD's rows, whatever form they have."""
    return {key: answers_form(source, key, value) if key in _ANSWER_KEYS else value for key, value in record.items()}


def answers_form(source: str, key: str, answers: Any) -> dict[str, list[Any]] | None:
    """Answers as `{"text": [...], "answer_start": [...]}`: from a list of answers or from columns.

    What else is said of answers is kept as a column of its own. A question without an answer has empty lists; `null`
    says neither and stays what it is.

    Raises:
        UserError: none of these forms, or columns of different lengths.
    """
    if answers is None:
        return None
    if isinstance(answers, dict) and isinstance(answers.get("text"), str):
        answers = [answers]
    if isinstance(answers, list) and all(isinstance(answer, dict) for answer in answers):
        columns = dict.fromkeys(["text", "answer_start", *(name for answer in answers for name in answer)])
        return {name: [answer.get(name) for answer in answers] for name in columns}
    if isinstance(answers, dict) and all(isinstance(column, list | None) for column in answers.values()):
        columns = {"text": None, "answer_start": None, **answers}
        longest = max(len(column or ()) for column in columns.values())
        filled = {name: column or [] for name, column in columns.items()}
        if {len(column) for column in filled.values()} <= {0, longest}:
            return filled
    raise UserError(
        f'{source}: {key} = {answers!r:.80} are no answers; write {{"text": [...], "answer_start": [...]}}, as many '
        "starts as texts"
    )


def _require(source: str, value: Any, what: str, *keys: str) -> None:
    if not isinstance(value, dict):
        raise UserError(f"{source}: {value!r:.80} where {what} is expected; see docs/data.md for the layout of SQuAD")
    for key in keys:
        if key not in value:
            raise UserError(
                f"{source}: {what} without {key!r}; it has {', '.join(value) or 'no keys'}; repair the file"
            )


def _about(article: Record, paragraph: Record) -> Record:
    about: Record = {"context": paragraph["context"]}
    if "title" in article:
        about["title"] = article["title"]
    for name, whole, known in (
        (_ARTICLE, article, ("title", "paragraphs")),
        (_PARAGRAPH, paragraph, ("context", "qas")),
    ):
        if rest := {key: value for key, value in whole.items() if key not in known}:
            about[name] = rest
    return about


def _in_order(record: Record) -> Record:
    """The four keys of every question first."""
    record.setdefault("answers", None)
    first = [key for key in ("id", "question", "context", "answers", "title") if key in record]
    return {key: record[key] for key in [*first, *(key for key in record if key not in first)]}


def prepare_squad(source: str, record: Record) -> Record:
    """The record with its answers in one form.

    Raises:
        UserError: no question or context, or a key that SQuAD has no place for.
    """
    for key in ("question", "context"):
        if key not in record:
            raise UserError(f"{source}: no {key!r}; SQuAD holds questions on passages; write jsonl")
    if "qas" in record or "paragraphs" in record:
        only_keys(source, record, record.keys() - {"qas", "paragraphs"}, "a question of SQuAD")
    return question_form(source, _in_order(dict(record)))


def squad_document(records: Sequence[Record]) -> dict[str, Any]:
    """Prepared records as a document; neighbours of the same article and passage share them."""
    articles: list[Record] = []
    for record in records:
        about = {key: record[key] for key in ("title",) if key in record} | record.get(_ARTICLE, {})
        if not articles or {key: value for key, value in articles[-1].items() if key != "paragraphs"} != about:
            articles.append({**about, "paragraphs": []})
        paragraphs = articles[-1]["paragraphs"]
        about = {"context": record["context"], **record.get(_PARAGRAPH, {})}
        if not paragraphs or {key: value for key, value in paragraphs[-1].items() if key != "qas"} != about:
            paragraphs.append({**about, "qas": []})
        paragraphs[-1]["qas"].append(_question(record))
    has_impossible = any(record.get("is_impossible") is not None for record in records)
    return {"version": "v2.0" if has_impossible else "1.1", "data": articles}


def _question(record: Record) -> Record:
    about = ("context", "title", _ARTICLE, _PARAGRAPH)
    question = {key: value for key, value in record.items() if key not in about}
    for key in _ANSWER_KEYS:
        if key in question:
            columns = {name: column for name, column in question[key].items() if column}
            length = max(map(len, columns.values()), default=0)
            question[key] = [{name: column[at] for name, column in columns.items()} for at in range(length)]
    return question
