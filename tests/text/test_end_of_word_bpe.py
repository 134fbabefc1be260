"""Merges as subword-nmt learns and applies them, and as XLM's code applies them."""

import gzip
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.text.end_of_word_bpe import EndOfWordBpe, Merge, train_merges

WORDS = Counter({"low": 5, "lower": 2, "newest": 6, "widest": 3, "wide": 3, "banana": 7, "ananas": 5})


def vocabulary_of(merges: list[Merge], characters: str) -> dict[str, int]:
    symbols = {symbol for pair in merges for symbol in (*pair, "".join(pair))}
    symbols |= {character + end for character in characters for end in ("", "</w>")}
    return {token: index for index, token in enumerate(["<unk>", *sorted(symbols)])}


def reference(word: str, merges: list[Merge]) -> list[str]:
    """The algorithm as XLM's and Sennrich's code have it: the best pair is merged everywhere, again and again."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    symbols = [*word[:-1], word[-1] + "</w>"]
    while pairs := [pair for pair in pairwise(symbols) if pair in ranks]:
        symbols = merged(symbols, min(pairs, key=ranks.__getitem__))
    return symbols


def merged(symbols: list[str], pair: Merge) -> list[str]:
    new: list[str] = []
    while symbols:
        size = 2 if tuple(symbols[:2]) == pair else 1
        new.append("".join(symbols[:size]))
        symbols = symbols[size:]
    return new


@pytest.fixture(scope="module")
def oracle(shared_data: Path) -> tuple[list[Merge], list[str], list[str]]:
    """subword-nmt's merges, its text and its output."""
    folder = shared_data / "oracles/subword-nmt"

    def lines(name: str) -> list[str]:
        with gzip.open(folder / name, "rt", encoding="utf-8", newline="\n") as file:
            return file.read().removesuffix("\n").split("\n")

    merges = [(a, b) for a, _, b in (line.partition(" ") for line in lines("bpe.ref.gz")[1:])]
    return merges, lines("corpus.en.gz"), lines("corpus.bpe.ref.en.gz")


def test_application_equals_subword_nmt(oracle: tuple[list[Merge], list[str], list[str]]) -> None:
    merges, text, expected = oracle
    vocabulary = vocabulary_of(merges, "".join(set("".join(text))))
    bpe, tokens = EndOfWordBpe(vocabulary, merges, "<unk>"), list(vocabulary)
    assert len(text) == 1015
    for line, want in zip(text, expected, strict=True):
        found = [tokens[index] for index in bpe.encode(line.split())[0]]
        assert " ".join(t.removesuffix("</w>") if t.endswith("</w>") else t + "@@" for t in found) == want.strip()


def test_each_merge_is_a_most_frequent_pair(oracle: tuple[list[Merge], list[str], list[str]]) -> None:
    """So they differ from subword-nmt's in ties only: it takes the last pair in the order of letters."""
    _, text, _ = oracle
    counts = Counter(word for line in text for word in line.split())
    characters = len(set("".join(counts))) + len({word[-1] for word in counts})
    _, merges = train_merges(counts, characters + 151, [], 2, 1000)
    assert len(merges) == 151
    words = [([*word[:-1], word[-1] + "</w>"], count) for word, count in counts.items()]
    for pair in merges:
        pairs: Counter[Merge] = Counter()
        for symbols, count in words:
            for found in pairwise(symbols):
                pairs[found] += count
        assert pairs[pair] == max(pairs.values())
        words = [(merged(s, pair) if pair[0] in s else s, count) for s, count in words]


TRAINED, TRAINED_MERGES = train_merges(WORDS, 37, ["<unk>"], 1, 100)


@settings(max_examples=400)
@given(st.text(st.sampled_from("lowernstidba"), min_size=1, max_size=31))
def test_any_word_has_the_tokens_of_the_reference(word: str) -> None:
    vocabulary = {token: index for index, token in enumerate(TRAINED)}
    ids, places = EndOfWordBpe(vocabulary, TRAINED_MERGES, "<unk>").encode(["x", word])
    assert ids == [0, *(vocabulary.get(symbol, 0) for symbol in reference(word, TRAINED_MERGES))]
    assert [end for _, _, end in places[1:-1]] == [start for _, start, _ in places[2:]]
    assert (places[1][1], places[-1][2]) == (0, len(word))


def test_merges_go_on_through_what_the_vocabulary_lacks() -> None:
    """fastBPE lists only the tokens that a text ended up with: `th` is none where it always became `the`."""
    bpe = EndOfWordBpe({"?": 0, "the</w>": 1, "t": 2}, [("t", "h"), ("th", "e</w>")], "?")
    assert bpe.encode(["the", "tha"]) == ([1, 0, 0], [(0, 0, 3), (1, 0, 2), (1, 2, 3)])


@pytest.mark.parametrize(
    ("words", "ids"),
    [([" "], [0, 2]), (["a b"], [1, 0, 0, 3]), (["b "], [0, 0, 2]), (["  "], [0, 0, 0, 2])],
)
def test_a_space_in_a_word_is_two_tokens(words: list[str], ids: list[int]) -> None:
    vocabulary = {"?": 0, "a": 1, "</w>": 2, "b</w>": 3}
    assert EndOfWordBpe(vocabulary, [], "?").encode(words)[0] == ids


def test_the_same_counts_give_the_same_vocabulary_in_any_order() -> None:
    shuffled = Counter(dict(sorted(WORDS.items())))
    assert train_merges(shuffled, 37, ["<unk>"], 1, 100) == (TRAINED, TRAINED_MERGES)
    assert TRAINED[:5] == ["<unk>", "a", "b", "d", "e"]
    assert TRAINED[13:19] == ["a</w>", "e</w>", "r</w>", "s</w>", "t</w>", "w</w>"]
    assert TRAINED[19:] == ["".join(pair) for pair in TRAINED_MERGES]


def test_rare_characters_teach_nothing() -> None:
    tokens, _ = train_merges(Counter({"aa": 5, "ab": 1}), 4, ["?"], 1, 1)
    assert tokens == ["?", "a", "a</w>", "aa</w>"]


@pytest.mark.parametrize(
    ("counts", "size", "message"),
    [
        ({}, 41, "there is no text to train the vocabulary on; add text to the corpus"),
        (
            WORDS,
            11,
            "vocab_size = 11 is too small: special tokens and single characters take 19; "
            "raise vocab_size or lower limit_alphabet = 100",
        ),
        (
            {"ab": 3},
            97,
            "vocab_size = 97 is more than the text supports: 5 tokens found; lower vocab_size or add text",
        ),
    ],
)
def test_what_the_text_does_not_support(counts: dict[str, int], size: int, message: str) -> None:
    with pytest.raises(UserError) as caught:
        train_merges(Counter(counts), size, ["<unk>"], 1, 100)
    assert str(caught.value) == message
