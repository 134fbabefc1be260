"""Files of records into files of predictions: killed at whatever write, the same call ends with the same bytes."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from encodery.errors import UserError
from encodery.serve import blocks, files
from encodery.serve.files import Outcome, predict_file
from encodery.serve.predictor import Predictor, load
from tests.faults import KILL, KILLED, FaultyDisk, run_in_child, scratch
from tests.serve.conftest import sentence, write_records

RECORDS: list[dict[str, Any]] = [{"text": sentence(number)} for number in range(31)]
QUIET = Console(quiet=True)


@pytest.fixture
def root() -> Iterator[Path]:
    with scratch() as folder:
        yield folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_RECORDS", 7)


def predictions(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_predictions_of_a_file(model_folder: Path, root: Path) -> None:
    file, to = write_records(root / "in.jsonl", RECORDS), root / "out.jsonl"
    outcome = predict_file(model_folder, file, to, QUIET)
    assert predictions(to) == [p for at in range(0, 31, 7) for p in load(model_folder).predict(RECORDS[at : at + 7])]
    assert (outcome.records, outcome.predicted, outcome.errors, outcome.first_error) == (31, 31, 0, None)
    assert str(outcome).startswith(f"{to}: 31 records; ")


def test_killed_at_every_change_of_the_disk(model_folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(model_folder)
    monkeypatch.setattr(files, "load", lambda path, **_: model)  # opened once, and not by each of the killed
    (root / "clean").mkdir()
    file = write_records(root / "in.jsonl", RECORDS[:17])
    with FaultyDisk(root / "clean") as disk:
        predict_file(model_folder, file, root / "clean" / "out.jsonl", QUIET)
    whole = (root / "clean" / "out.jsonl").read_bytes()
    writes = [at for at, step in enumerate(disk.log) if not step.startswith("fsync")]
    assert len([step for step in disk.log if step.startswith("write out.jsonl.part")]) == 3
    for at in writes:
        folder = root / f"{at}"
        folder.mkdir()
        to = folder / "out.jsonl"
        with FaultyDisk(folder, at=at, action=KILL):
            assert run_in_child(lambda: predict_file(model_folder, file, to, QUIET)) == KILLED  # noqa: B023
        predict_file(model_folder, file, to, QUIET)
        assert to.read_bytes() == whole, disk.log[at]
        shutil.rmtree(folder)


def test_only_what_is_missing_is_predicted(model_folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [*RECORDS[:20], {"txt": "a"}, *RECORDS[21:]]
    file, to = write_records(root / "in.jsonl", records), root / "out.jsonl"
    with pytest.raises(UserError, match=r"in\.jsonl:21: unknown key 'txt'"):
        predict_file(model_folder, file, to, QUIET)
    assert not to.exists()
    write_records(file, RECORDS)  # repaired: what comes behind the blocks that are done may change
    computed: list[int] = []
    outputs = Predictor.computed

    def counted(self: Predictor, task: Any, sequences: Any) -> Iterator[Any]:
        computed.append(len(sequences))
        return outputs(self, task, sequences)

    monkeypatch.setattr(Predictor, "computed", counted)
    outcome = predict_file(model_folder, file, to, QUIET)
    assert computed == [7, 7, 3]
    assert (outcome.records, outcome.predicted) == (31, 17)
    assert ": 31 records, 14 of them by an earlier run; " in str(outcome)
    predict_file(model_folder, file, root / "other.jsonl", QUIET)
    assert to.read_bytes() == (root / "other.jsonl").read_bytes()


def test_a_finished_file_is_left_as_it_is(model_folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, to = write_records(root / "in.jsonl", RECORDS), root / "out.jsonl"
    predict_file(model_folder, file, to, QUIET)
    before = to.stat()
    monkeypatch.delattr(files, "load")  # nothing is opened that is not needed
    outcome = predict_file(model_folder, file, to, QUIET)
    assert str(outcome) == f"{to}: finished already, 31 records; nothing to do"
    assert to.stat() == before


def test_killed_between_the_last_write_and_the_name(
    model_folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, to = write_records(root / "in.jsonl", RECORDS), root / "out.jsonl"
    predict_file(model_folder, file, to, QUIET)
    to.rename(root / "out.jsonl.part")
    monkeypatch.delattr(files, "load")
    assert predict_file(model_folder, file, to, QUIET).predicted == 0
    assert len(predictions(to)) == 31


@pytest.mark.parametrize("how", ["changed", "shorter", "longer"])
def test_other_records_are_refused(model_folder: Path, root: Path, how: str) -> None:
    file, to = write_records(root / "in.jsonl", RECORDS), root / "out.jsonl"
    predict_file(model_folder, file, to, QUIET)
    changed = {"changed": [{"text": "new"}, *RECORDS[1:]], "shorter": RECORDS[:-1], "longer": [*RECORDS, *RECORDS]}
    write_records(file, changed[how])
    with pytest.raises(UserError) as error:
        predict_file(model_folder, file, to, QUIET)
    assert str(error.value) == (
        f"{to}: its 31 predictions are for other records than {file} has now; restore them, or remove {to} to "
        "predict anew, or choose another --to"
    )
    to.unlink()
    assert predict_file(model_folder, file, to, QUIET).records == len(changed[how])


def test_bad_records_are_skipped_and_counted(model_folder: Path, root: Path) -> None:
    file, to = root / "in.jsonl", root / "out.jsonl"
    file.write_text('{"text": "a"}\n{"text": \n{"txt": "b"}\n{"text": "c"}\n')
    outcome = predict_file(model_folder, file, to, QUIET, skip=True)
    assert ["error" in line for line in predictions(to)] == [False, True, True, False]
    assert (outcome.records, outcome.errors) == (4, 2)
    first = f"{file}:2: not JSON (expecting value at column 10); write one JSON object per line"
    assert str(outcome).endswith(f'; 2 without a prediction (they have an "error"); the first: {first}')


def test_errors_of_earlier_runs_count(model_folder: Path, root: Path) -> None:
    many = [{"text": f"the {number}"} for number in range(209)]  # more than are looked at to know the format
    records: list[dict[str, Any]] = [{"txt": "a"}, *many, {"txt": "b"}]
    file, to = write_records(root / "in.jsonl", records), root / "out.jsonl"
    with (root / "in.jsonl").open("ab") as more:
        more.write(b'{"text": "\xff"}\n')  # ends the reading in any case
    with pytest.raises(UserError, match="invalid UTF-8"):
        predict_file(model_folder, file, to, QUIET, skip=True)
    write_records(file, records)
    outcome = predict_file(model_folder, file, to, QUIET, skip=True)
    assert (outcome.records, outcome.predicted, outcome.errors) == (211, 1, 2)
    assert outcome.first_error == f"{file}:211: unknown key 'txt'; allowed: text, text_pair, label, language"


def test_progress_is_told(model_folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encodery.serve.progress.LINE_SECONDS", 0.0)
    console = Console(file=io.StringIO(), width=200)
    predict_file(model_folder, write_records(root / "in.jsonl", RECORDS), root / "out.jsonl", console)
    assert isinstance(console.file, io.StringIO)
    assert "out.jsonl: 31 records, 100 % of the file, " in console.file.getvalue().splitlines()[-1]


def test_an_outcome_says_how_fast() -> None:
    assert str(Outcome(Path("o"), 2000, 0, None, 1000, 4.0)) == (
        "o: 2,000 records, 1,000 of them by an earlier run; 250 records/s"
    )
