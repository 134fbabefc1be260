"""Which language a text is in, as a number that the model has a vector for (Conneau and Lample 2019, 3.1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from encodery.errors import UserError


@runtime_checkable
class Spoken(Protocol):
    """An example of whatever task."""

    @property
    def source(self) -> str:
        """Its file and line."""

    @property
    def language(self) -> str | None:
        """What it is in, if it says."""


@dataclass(frozen=True)
class Languages:
    """The languages of a model and what a text is in that does not say; a model without such vectors has none."""

    ids: Mapping[str, int] | None = None
    """`lang2id` of `config.json`; None: the model has no vectors of languages, what a text says is passed over."""
    default: str | None = None

    def check_default(self, key: str) -> None:
        """Raises `UserError` if the model cannot use the default, which `key` set."""
        if self.default is not None and self.ids is None:
            raise UserError(f"{key} = {self.default!r}, but the model has no vectors of languages; leave it out")
        if self.default is not None:
            self._id(self.default, key)

    def id_of(self, example: Spoken) -> int | None:
        """The number of an example's language; None: no vector is added, as in `transformers`.

        Raises:
            UserError: the model does not know the language; begins with the example's file and line.
        """
        language = example.language or self.default
        return None if language is None or self.ids is None else self._id(language, f"{example.source}: language")

    def check_training(self, examples: Iterable[Spoken]) -> None:
        """Raises `UserError` if some examples have a language and others none: two kinds of input for one model."""
        ids = [(self.id_of(example), example.source) for example in examples]
        lacking = [source for language, source in ids if language is None]
        if 0 < len(lacking) < len(ids):
            raise UserError(
                f"{lacking[0]}: the language is missing, but other examples have one; add it, or set task.language"
            )

    def _id(self, language: str, key: str) -> int:
        assert self.ids is not None
        if language not in self.ids:
            allowed = ", ".join(self.ids) or "none: config.json has no lang2id"
            raise UserError(f"{key} = {language!r} is not one of the model's languages ({allowed})")
        return self.ids[language]
