"""`encodery bench encode`: what is selected, computed and printed; nothing is measured here."""

import json
from pathlib import Path

import pytest

from encodery.bench import encode
from encodery.bench.encode import Case
from encodery.bench.encoders import Trained
from encodery.bench.result import Result
from encodery.bench.rounds import Block, Outcome, Plan, Round
from encodery.errors import UserError


def block(seconds: float, amount: int, others_cores: float = 0.0) -> Block:
    return Block(seconds, amount, 0, others_cores)


OUTCOME = Outcome(
    rounds=(
        Round(ours=block(1.0, 20_000_000), peer=block(2.0, 20_000_000)),
        Round(ours=block(1.0, 30_000_000, 0.1), peer=block(3.0, 30_000_000)),
        Round(ours=block(1.0, 40_000_000), peer=block(5.0, 40_000_000)),
    ),
    dropped=1,
    ours_steps=1,
    peer_steps=1,
)


def names(*wanted: str) -> list[str]:
    return [case.name for case in encode.select_cases(wanted)]


def test_everything_is_selected_unless_told() -> None:
    assert len(names()) == len(set(names())) == 17


@pytest.mark.parametrize(
    ("wanted", "selected"),
    [
        (("byte-bpe/batch-t",), ["byte-bpe/batch-tokenizers"]),
        (
            ("moses",),
            ["moses-bpe/batch-transformers", "moses-bpe/batch-warm-transformers", "moses-bpe/one-transformers"],
        ),
        (("unigram/batch-warm",), ["unigram/batch-warm-tokenizers", "unigram/batch-warm-sentencepiece"]),
        (("unigram/one-tr", "wordpiece/one-to"), ["wordpiece/one-tokenizers", "unigram/one-transformers"]),
    ],
)
def test_cases_are_selected_by_the_beginning_of_a_name(wanted: tuple[str, ...], selected: list[str]) -> None:
    assert names(*wanted) == selected


def test_a_case_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UserError) as raised:
        names("unigram", "unigam")
    assert str(raised.value).startswith(
        "--case unigam: there is no such case; choose from wordpiece/batch-tokenizers, wordpiece/batch-warm"
    )


def test_targets_and_peers() -> None:
    cases = {case.name: case for case in encode.all_cases()}
    assert cases["byte-bpe/batch-tokenizers"].target_ratio == 1.5
    assert cases["byte-bpe/batch-tokenizers"].peer_name == "tokenizers encode_batch_fast"
    assert cases["unigram/batch-sentencepiece"].target_ratio == 1.0
    assert cases["unigram/batch-sentencepiece"].peer_name == "sentencepiece encode"
    assert cases["unigram/one-transformers"].target_ours == 25.0
    assert cases["unigram/one-transformers"].peer_name == "transformers __call__"
    assert cases["wordpiece/one-tokenizers"].peer_name == "tokenizers encode"
    assert cases["moses-bpe/one-transformers"].target_ours == 25.0
    assert cases["moses-bpe/batch-transformers"].peer_name == "transformers __call__"


def test_a_result_is_the_median() -> None:
    case = Case("wordpiece", "batch", "tokenizers", target_ratio=1.5)
    result = encode.result_of(case, OUTCOME, {"words": 7})
    assert (result.bench, result.case, result.unit) == ("encode", "wordpiece/batch-tokenizers", "MB/s")
    assert (result.ours, result.peer, result.ratio) == (30.0, 10.0, 3.0)
    assert result.metric == {
        "target_ratio": 1.5,
        "ratio_low": 2.0,
        "ratio_high": 5.0,
        "rounds": 3,
        "dropped_rounds": 1,
        "quiet": True,
        "others_cores": 0.0,
        "words": 7,
    }


@pytest.mark.parametrize(("unit", "number"), [("MB/s", 0.002), ("us", 500.0)])
def test_units(unit: str, number: float) -> None:
    assert encode.value(unit, block(2.0, 4000)) == number


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, int, Plan]]:
    """`run_bench` without training or timing: what it would do."""
    calls: list[tuple[str, int, Plan]] = []

    def measure(case: Case, trained: object, lines: list[str], plan: Plan) -> Result:
        calls.append((case.name, len(lines), plan))
        return encode.result_of(case, OUTCOME, {})

    monkeypatch.setattr(encode, "measure", measure)
    monkeypatch.setattr(encode, "train", lambda kind, lines, folder: Trained.__new__(Trained))
    monkeypatch.setattr(encode, "QUICK_MEGABYTES", 0.1)
    return calls


def test_lines_then_a_table(measured: list[tuple[str, int, Plan]], capsys: pytest.CaptureFixture[str]) -> None:
    encode.run_bench(quick=True, only_json=False, cases=["unigram/batch"])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    want = ["unigram/batch-tokenizers", "unigram/batch-warm-tokenizers"]
    want += ["unigram/batch-sentencepiece", "unigram/batch-warm-sentencepiece"]
    assert [json.loads(line)["case"] for line in lines[:4]] == want
    assert lines[4].split()[:3] == ["case", "unit", "ours"]
    assert "unigram/batch-sentencepiece: ours against sentencepiece encode ..." in err
    assert [(name, plan) for name, _, plan in measured] == [(name, encode.QUICK) for name in want]


def test_a_text_of_ones_own(
    measured: list[tuple[str, int, Plan]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("the river\n\n  \n" * 1009, encoding="utf-8")
    encode.run_bench(quick=True, only_json=True, cases=["wordpiece/one-to"], text=path)
    assert measured == [("wordpiece/one-tokenizers", 1009, encode.QUICK)]
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_as_much_of_a_file_as_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("rivers\n" * 3001, encoding="utf-8")
    assert len(encode.read_lines(path, megabytes=0.012)) == 2000


def test_as_many_lines_as_make_so_many_megabytes() -> None:
    assert encode.first_lines(iter(["rivers", "é" * 3, "x"]), megabytes=9e-6) == ["rivers", "é" * 3]
    assert encode.first_lines(["rivers"], megabytes=1.0) == ["rivers"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n" * 999, r"--text .*: 999 lines with text; at least 1,000 are needed to measure"),
        (b"\xff\n" * 2000, r"--text .*: cannot be read \('utf-8' codec .*\); a UTF-8 text file is needed"),
        (None, r"--text .*: cannot be read \(.*No such file.*\); a UTF-8 text file is needed"),
    ],
)
def test_a_file_that_cannot_be_used(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{message}$"):
        encode.read_lines(path, megabytes=1.0)


@pytest.mark.parametrize("missing", ["transformers", "sentencepiece"])
def test_a_missing_peer_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else object())
    with pytest.raises(UserError) as raised:
        encode.run_bench(quick=True, only_json=False, cases=[])
    assert str(raised.value) == (
        f"bench encode compares with {missing}, which is not installed; try: pip install 'encodery[dev]'"
    )
