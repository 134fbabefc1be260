"""Two models as one."""

from collections.abc import Sequence

from encodery.corpus.languages.identifier import Guess, Identifier


class Votes:
    """A first model and a second that must agree with it, where it can.

    Where they agree, the surer of the two says how sure. Where they do not, the model that knows both languages is
    right if the other knows only one (a model without Sindhi calls it Urdu); else the text is contested.
    """

    def __init__(self, first: Identifier, second: Identifier) -> None:
        self._first, self._second = first, second
        self.languages = first.languages | second.languages

    def identify(self, texts: Sequence[str]) -> list[Guess]:
        """The language of each text."""
        return [
            self._agreed(*guesses)
            for guesses in zip(self._first.identify(texts), self._second.identify(texts), strict=True)
        ]

    def _agreed(self, first: Guess, second: Guess) -> Guess:
        if first.language == second.language:
            return max(first, second, key=lambda guess: guess.score)
        first_knows_both = second.language in self._first.languages
        second_knows_both = first.language in self._second.languages
        if first_knows_both and not second_knows_both:
            return first
        if second_knows_both and not first_knows_both:
            return second
        return first._replace(contested=True)
