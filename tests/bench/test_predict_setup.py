"""What lies on the disk before anything is measured."""

import sys
from pathlib import Path

import pytest

import encodery
from encodery.bench.predict_engines import Places
from encodery.bench.predict_files import FILES
from encodery.bench.predict_setup import Ground, bytes_of, export, package_alone, write_files
from encodery.bench.predict_texts import Texts
from encodery.errors import UserError


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    Texts({16: "a"}, ["b"], ["c", "d"], 7).save(tmp_path / "texts.json")
    places = Places(tmp_path / "model", tmp_path / "files", tmp_path / "bundles")
    return Ground("minilm", places, tmp_path / "texts.json", tmp_path, Path("/other/bin/python"))


def test_bytes_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(b"x" * 7)
    (tmp_path / "b").write_bytes(b"x" * 11)
    assert (bytes_of(tmp_path), bytes_of(tmp_path / "b")) == (18, 11)


def test_only_peers_with_versions_of_their_own_run_elsewhere(ground: Ground, tmp_path: Path) -> None:
    here, plain = ground.command("openvino-int8")
    elsewhere, environment = ground.command("ctranslate2-int8")
    assert (here[0], elsewhere[0]) == (sys.executable, "/other/bin/python")
    assert here[1:4] == ("-m", "encodery.bench.predict_worker", "openvino-int8")
    assert here[4:] == tuple(str(tmp_path / part) for part in ("model", "files", "bundles", "texts.json"))
    assert "PYTHONPATH" not in plain
    assert list(Path(environment["PYTHONPATH"]).iterdir()) == [tmp_path / "package" / "encodery"]


def test_the_package_lies_alone(tmp_path: Path) -> None:
    home = package_alone(tmp_path)
    assert (home / "encodery").resolve() == Path(encodery.__file__).parent
    assert package_alone(tmp_path) == home


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process of this Python ends with an error."""
    monkeypatch.setattr(sys, "executable", "false")


def test_engines_whose_files_cannot_be_made_are_missing(ground: Ground, failing: None) -> None:
    said: list[str] = []
    missing = write_files(ground, ["openvino-bf16", "torch-int8"], said.append)
    assert missing == {"openvino-bf16"}
    assert said == ["minilm: files for peers (onnx) are made ...", "  onnx: it said nothing"]


def test_files_that_are_there_stay(ground: Ground) -> None:
    ground.places.files.mkdir()
    for name, _ in FILES.values():
        (ground.places.files / name).touch()
    said: list[str] = []
    assert write_files(ground, ["openvino-int8", "onnxruntime-int8"], said.append) == set()
    assert said == []


def test_an_export_that_fails_ends_the_benchmark(ground: Ground, failing: None) -> None:
    with pytest.raises(UserError) as raised:
        export(ground, "int8", lambda _: None)
    assert str(raised.value) == "bench: encodery export --dtype int8 of minilm failed: it said nothing"
    assert (ground.work / "calibration.jsonl").read_text() == '{"text": "c"}\n{"text": "d"}\n'


def test_an_export_that_is_there_stays(ground: Ground) -> None:
    (ground.places.bundles / "bf16").mkdir(parents=True)
    assert export(ground, "bf16", lambda _: None) == ground.places.bundles / "bf16"
