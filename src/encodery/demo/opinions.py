"""Opinions on products: whole reviews for pretraining, short labelled ones for classification.

The words of praise and blame are dealt into three hands. Labelled `train` reviews know the first hand only; `dev` and
`test` mostly speak with the second and third. Unlabelled reviews use all of them side by side, within a review of one
mind, so a model can learn from plain text what the few labelled examples do not show.
"""

import random
from functools import cache

from encodery.demo.facts import SPLITS, patterns, table
from encodery.demo.pattern import Sentence, fill
from encodery.demo.slots import one, realise
from encodery.demo.stories import product_values

POLARITIES = ("positive", "negative")
# How often an opinion in a labelled dev or test review is one that no labelled train review holds.
_UNSEEN = 0.75
# Forms of an aspect sentence and how often each is used.
_FORMS = ("aspect", "two", "denied", "contrast")
_UNLABELLED = (70, 18, 5, 7)
_LABELLED = (50, 15, 10, 25)


@cache
def phrases(language: str, polarity: str, kind: str, hand: int | None = None) -> tuple[str, ...]:
    """Opinions of a kind (adjective, title, experience, verdict); only those of one hand (0, 1, 2) when given."""
    words = patterns("opinions", language)[polarity][kind]
    return tuple(words) if hand is None else tuple(words[hand :: len(SPLITS)])


def opposite(polarity: str) -> str:
    """The other polarity."""
    return POLARITIES[1 - POLARITIES.index(polarity)]


def unlabelled_review(language: str, split: str, polarity: str, rng: random.Random) -> list[Sentence]:
    """A long review of one mind, sometimes with a title and a rating in stars; a document for pretraining."""
    review = _Review(language, split, polarity, rng)
    kinds = ["context"] + ["aspect"] * rng.randint(2, 4) + ["experience"] * rng.randint(1, 2)
    kinds += ["verdict"] * rng.randint(1, 2)
    if rng.random() < 0.5:
        kinds.insert(0, "title")
    if rng.random() < 0.6:
        kinds.insert(rng.choice((0, len(kinds))), "rating")
    return [review.sentence(kind, _UNLABELLED) for kind in kinds]


def labelled_review(language: str, split: str, polarity: str, rng: random.Random) -> str:
    """A short review on one line, without a rating, in the words that its split may use."""
    review = _Review(language, split, polarity, rng, SPLITS.index(split))
    kinds = ["context"] * (rng.random() < 0.6) + ["aspect"] * rng.randint(1, 2)
    kinds += [rng.choice(("experience", "verdict", "title"))] * (rng.random() < 0.7)
    return " ".join(review.sentence(kind, _LABELLED).text for kind in kinds)


class _Review:
    """A review under construction: one product, one mind, no opinion said twice."""

    def __init__(self, language: str, split: str, polarity: str, rng: random.Random, hand: int | None = None) -> None:
        self.language, self.polarity, self.rng, self.hand = language, polarity, rng, hand
        values = product_values(split, rng)
        self.values = values
        self.aspects = table("products")[values["product"].ids[0]]["aspects"].split()
        rng.shuffle(self.aspects)
        self.stars = rng.choice((4, 5) if polarity == "positive" else (1, 2))
        self.said: set[str] = set()
        self.values["number"] = one("number", str(rng.randint(2, 6)))
        self.values["stars"] = one("number", str(self.stars))

    def sentence(self, kind: str, weights: tuple[int, ...]) -> Sentence:
        """One sentence of a kind; `weights` say how often each form of an aspect sentence is used."""
        own = patterns("opinions", self.language)["pattern"]
        if kind == "aspect":
            # three aspects stay in reserve for the sentences to come
            form = self.rng.choices(_FORMS, weights)[0] if len(self.aspects) > 3 else "aspect"
            pattern = self.rng.choice(own[form])
            self._fill_aspect(pattern)
        elif kind == "rating":
            # a single star would need the singular; the short form, which is last, does not
            pattern = self.rng.choice(own["rating"]) if self.stars > 1 else own["rating"][-1]
        elif kind == "context":
            pattern = self.rng.choice(own["context"])
        else:
            pattern = self._choose(self.polarity, kind)
        return fill(pattern, self.values, self.language, self.rng)

    def _fill_aspect(self, pattern: str) -> None:
        """Choose what an aspect sentence talks about, and adjectives that agree with it."""
        for slot in ("aspect", "other"):
            if any(f"{opening}{slot}{end}" in pattern for opening in "{<" for end in "}.:"):
                self.values[slot] = one("aspect", self.aspects.pop())
        against = opposite(self.polarity)
        for slot, about, polarity in (
            ("adj", "aspect", self.polarity),
            ("also", "other", self.polarity),
            ("bad", "aspect", against),
            ("contrary", "other", against),
        ):
            if f"{{{slot}}}" in pattern:
                gender = realise(self.values[about], self.language).gender
                self.values[slot] = one("adjective", self._choose(polarity, "adjective"), gender)

    def _choose(self, polarity: str, kind: str) -> str:
        """An opinion not yet in this review, from the hands it may use."""
        hand = self.hand if self.hand is None or self.rng.random() < _UNSEEN else 0
        words = [word for word in phrases(self.language, polarity, kind, hand) if word not in self.said]
        word = self.rng.choice(words)
        self.said.add(word)
        return word
