"""Two models as one."""

from collections.abc import Sequence

import pytest

from encodery.corpus.languages import Guess, Identifier
from encodery.corpus.languages.votes import Votes


class Says:
    def __init__(self, guess: Guess, *others: str) -> None:
        self.languages = frozenset({guess.language, *others})
        self._guess = guess

    def identify(self, texts: Sequence[str]) -> list[Guess]:
        return [self._guess] * len(texts)


@pytest.mark.parametrize(
    ("first", "second", "agreed"),
    [
        (Says(Guess("de", 0.6)), Says(Guess("de", 0.9)), Guess("de", 0.9)),
        (Says(Guess("de", 0.7)), Says(Guess("de", 0.2)), Guess("de", 0.7)),
        # both know both: contested
        (Says(Guess("de", 0.6), "nl"), Says(Guess("nl", 0.9), "de"), Guess("de", 0.6, contested=True)),
        # the first has never heard of Sindhi
        (Says(Guess("ur", 0.9)), Says(Guess("sd", 0.4), "ur"), Guess("sd", 0.4)),
        # the second has never heard of Hausa
        (Says(Guess("ha", 0.3), "en"), Says(Guess("en", 0.8)), Guess("ha", 0.3)),
        # each knows only its own
        (Says(Guess("ha", 0.3)), Says(Guess("sd", 0.8)), Guess("ha", 0.3, contested=True)),
    ],
)
def test_votes(first: Says, second: Says, agreed: Guess) -> None:
    votes = Votes(first, second)
    assert isinstance(votes, Identifier)
    assert votes.identify(["a", "b", "c"]) == [agreed] * 3
    assert votes.languages == first.languages | second.languages
