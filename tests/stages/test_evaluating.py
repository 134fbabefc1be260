"""`encodery evaluate` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serve.conftest import LABELS, sentence
from tests.serve.test_predictor import with_info

from .conftest import Write

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def file(write: Write) -> Path:
    rows = [{"text": sentence(n), "label": LABELS[n % 2], "language": ("de", "sw")[n % 2]} for n in range(11)]
    return write("test.jsonl", rows)


def test_json_for_machines_and_tables_for_people(
    model_folder: Path, file: Path, tmp_path: Path, encodery: Command
) -> None:
    page = tmp_path / "errors.html"
    options = ["--by", "length", "--by", "label", "--against", str(model_folder), "--errors", str(page)]
    code, out, err = encodery("evaluate", str(model_folder), "--data", str(file), *options)
    assert code == 0
    scores = json.loads(out)
    assert len(out.splitlines()) == 1
    assert set(scores) >= {"accuracy", "intervals", "languages", "slices", "against"}
    for words in ("by language", "average", "by length", "by label", "against", f"errors: {page}"):
        assert words in " ".join(err.split())
    assert f"{scores['languages']['de']['accuracy']:.3f} [" in err
    assert page.read_text().startswith("<!doctype html>")


def test_without_options_standard_error_is_silent(model_folder: Path, write: Write, encodery: Command) -> None:
    file = write("test.jsonl", [{"text": sentence(n), "label": LABELS[n % 2]} for n in range(7)])
    code, out, err = encodery("evaluate", str(model_folder), "--data", str(file))
    assert (code, err) == (0, "")
    assert json.loads(out)["examples"] == 7


def test_what_was_left_out_is_said(model_folder: Path, tmp_path: Path, write: Write, encodery: Command) -> None:
    folder = with_info(model_folder, tmp_path, max_seqlen=7, on_overflow="truncate")
    file = write("test.jsonl", [{"text": "river " * length, "label": LABELS[0]} for length in (5, 6, 11)])
    code, out, err = encodery("evaluate", str(folder), "--data", str(file))
    assert (code, json.loads(out)["truncated"]) == (0, 2)
    assert err == "truncated: of 2 of 3 examples something is left out\n"


def test_a_page_that_cannot_be_written_is_said_before_the_work(
    model_folder: Path, file: Path, tmp_path: Path, encodery: Command
) -> None:
    place = tmp_path / "none" / "errors.html"
    code, out, err = encodery("evaluate", str(model_folder), "--data", str(file), "--errors", str(place))
    assert (code, out) == (2, "")
    assert err == f"encodery: --errors {place}: no file can be there; name a file in a folder that exists\n"
