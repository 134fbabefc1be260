"""py3langid many texts at a time, against the library text by text."""

import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.corpus.languages import Identifier, language_code
from encodery.corpus.languages import naive_bayes as module
from encodery.corpus.languages.naive_bayes import NaiveBayes
from encodery.errors import UserError

langid = pytest.importorskip("py3langid.langid")
ODD = [
    "",
    "a",
    "ABC DEF ÜBER",
    "123 456 -- !!",
    "half \udc80 a pair",
    "e\u0301te\u0301",
    "x" * 191,
    "x" * 192,
    "x" * 193,
    "Grüße " * 997,
    "語" * 500,
    "\0" * 7,
]


@cache
def ours() -> NaiveBayes:
    return NaiveBayes()


@cache
def library() -> Any:
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def test_it_is_an_identifier() -> None:
    assert isinstance(ours(), Identifier)
    assert len(ours().languages) == 138  # 140 labels; one is no language, two are Hebrew
    assert {"en", "zh", "ki", "gn"} <= ours().languages
    assert not {"zxx", "", "sd"} & ours().languages


def test_odd_texts_have_the_library_s_probabilities() -> None:
    found = ours().probabilities(ODD)
    np.testing.assert_array_equal(found, [library()._decide(text) for text in ODD])


@settings(max_examples=7)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=200), min_size=1, max_size=5))
def test_any_texts_have_the_library_s_probabilities(texts: list[str]) -> None:
    np.testing.assert_array_equal(ours().probabilities(texts), [library()._decide(text) for text in texts])


def test_real_texts_in_many_languages(shared_data: Path) -> None:
    archive = zipfile.ZipFile(shared_data / "text/udhr/udhr2.zip")
    texts = [archive.read(name).decode("utf-8", "replace")[:700] for name in archive.namelist()[1::7]]
    assert len(texts) > 50
    expected = [library().classify(text) for text in texts]
    for guess, (language, score) in zip(ours().identify(texts), expected, strict=True):
        assert guess.language == ("" if language == "zxx" else language_code(language))
        assert guess.score == score
        assert not guess.contested


def test_calls_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"This is sentence {i} of a text.\nEt voici {i} phrases." * (i % 5) for i in range(23)]
    together = ours().identify(texts)
    assert together == [guess for text in texts for guess in ours().identify([text])]
    monkeypatch.setattr(module, "_CHARACTERS", 101)
    assert ours().identify(texts) == together
    assert ours().identify([]) == []


def test_the_automaton_forgets_all_but_the_last_bytes() -> None:
    assert 1 <= ours()._memory <= 8


def test_no_language_at_all() -> None:
    [guess] = ours().identify(["0 0 1 2 3 4.5 6; 7 == 8 {} () 99 100 // 12:30"])
    assert guess.language == ""


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "py3langid", None)
    with pytest.raises(UserError, match=r"py3langid; pip install encodery\[crawl\] or choose another model"):
        NaiveBayes()
