"""FineWeb's rules, against datatrove's."""

from pathlib import Path

import pytest

from encodery.corpus.page import Step
from encodery.corpus.steps.fineweb import FineWebConfig, FineWebStep
from tests.corpus.steps.oracles import datatrove_filter, ours, random_line, random_texts, verdict

NAMES = {
    "line_punct_ratio": "no_end_marks",
    "short_line_ratio": "short_lines",
    "char_dup_ratio": "repeated",
    "list_ratio": "list",
    "": "",
}
LINE = "A line with more words than most others have at its end."


def step(**settings: object) -> FineWebStep:
    made = FineWebStep(FineWebConfig.parse(settings, "test"), Path())
    assert isinstance(made, Step)
    return made


def test_datatrove_drops_the_same_for_the_same_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = datatrove_filter(
        monkeypatch,
        "fineweb_quality_filter",
        "FineWebQualityFilter",
        split_into_words=lambda text, language: text.split(),
    )()
    texts = random_texts(11, 397, random_line, 13)
    texts += ["\n".join(f"unbelievably-unending{i}-unended-words!" for i in range(9))]
    theirs = [NAMES[verdict(judge, text)[0]] for text in texts]
    assert set(theirs) == set(NAMES.values())
    assert ours(step(), texts)[0] == theirs


def test_each_limit_is_a_key() -> None:
    text = f"{LINE}\nNo end\nOnce more a line without a mark\n{LINE}"
    loose = {"min_end_marks": 0.0, "max_short_lines": 1.0, "max_repeated": 1.0, "max_lines_per_word": 9.0}
    assert ours(step(**loose), [text])[0] == [""]
    assert ours(step(**{**loose, "min_end_marks": 0.51}), [text])[0] == ["no_end_marks"]
    assert ours(step(**{**loose, "max_short_lines": 0.24}), [text])[0] == ["short_lines"]
    assert ours(step(**{**loose, "max_short_lines": 0.24, "short_line": 5}), [text])[0] == [""]
    assert ours(step(**{**loose, "max_repeated": 0.3}), [text])[0] == ["repeated"]
    assert ours(step(**{**loose, "max_lines_per_word": 0.09}), [text])[0] == ["list"]


def test_marks_of_all_scripts_end_a_line() -> None:
    lines = ["这是一个很长的句子。", "यह एक लंबा वाक्य है।", "آیا این یک جمله است؟", "これは文です！"]
    assert ours(step(max_short_lines=1.0), ["\n".join(lines)], "hi")[0] == [""]


def test_without_spaces_the_length_of_lines_says_nothing() -> None:
    text = "短い文です。\n次の文です。\n終わりです。"
    assert ours(step(), [text], "ja")[0] == [""]
    assert ours(step(), [text], "ko")[0] == ["short_lines"]


def test_no_text() -> None:
    assert ours(step(), [""])[0] == ["empty"]
