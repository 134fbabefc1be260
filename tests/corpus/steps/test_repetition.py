"""Gopher's rules against repetition, against datatrove's."""

from pathlib import Path

import pytest

from encodery.corpus.page import Step
from encodery.corpus.steps import repetition as module
from encodery.corpus.steps.repetition import RepetitionConfig, RepetitionStep
from encodery.errors import UserError
from tests.corpus.steps.oracles import datatrove_filter, ours, random_line, random_texts, verdict


def theirs_as_ours(reason: str) -> str:
    if reason.startswith("top"):
        return f"top_{reason.split('_')[1]}"
    if reason.startswith("duplicated"):
        return f"repeated_{reason.split('_')[1]}"
    return {"dup_line_frac": "lines", "dup_line_char_frac": "line_characters", "": ""}[reason]


def step(**settings: object) -> RepetitionStep:
    made = RepetitionStep(RepetitionConfig.parse(settings, "test"), Path())
    assert isinstance(made, Step)
    return made


@pytest.mark.parametrize("characters", [1, 997, 1 << 18])
def test_datatrove_drops_the_same_for_the_same_reasons(monkeypatch: pytest.MonkeyPatch, characters: int) -> None:
    monkeypatch.setattr(module, "_CHARACTERS", characters)
    judge = datatrove_filter(
        monkeypatch,
        "gopher_repetition_filter",
        "GopherRepetitionFilter",
        split_into_words=lambda text, language: text.split(),
    )()
    texts = random_texts(5, 397, random_line, 23)
    theirs = [theirs_as_ours(verdict(judge, text)[0]) for text in texts]
    assert {"", "lines", "line_characters", "top_2", "repeated_5"} <= set(theirs)
    assert ours(step(), texts)[0] == theirs


def test_runs_of_other_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    top, again = [1.0, 0.11, 0.07], [0.25, 0.2, 0.15, 0.1, 0.05, 0.01]
    judge = datatrove_filter(
        monkeypatch,
        "gopher_repetition_filter",
        "GopherRepetitionFilter",
        split_into_words=lambda text, language: text.split(),
    )(
        dup_line_frac=None,
        dup_line_char_frac=None,
        dup_para_frac=None,
        dup_para_char_frac=None,
        top_n_grams=tuple(enumerate(top, 2)),
        dup_n_grams=tuple(enumerate(again, 5)),
    )
    texts = random_texts(7, 397, random_line, 13)
    theirs = [theirs_as_ours(verdict(judge, text)[0]) for text in texts]
    assert {"repeated_9", "repeated_10", "top_4"} <= set(theirs)
    assert ours(step(max_lines=1.0, max_line_characters=1.0, top_runs=top, repeated_runs=again), texts)[0] == theirs


def test_without_spaces_only_lines_count() -> None:
    line = "ห้องสมุด ห้องสมุด ห้องสมุด ห้องสมุด ห้องสมุด ห้องสมุด"
    assert ours(step(), [line], "th")[0] == [""]
    assert ours(step(), [line], "")[0] == [""]
    assert ours(step(), [line], "sv")[0] == ["top_2"]
    assert ours(step(), [f"{line}\n{line}"], "th")[0] == ["lines"]


def test_no_runs_at_all() -> None:
    assert ours(step(top_runs=[], repeated_runs=[]), ["a b " * 99])[0] == [""]
    assert ours(step(), ["", "word"])[0] == ["", ""]


def test_limits_that_are_wrong() -> None:
    with pytest.raises(UserError, match=r"top_runs = \[0.2, 1.2\]: shares are between 0 and 1"):
        step(top_runs=[0.2, 1.2])
