"""A language model from good text, and what it makes of other text."""

import random
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.lm import model as module
from encodery.corpus.lm.model import COMPILED, NGRAMS, PIECES, LanguageModel, Pieces
from encodery.corpus.lm.training import train_model
from encodery.errors import UserError

pytest.importorskip("kenlm")
TEXT = (Path(__file__).parent / "lmplz/text.txt").read_text(encoding="utf-8").replace(" .", ".").replace(" ,", ",")
LINES = TEXT.splitlines()
GOOD, HELD_OUT = ["\n".join(LINES[i : i + 3]) for i in range(0, 66, 3)], LINES[66:]


def train(texts: list[str], into: Path, lmplz: Path | None = None) -> None:
    into.mkdir(exist_ok=True)
    train_model(texts, into, vocab_size=113, order=3, lmplz=lmplz, language="en")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "en"
    train(GOOD, made)
    return made


def test_the_folder_has_the_model_alone(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [NGRAMS, PIECES]


def test_the_same_text_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    train(GOOD, tmp_path)
    for name in (NGRAMS, PIECES):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_good_text_is_expected_more_than_shuffled_text(folder: Path) -> None:
    draw = random.Random(3)
    shuffled = ["".join(draw.sample(line, len(line))) for line in HELD_OUT]
    model = LanguageModel(folder)
    good, mixed = (sorted(model.perplexities(texts)) for texts in (HELD_OUT, shuffled))
    assert good[len(good) // 2] * 2 < mixed[len(mixed) // 2]


def test_perplexity_is_ccnet_s(folder: Path) -> None:
    """10^(-sum of log10 / sum of (pieces + 1)), over lines of the normal form."""
    kenlm = pytest.importorskip("kenlm")
    model, pieces = kenlm.Model(str(folder / NGRAMS)), Pieces((folder / PIECES).read_bytes())
    [first, second] = pieces.encode(["people pay 00 euros.", "ete"])
    score = model.score(first) + model.score(second)
    expected = 10 ** (-score / (len(first.split()) + 1 + len(second.split()) + 1))
    assert LanguageModel(folder).perplexities(["People pay 12 euros. \nÉté"]) == [round(expected, 1)]
    assert LanguageModel(folder).perplexities([]) == []


@given(st.lists(st.text(st.sampled_from("ab peo.\t\u3000\u200b´語\u0301\xa0ﬁ") | st.sampled_from("thingsay"))))
def test_words_are_cut_as_in_their_line(folder: Path, lines: list[str]) -> None:
    pieces = Pieces((folder / PIECES).read_bytes())
    expected = [" ".join(line) for line in pieces._processor.encode([*LINES, *lines], out_type=str, num_threads=1)]
    assert pieces.encode([*LINES, *lines]) == expected
    assert pieces.encode(lines) == expected[len(LINES) :]


def test_few_words_are_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = Pieces((folder / PIECES).read_bytes())
    before = pieces.encode(["people pay", "people " + "x" * 41])
    assert set(pieces._known) == {"people", "pay"}
    monkeypatch.setattr(module, "WORDS_REMEMBERED", 2)
    assert pieces.encode(["people pay", "people " + "x" * 41]) == before
    assert not pieces._known


def test_an_empty_text_is_one_line_that_ends(folder: Path) -> None:
    [perplexity] = LanguageModel(folder).perplexities([""])
    assert perplexity > 1


@pytest.mark.parametrize("texts", [[], ["", " \n\x00"]])
def test_no_text(texts: list[str], tmp_path: Path) -> None:
    message = r"^corpus.clean.perplexity.good: no text in 'en'; name some, or leave that language out$"
    with pytest.raises(UserError, match=message):
        train(texts, tmp_path)
    assert not list(tmp_path.iterdir())


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_lmplz_and_build_binary(tmp_path: Path) -> None:
    """They are asked as kenlm has them asked; here they only note how."""
    lmplz = program(
        tmp_path / "lmplz",
        'echo "$@" > "$0.args"; for a; do [ "$p" = --arpa ] && out="$a"; p="$a"; done; echo arpa > "$out"',
    )
    program(tmp_path / "build_binary", 'cat "$2" > "$3"')
    train(GOOD, tmp_path / "en", lmplz)
    assert sorted(path.name for path in (tmp_path / "en").iterdir()) == [COMPILED, PIECES]
    assert (tmp_path / "en" / COMPILED).read_text() == "arpa\n"
    assert (tmp_path / "lmplz.args").read_text().startswith("-o 3 -S 1G -T ")
    (tmp_path / "build_binary").unlink()
    train(GOOD, tmp_path / "more", lmplz)
    assert sorted(path.name for path in (tmp_path / "more").iterdir()) == [NGRAMS, PIECES]


def test_lmplz_fails(tmp_path: Path) -> None:
    failing = program(tmp_path / "lmplz", "echo first >&2; echo 'no room on disk' >&2; exit 7")
    with pytest.raises(UserError, match=r"lmplz: ended with code 7: no room on disk$"):
        train(GOOD, tmp_path / "en", failing)
    with pytest.raises(
        UserError, match=r"nowhere: cannot be run \(No such file or directory\); corpus.clean.*lmplz names it"
    ):
        train(GOOD, tmp_path / "de", tmp_path / "nowhere")


def test_without_kenlm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "kenlm", None)
    with pytest.raises(UserError, match=r"^perplexity needs kenlm; pip install encodery\[crawl\]$"):
        LanguageModel(folder)
    monkeypatch.setitem(__import__("sys").modules, "sentencepiece", None)
    with pytest.raises(UserError, match=r"^perplexity needs sentencepiece; pip install encodery\[crawl\]$"):
        module.Pieces(b"")
