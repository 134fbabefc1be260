"""How well a language model of good text expects a document: CCNet's measure of quality (Wenzek et al., 2020, section
3.3). A model is trained for each language that the recipe names good text of; documents in other languages have no
perplexity and are in the bucket `all`."""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from encodery.config import Config
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.languages import language_code
from encodery.corpus.ledger import Ledger
from encodery.corpus.lm.buckets import BUCKETS, Bucket, Cutoffs, Perplexities
from encodery.corpus.lm.grams import MAX_ORDER
from encodery.corpus.lm.model import LanguageModel
from encodery.corpus.lm.training import train_model
from encodery.corpus.page import Page
from encodery.corpus.readers import read_documents

_CODE = re.compile("[a-z0-9]{1,32}")
"""What the folder of a model may be called."""
MODEL_BYTES = 2 << 30
"""Of models in memory, by the size of their files; those not used for longest make room. A batch of pages has
many languages: if their models did not all fit, they would be read again for each batch."""


def _named(inputs: tuple[CorpusInput, ...]) -> tuple[CorpusInput, ...]:
    for entry in inputs:
        if entry.language is None:
            raise ValueError(f'{entry.path!r}: of good text the language must be named: language = "en"')
        if not _CODE.fullmatch(language_code(entry.language)):
            raise ValueError(f'language = {entry.language!r:.80} is no code of a language; "en" or "eng" is')
    return inputs


def _rising(values: tuple[float, float]) -> tuple[float, float]:
    if not 0 < values[0] <= values[1]:
        raise ValueError("two rising numbers are needed: below the first is the head, below the second the middle")
    return values


Rising = Annotated[tuple[float, float], AfterValidator(_rising)]


class PerplexityConfig(Config):
    """`[corpus.clean.perplexity]`; the numbers are CCNet's."""

    good: Annotated[tuple[CorpusInput, ...], Field(min_length=1), AfterValidator(_named)]
    """Text that is as text should be, with its language; CCNet takes the first paragraphs of Wikipedia's articles."""
    max_documents: PositiveInt = 1_000_000
    """So many good ones of a language at most."""
    vocab_size: PositiveInt = 65_536
    """Pieces of a language; fewer where its text has no more."""
    order: int = Field(default=5, ge=2, le=MAX_ORDER)
    """Of the n-grams."""
    lmplz: str | None = None
    """kenlm's program that estimates n-gram models, for more good text than some ten million words: it does in
    minutes what Encodery's own estimator does in an hour, and `build_binary` beside it makes models that load at
    once."""
    percentiles: Rising = (30.0, 60.0)
    """Of the perplexities of a language: below the first is the head, below the second the middle."""
    cutoffs: Mapping[str, Rising] = {}
    """Perplexities by language, in place of the percentiles: `cutoffs = { en = [340.2, 620.5] }`."""
    keep: Annotated[tuple[Bucket, ...], Field(min_length=1)] = BUCKETS
    """The buckets that are kept."""

    @model_validator(mode="after")
    def _cutoffs_of_judged(self) -> "PerplexityConfig":
        judged = languages_of(self)
        for language in self.cutoffs:
            if language_code(language) not in judged:
                raise ValueError(
                    f"cutoffs.{language:.80}: good has no text in this language, so it is not measured; it has "
                    f"{', '.join(judged)}"
                )
        return self


class PerplexityStep:
    """Writes `Page.scores["perplexity"]`; drops nothing, since what is much is known when all are measured."""

    name = "perplexity"

    def __init__(self, config: PerplexityConfig, models: Path) -> None:
        self._models = models
        self._languages = frozenset(languages_of(config))
        self._loaded: OrderedDict[str, LanguageModel] = OrderedDict()
        self._sizes: dict[str, int] = {}

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Measure all pages that are not dropped and whose language has a model."""
        by_language: dict[str, list[Page]] = {}
        for page in pages:
            if not page.dropped and page.language in self._languages:
                by_language.setdefault(page.language, []).append(page)
        for language, alike in by_language.items():
            measured = self._model(language).perplexities([page.text for page in alike])
            for page, perplexity in zip(alike, measured, strict=True):
                page.scores[self.name] = perplexity

    def _model(self, language: str) -> LanguageModel:
        if language not in self._loaded:
            self._sizes[language] = sum(file.stat().st_size for file in (self._models / language).glob("*"))
            while self._loaded and sum(map(self._sizes.__getitem__, [*self._loaded, language])) > MODEL_BYTES:
                self._loaded.popitem(last=False)
            self._loaded[language] = LanguageModel(self._models / language)
        self._loaded.move_to_end(language)
        return self._loaded[language]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_loaded": OrderedDict()}  # models are read where they are used


def languages_of(config: PerplexityConfig) -> list[str]:
    """The languages that get a model, sorted: `train` once for each."""
    return sorted({language_code(entry.language or "") for entry in config.good})


def train(config: PerplexityConfig, language: str, base: Path, into: Path) -> None:
    """Train a language's model into a folder: `models / language` of the step.

    Raises:
        UserError: an input is missing or broken, has too little text, or `lmplz` fails.
    """
    inputs = [entry for entry in config.good if language_code(entry.language or "") == language]
    train_model(
        _texts(inputs, base, config.max_documents),
        into,
        vocab_size=config.vocab_size,
        order=config.order,
        lmplz=base / config.lmplz if config.lmplz else None,
        language=language,
    )


def cutoffs(perplexities: Perplexities, config: PerplexityConfig, language: str) -> Cutoffs:
    """Where head, middle and tail of a language end, given the perplexities of all its documents in any order."""
    table = {language_code(code): values for code, values in config.cutoffs.items()}
    if language in table:
        return Cutoffs(*table[language])
    return perplexities.cutoffs(config.percentiles)


def _texts(inputs: Sequence[CorpusInput], base: Path, at_most: int) -> Iterator[str]:
    return islice((document.text for document in read_documents(inputs, base)), at_most)
