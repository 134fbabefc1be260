"""Near-duplicates: signatures against exact Jaccard similarity, and what goes."""

import random
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.dedup import near
from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.dedup.clusters import later_copies
from encodery.corpus.dedup.near import NOTHING, NearConfig, Signer, edges, url_keys
from encodery.corpus.page import Page
from encodery.errors import UserError

VOCABULARY = [f"w{number}" for number in range(211)]


def document(seed: int, words: int = 151) -> list[str]:
    return random.Random(seed).choices(VOCABULARY, k=words)


def runs(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def jaccard(a: list[str], b: list[str]) -> float:
    return len(runs(a) & runs(b)) / len(runs(a) | runs(b))


def edited(words: list[str], share: float, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [rng.choice(VOCABULARY) if rng.random() < share else word for word in words]


def dropped(keys: list[list[int]]) -> list[int]:
    """The documents that go, from their keys, as the phases find them: band by band."""
    found = []
    table = np.array(keys, np.uint64).reshape(len(keys), -1)
    for band in range(table.shape[1]):
        order = np.argsort(table[:, band], kind="stable")
        found.append(edges(table[order, band], order.astype(np.uint64)))
    with tempfile.TemporaryDirectory() as folder:
        (gone,) = later_copies(found, [len(keys)], Path(folder, "parents"))
    return [int(number) for number in gone]


def test_equal_rows_estimate_how_much_two_texts_share() -> None:
    signer = Signer(NearConfig(bands=64, rows=8))
    errors = []
    for seed in range(23):
        first = document(seed)
        second = edited(first, seed / 100, seed)
        a, b = signer.signatures([" ".join(first), " ".join(second)])
        errors.append(float((a == b).mean()) - jaccard(first, second))
    # 512 hashes: a standard deviation of at most 0.022 each, 0.005 for the mean of 23
    assert abs(np.mean(errors)) < 0.015
    assert np.abs(errors).max() < 0.09


def test_documents_are_found_as_often_as_the_formula_says() -> None:
    signer = Signer(NearConfig())
    rng = random.Random(3)
    pairs = [(first, edited(first, rng.choice([0.02, 0.04, 0.06, 0.1]), seed)) for seed in range(400)
             for first in [document(seed)]]  # fmt: skip
    keys = signer.bands([" ".join(words) for pair in pairs for words in pair])
    found = (keys[0::2] == keys[1::2]).any(axis=1)
    expected = [1 - (1 - jaccard(a, b) ** 8) ** 14 for a, b in pairs]
    spread = np.sqrt(sum(p * (1 - p) for p in expected))
    assert abs(found.sum() - sum(expected)) < 4 * spread
    assert 0.2 < np.mean(expected) < 0.9


def test_case_punctuation_and_line_breaks_do_not_count() -> None:
    first, second = Signer(NearConfig()).bands(
        ["One two, three.\nFour FIVE six!", "one two three four\n\nfive - six"]
    )
    assert np.array_equal(first, second)


def test_the_keys_of_a_text_depend_on_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [" ".join(document(seed, 7 * seed)) for seed in range(5)] + ["漢字漢字かな", "a b"]
    together = Signer(NearConfig()).bands(texts)
    assert np.array_equal(together, np.concatenate([Signer(NearConfig()).bands([text]) for text in texts]))
    monkeypatch.setattr(near, "blocks", partial(blocks, characters=50))
    assert np.array_equal(Signer(NearConfig()).bands(texts), together)


def test_the_keys_stay_what_they_are() -> None:
    """Files of keys that a run left are read by the next."""
    keys = Signer(NearConfig(bands=2, rows=3)).bands(["the quick brown fox jumps over the lazy dog"])
    assert keys.tolist() == [[14019392133044324899, 410916618397167070]]


def test_texts_without_words_are_nobodys_copies() -> None:
    keys = Signer(NearConfig()).bands(["", " — ", "a", "a."])
    assert keys[:2].tolist() == [[NOTHING] * 14] * 2
    assert NOTHING not in keys[2:].tolist()
    assert dropped(keys.tolist()) == [3]
    assert Signer(NearConfig()).bands([]).shape == (0, 14)


def test_pairs_are_of_the_first_with_each_later_one() -> None:
    keys = np.array([NOTHING, NOTHING, 5, 5, 5, 7, 9, 9], np.uint64)
    found = edges(keys, np.array([1, 3, 0, 2, 4, 6, 5, 8], np.uint64))
    assert found.tolist() == [[0, 2], [0, 4], [5, 8]]
    assert edges(keys[:0], keys[:0]).shape == (0, 2)


@given(st.lists(st.lists(st.integers(1, 5), min_size=3, max_size=3), min_size=1, max_size=9))
def test_what_is_left_has_no_copies(keys: list[list[int]]) -> None:
    gone = set(dropped(keys))
    left = [own for number, own in enumerate(keys) if number not in gone]
    assert dropped(left) == []


def test_planted_copies_are_found_and_nothing_else() -> None:
    words = [document(seed) for seed in range(31)]
    texts = [" ".join(own) for own in words] + [" ".join(edited(words[seed], 0.01, seed)) for seed in (3, 5, 29)]
    assert dropped(Signer(NearConfig()).bands(texts).tolist()) == [31, 32, 33]


def test_documents_of_one_address_are_the_same_if_asked_for() -> None:
    one, other, third = (Page(" ".join(document(seed)), f"a!{seed}", url) for seed, url in
                         enumerate(["https://a.b/c?d", "https://a.b/c?d#e", ""]))  # fmt: skip
    assert dropped(Signer(NearConfig())([one, other, third]).tolist()) == []
    keys = Signer(NearConfig(urls=True))([one, other, third, third])
    assert keys.shape == (4, 15)
    assert dropped(keys[:3].tolist()) == [1]
    assert dropped(keys.tolist()) == [1, 3]
    assert dropped(keys[:, 14:].tolist()) == [1]
    assert url_keys(["https://a.b/C"]) != url_keys(["https://a.b/c"])


def test_settings() -> None:
    with pytest.raises(UserError) as error:
        NearConfig.parse({"bands": 0}, "recipe.toml")
    assert "recipe.toml: bands = 0" in str(error.value)
