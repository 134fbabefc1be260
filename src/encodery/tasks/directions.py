"""From which language to which a model translates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from encodery.data.translations import TranslationExample
from encodery.errors import UserError

Pair = tuple[str, str]
"""The language of the text, and that of the translation."""
KEY = "directions"
"""Of `encodery.json`."""


@dataclass(frozen=True)
class Directions:
    """What training data says of languages: the pairs that occur in it, in the order of their first occurrence."""

    pairs: tuple[Pair, ...]
    labels: ClassVar[tuple[str, ...]] = ()
    problem_type: ClassVar[None] = None

    @classmethod
    def of(cls, examples: Iterable[TranslationExample]) -> "Directions":
        """Those of training examples.

        Raises:
            UserError: one does not say its languages; names its file and line.
        """
        return cls(tuple(dict.fromkeys(_stated(example) for example in examples)))

    @classmethod
    def read(cls, info: Mapping[str, Any], source: str) -> "Directions":
        """Those that an `encodery.json` lists.

        Raises:
            UserError: it lists none, or something else; begins with `source`.
        """
        stated = info.get(KEY)
        pairs = stated if isinstance(stated, list) else []
        if not pairs or not all(_is_pair(pair) for pair in pairs):
            raise UserError(
                f"{source}: {KEY} = {stated!r:.80}; a model that translates says here from which language to which: "
                '[["en", "de"]]'
            )
        return cls(tuple((source_language, target_language) for source_language, target_language in pairs))

    @property
    def names(self) -> list[str]:
        """In words: `en-de`."""
        return [f"{source}-{target}" for source, target in self.pairs]

    @property
    def languages(self) -> list[str]:
        """All languages, each once."""
        return list(dict.fromkeys(language for pair in self.pairs for language in pair))

    @property
    def targets(self) -> list[str]:
        """The languages that are translated into, each once."""
        return list(dict.fromkeys(target for _, target in self.pairs))

    def find(self, example: TranslationExample) -> Pair:
        """Where an example is to be translated from and to. What it does not say is clear where one direction alone
        fits; the name of its file counts, too.

        Raises:
            UserError: a language is not known, the direction was not trained, or which one is meant is not said;
                names the file and line.
        """
        stated = (example.source_language, example.target_language)
        fitting = self.check(example)
        if stated == (None, None) and example.language in self.names:
            return self.pairs[self.names.index(example.language)]
        if len(fitting) == 1:
            return fitting[0]
        raise UserError(
            f"{example.source}: from which language to which is not said; give source_language and target_language, "
            f"one of {', '.join(self.names)}; for all records of a command, --from and --into"
        )

    def check(self, example: TranslationExample) -> list[Pair]:
        """The directions that what an example says of its languages leaves open.

        Raises:
            UserError: a language is not known, or the direction was not trained; names the file and line.
        """
        stated = (example.source_language, example.target_language)
        for key, language in zip(("source_language", "target_language"), stated, strict=True):
            if language is not None and language not in self.languages:
                raise UserError(
                    f"{example.source}: {key} = {language!r:.80} is not one of the model's languages "
                    f"({', '.join(self.languages)}); name one of these"
                )
        fitting = [pair for pair in self.pairs if all(s in (None, p) for s, p in zip(stated, pair, strict=True))]
        if not fitting:
            asked = "-".join(language or "?" for language in stated)
            trained = ", ".join(self.names)
            raise UserError(
                f"{example.source}: the direction {asked} was not trained; this model translates {trained}"
            )
        return fitting


def _stated(example: TranslationExample) -> Pair:
    if example.source_language is None or example.target_language is None:
        lacking = "source_language" if example.source_language is None else "target_language"
        raise UserError(
            f"{example.source}: {lacking} is missing; give it in the record, or for all records as task.{lacking}"
        )
    if example.source_language == example.target_language:
        raise UserError(
            f"{example.source}: source_language and target_language are both {example.source_language!r:.80}; a "
            "translation is between two languages"
        )
    return example.source_language, example.target_language


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) and part for part in value)
