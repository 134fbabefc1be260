"""What is written by which task, and under which name."""

import json
from pathlib import Path

import pytest

from encodery.corpus.phases import counting, write
from encodery.corpus.phases.reading_back import Filtered
from encodery.corpus.phases.write import Part, parts_of
from encodery.errors import UserError


def filtered(folder: Path, *tasks: dict[str, int]) -> Filtered:
    """What `filter` left: characters by task and language."""
    for number, languages in enumerate(tasks):
        into = folder / "filter" / f"{number:05d}"
        into.mkdir(parents=True)
        facts = {name: {"batches": [0], "documents": 1, "characters": size} for name, size in languages.items()}
        (into / "languages.json").write_text(json.dumps(facts))
    return Filtered(folder, len(tasks), near=False)


def test_parts_are_bounded_and_small_ones_share_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "CHARACTERS_OF_A_FILE", 10)
    monkeypatch.setattr(write, "CHARACTERS_OF_A_TASK", 7)
    left = filtered(tmp_path, {"en": 6, "de": 2}, {"en": 4, "sw": 1}, {"en": 3}, {"en": 30, "de": 2}, {"en": 1})
    assert parts_of(left) == [
        [Part("de", 0, 0, 4)],
        [Part("en", 0, 0, 2)],
        [Part("en", 1, 2, 3)],
        [Part("en", 2, 3, 4)],
        [Part("en", 3, 4, 5), Part("sw", 0, 1, 2)],
    ]


def test_nothing_left_is_no_task(tmp_path: Path) -> None:
    assert parts_of(filtered(tmp_path, {}, {})) == []


def test_too_many_languages_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MAX_LANGUAGES", 3)
    assert len(parts_of(filtered(tmp_path / "a", {"": 1, "aa": 1}, {"ab": 1, "aa": 1}))[0]) == 3
    with pytest.raises(UserError) as refused:
        parts_of(filtered(tmp_path / "b", {"": 1, "aa": 1}, {"ab": 1, "ac": 1}))
    assert str(refused.value) == (
        "corpus: more than 3 languages (aa, ab, ac, ...); corpus.inputs.language_field must name a field of language "
        "codes; name another, or leave it out to have languages identified"
    )


@pytest.mark.parametrize(
    ("language", "folder"),
    [("de", "de"), ("zh-Hant", "zh-Hant"), ("", "none"), ("../up", "%2E%2E%2Fup"), (".", "%2E"), ("à", "%C3%A0")],
)
def test_a_language_is_a_folder_whatever_it_is_called(language: str, folder: str) -> None:
    assert Part(language, 7, 0, 1).file("", "parquet") == Path(folder, "00007.parquet")
    assert Part(language, 7, 0, 1).file("head", "jsonl.zst") == Path(folder, "head-00007.jsonl.zst")


def test_no_two_languages_share_a_folder() -> None:
    """The one would be written over the other."""
    names = ["", "none", "x" * 100, "x" * 101, "x" * 102, "語" * 200, "語" * 201]
    folders = [Part(name, 0, 0, 1).file("", "parquet").parent.name for name in names]
    assert len(set(folders)) == len(names)
    assert folders[:1] + folders[2:3] == ["none", "x" * 100]
    assert max(map(len, folders)) < 128
