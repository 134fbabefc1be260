"""Reviews: three hands of words without overlap, one mind per review, no rating in labelled text."""

import random
import re

import pytest

from encodery.demo.facts import LANGUAGES, SPLITS, patterns
from encodery.demo.opinions import POLARITIES, labelled_review, opposite, phrases, unlabelled_review

# "4/5", "4 out of 5", "4 von 5", "4 étoiles sur 5", "4 de 5", "4 kati ya 5"
RATING = re.compile(r"(\d)(?:/| out of | of | von | étoiles sur | de | kati ya )5")
KINDS = ("adjective", "title", "experience", "verdict")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_hands_partition_the_phrases(language: str, kind: str) -> None:
    everything = [phrase for polarity in POLARITIES for phrase in phrases(language, polarity, kind)]
    assert len(set(everything)) == len(everything)
    for polarity in POLARITIES:
        hands = [phrases(language, polarity, kind, hand) for hand in range(len(SPLITS))]
        assert sorted(sum(hands, ())) == sorted(phrases(language, polarity, kind))
        assert min(map(len, hands)) >= 4
    # every kind is balanced, so its mere presence says nothing
    assert len(phrases(language, "positive", kind)) == len(phrases(language, "negative", kind))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_of_sentence_has_patterns(language: str) -> None:
    own = patterns("opinions", language)["pattern"]
    assert set(own) == {"context", "aspect", "two", "denied", "contrast", "rating"}
    assert len(own["context"]) >= 5
    for form in ("aspect", "two", "denied", "contrast", "rating"):
        assert len(own[form]) >= 2
    for pattern in own["contrast"]:
        assert "{contrary}" in pattern
        assert "{adj}" in pattern
    assert own["rating"][-1] == "{stars}/5"


def test_opposite() -> None:
    assert opposite("positive") == "negative"
    assert opposite("negative") == "positive"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("polarity", POLARITIES)
def test_unlabelled_reviews_are_of_one_mind(language: str, polarity: str) -> None:
    rng = random.Random(f"{language}{polarity}")
    own = {phrase for kind in ("title", "experience", "verdict") for phrase in phrases(language, polarity, kind)}
    against = {
        phrase
        for kind in ("title", "experience", "verdict")
        for phrase in phrases(language, opposite(polarity), kind)
    }
    found = 0
    for _ in range(47):
        texts = [sentence.text for sentence in unlabelled_review(language, "train", polarity, rng)]
        assert len(texts) == len(set(texts)) >= 5
        assert not against & set(texts)
        found += len(own & set(texts))
        for stars in RATING.findall(" ".join(texts)):
            assert (int(stars) > 3) == (polarity == "positive")
    assert found > 47


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("split", SPLITS)
def test_labelled_reviews_use_their_own_words(language: str, split: str) -> None:
    rng = random.Random(f"{language}{split}")
    own = SPLITS.index(split)
    forbidden = [
        phrase
        for polarity in POLARITIES
        for kind in ("title", "experience", "verdict")
        for hand in range(len(SPLITS))
        if hand not in (0, own)
        for phrase in phrases(language, polarity, kind, hand)
        if not set("{<") & set(phrase)
    ]
    for index in range(61):
        text = labelled_review(language, split, POLARITIES[index % 2], rng)
        assert "/5" not in text
        assert not [phrase for phrase in forbidden if phrase in text]


def test_a_contrast_names_both_sides_and_its_main_clause_decides() -> None:
    rng = random.Random(0)
    texts = [labelled_review("en", "train", "positive", rng) for _ in range(199)]
    pattern = re.compile(r"The (\w+) is (\S+), but the (\w+) is ([\w-]+)\.")
    found = [match.groups() for text in texts if (match := pattern.search(text))]
    assert len(found) > 5
    for other, contrary, aspect, adjective in found:
        assert other != aspect
        assert contrary in phrases("en", "negative", "adjective")
        assert adjective in phrases("en", "positive", "adjective")
