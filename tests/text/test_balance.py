"""Languages of unequal size: shares, weights, and vocabularies that the small language has a part in."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.text.balance import balanced_shares, language_weights
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.moses_bpe import MosesBpeSpec
from encodery.text.tokenizer import Tokenizer, TokenizerSpec, parse_spec, train_tokenizer
from encodery.text.unigram import UnigramSpec
from encodery.text.wordpiece import WordPieceSpec

SPECS: list[Callable[[float], TokenizerSpec]] = [
    lambda alpha: WordPieceSpec(vocab_size=151, alpha=alpha, min_frequency=1),
    lambda alpha: ByteBpeSpec(vocab_size=383, alpha=alpha, min_frequency=1),
    lambda alpha: UnigramSpec(vocab_size=151, alpha=alpha, character_coverage=1.0),
    lambda alpha: MosesBpeSpec(vocab_size=151, alpha=alpha, min_frequency=1),
]


def words(letters: str, seed: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choice(letters) for _ in range(draw.randint(4, 7))) for _ in range(211)]


def languages() -> tuple[list[str], list[str]]:
    """Texts of two languages without a letter in common, the second a tenth of the first."""
    draw = random.Random(5)
    big, small = words("abcdefghij", 1), words("αβγδεζηθικ", 2)
    return (
        [" ".join(draw.choices(big, k=11)) for _ in range(730)],
        [" ".join(draw.choices(small, k=11)) for _ in range(73)],
    )


def trained(spec: TokenizerSpec) -> Tokenizer:
    big, small = languages()
    sizes = {"big": sum(map(len, big)), "small": sum(map(len, small))}
    weights = language_weights(sizes, spec.alpha)
    return train_tokenizer(spec, big + small, [weights["big"]] * len(big) + [weights["small"]] * len(small))


@pytest.mark.parametrize("spec", SPECS)
def test_the_small_language_gets_its_tokens(spec: Callable[[float], TokenizerSpec]) -> None:
    big, small = languages()
    lengths = {}
    for alpha in (1.0, 0.5, 0.0):
        tokenizer = trained(spec(alpha))
        lengths[alpha] = [sum(map(len, tokenizer.encode_batch(texts))) for texts in (big, small)]
    assert lengths[0.0][1] < lengths[0.5][1] < lengths[1.0][1]
    assert lengths[0.0][0] > lengths[0.5][0] > lengths[1.0][0]


@pytest.mark.parametrize("spec", SPECS)
def test_a_weight_is_as_good_as_repetition(spec: Callable[[float], TokenizerSpec]) -> None:
    big, small = languages()
    weighed = train_tokenizer(spec(1.0), big + small, [1.0] * len(big) + [10.0] * len(small))
    repeated = train_tokenizer(spec(1.0), big + small * 10)
    if not isinstance(spec(1.0), UnigramSpec):
        assert weighed.kind.vocabulary == repeated.kind.vocabulary
    for texts in (
        big,
        small,
    ):  # SentencePiece takes the logarithm of counts: sixteen times all of them is not the same
        lengths = [sum(map(len, tokenizer.encode_batch(texts))) for tokenizer in (weighed, repeated)]
        assert lengths[0] == pytest.approx(lengths[1], rel=0.02)


@pytest.mark.parametrize("spec", SPECS)
def test_weights_of_one_change_nothing(spec: Callable[[float], TokenizerSpec]) -> None:
    big, _ = languages()
    if isinstance(spec(1.0), UnigramSpec):
        big = big[:300]
    even = train_tokenizer(spec(1.0), big).kind.vocabulary
    assert train_tokenizer(spec(1.0), big).kind.vocabulary == even
    if not isinstance(spec(1.0), UnigramSpec):  # whose trainer takes counts in place of repeated lines
        assert train_tokenizer(spec(1.0), big, [1.0] * len(big)).kind.vocabulary == even


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_text_gives_the_same_vocabulary(spec: Callable[[float], TokenizerSpec]) -> None:
    assert trained(spec(0.3)).kind.vocabulary == trained(spec(0.3)).kind.vocabulary


def test_shares_of_the_paper() -> None:
    shares = balanced_shares({"en": 900, "sw": 100, "none": 0}, 0.5)
    assert shares == pytest.approx({"en": 0.75, "sw": 0.25})
    assert language_weights({"en": 900, "sw": 100}, 0.5) == pytest.approx({"en": 0.75 / 0.9, "sw": 2.5})


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**9), min_size=1), st.floats(0, 1))
def test_balanced_shares_sum_to_one(sizes: dict[str, int], alpha: float) -> None:
    if not any(sizes.values()):
        return
    shares = balanced_shares(sizes, alpha)
    assert sum(shares.values()) == pytest.approx(1)
    weighed = {name: weight * sizes[name] for name, weight in language_weights(sizes, alpha).items() if sizes[name]}
    assert sum(weighed.values()) == pytest.approx(sum(sizes.values()))


@pytest.mark.parametrize("kind", ["wordpiece", "byte-bpe", "unigram"])
def test_settings_without_it_are_what_they_were(kind: str) -> None:
    assert "alpha" not in parse_spec({"type": kind}, "here").model_dump(mode="json")
    assert "alpha" not in parse_spec({"type": kind, "alpha": 1}, "here").model_dump(mode="json")
    assert parse_spec({"type": kind, "alpha": 0.5}, "here").model_dump(mode="json")["alpha"] == 0.5
