"""The record forms, as types: what is sent, and what comes back. They are plain dictionaries."""

from typing import TypedDict


class _Language(TypedDict, total=False):
    language: str
    """For models that have a vector for each language."""


class TextRecord(_Language, total=False):
    """A text, or a pair of texts, to be classified."""

    text: str
    text_pair: str


class TokensRecord(_Language):
    """A text that is cut into words already: predictions have a tag for each."""

    tokens: list[str]


class QuestionRecord(_Language):
    """A question to the text that has the answer."""

    question: str
    context: str


class TranslationRecord(TypedDict, total=False):
    """A text to be translated. A language may be left out where one direction of the model alone fits."""

    text: str
    source_language: str
    target_language: str


class _Prediction(TypedDict, total=False):
    truncated: bool
    """Present and true where some of the text was left out, or a translation did not come to its end."""


class Classification(_Prediction):
    """What a text is. Of several labels `label` and `score` are lists; of a regression they are the number."""

    label: str | list[str] | float
    score: float | list[float]
    scores: dict[str, float]


class Entity(TypedDict):
    """A part of a text: `text[start:end]` in code points."""

    start: int
    end: int
    label: str
    score: float
    text: str


class _Tags(_Prediction, total=False):
    tags: list[str]
    """One for each of the `tokens`, where these were sent."""


class Entities(_Tags):
    """The entities of a text, in order."""

    entities: list[Entity]


class AnswerPrediction(_Prediction):
    """A part of the context: `context[start:end]`; nulls where it has no answer."""

    answer: str | None
    start: int | None
    end: int | None
    score: float


class Fill(TypedDict):
    """A word in the place of the mask token, and the text with it."""

    token: str
    token_id: int
    score: float
    sequence: str


class FillMaskPrediction(_Prediction):
    """The likeliest words, the best first."""

    predictions: list[Fill]


class TranslationPrediction(_Prediction):
    """A text in another language; `score` is the probability of a token of it."""

    translation: str
    score: float


class ModelCard(TypedDict, total=False):
    """What is told of a model that is served."""

    id: str
    task: str
    labels: list[str]
    max_seqlen: int
    hidden_size: int
    embeds: bool
    languages: list[str]
    directions: list[list[str]]
    """From which language to which; of a model that translates."""
    engine: str
    dtype: str
    version: str
    """A hash of the folder's files, which every answer has, too, as `X-Model-Version`."""
    is_ready: bool
