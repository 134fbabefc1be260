"""From a model folder to a bundle: whole or not at all, verified, and what was found beside it."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from encodery.artifact import read_manifest, verify
from encodery.cli import main
from encodery.config import read_json
from encodery.deploy import building, choose, openvino, openvino_int8
from encodery.deploy import verify as verifying
from encodery.deploy.bundle import is_bundle
from encodery.deploy.graph import trace
from encodery.deploy.openvino import convert
from encodery.errors import UserError
from encodery.recipe import load_recipe
from encodery.serve.predictor import load
from encodery.stages import exporting, open_run, plan, run, verification
from encodery.stages.gate import Gate, compare_scores
from encodery.stages.graph import stages_of
from tests.cli.refusals import Command, refused
from tests.conftest import own_copy

pytest.importorskip("nncf", reason="nncf is not installed: pip install 'encodery[export]'")
MODEL = "runs/tiny/finetune/mood/3"
TEXTS = ["The happy river finds a city.", "", "The dull baker sees a market. " * 9]


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Measured for a moment, with one thread; as few texts as say something; and traced once for every head."""
    programs: dict[str | None, Any] = {}
    graphs: dict[int, Any] = {}

    def traced(model: Any, head: str | None) -> Any:
        """Of one model: all tests have the same."""
        if head not in programs:
            programs[head] = trace(model, head)
        return programs[head]

    def converted(program: Any, names: Any) -> Any:
        if id(program) not in graphs:
            graphs[id(program)] = convert(program, names)
        return graphs[id(program)].clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "trace", traced)
        patch.setattr(openvino, "convert", converted)
        patch.setattr(choose, "SECONDS", 0.01)
        patch.setattr(exporting, "thread_counts", lambda: (1,))
        patch.setattr(openvino_int8, "ALPHAS", (0.95,))
        patch.setattr(verifying, "EXTREMES", verifying.EXTREMES[:5])
        yield


@pytest.fixture(scope="module")
def exported_once(finished: Path, tmp_path_factory: pytest.TempPathFactory, quick: None) -> tuple[Path, str]:
    """A project with a `bundle`, and what was said as it was made; for copying, not for changing."""
    folder = tmp_path_factory.mktemp("exported") / "done"
    shutil.copytree(finished, folder)
    out = io.StringIO()
    options = ["--dtype", "fp32", "--engine", "openvino", "--data", "dev.jsonl"]
    with chdir(folder), redirect_stdout(out), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["encodery", "export", MODEL, "--to", "bundle", *options])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code in (None, 0), out.getvalue()
    return folder, " ".join(out.getvalue().split())


@pytest.fixture
def bundled(exported_once: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one's own with a `bundle`; also the current directory."""
    return own_copy(exported_once[0], tmp_path / "done", monkeypatch)


def exported(encodery: Command, *options: str) -> str:
    code, out, err = encodery("export", MODEL, "--to", "bundle", *options)
    assert code == 0, err
    return " ".join(out.split())  # tables and notes are as wide as the terminal


def test_a_bundle_predicts_as_its_model(exported_once: tuple[Path, str]) -> None:
    done, out = exported_once
    assert out.endswith(f"bundle: {(done / 'bundle').resolve()}")
    assert is_bundle(done / "bundle")
    assert verify(done / "bundle").stage == "export"
    assert not (done / "bundle" / "model.safetensors").exists()
    assert not [path for path in (done / "bundle").iterdir() if path.is_dir()]
    model, bundle = load(done / MODEL), load(done / "bundle")
    for before, after in zip(model.predict(TEXTS), bundle.predict(TEXTS), strict=True):
        assert before["label"] == after["label"]
        assert before["score"] == pytest.approx(after["score"], abs=1e-5)


def test_what_was_found_is_printed_and_kept(exported_once: tuple[Path, str]) -> None:
    done, out = exported_once
    for line in ("openvino fp32, 1 threads", "hidden states", "scores on 23 dev examples", "times as fast"):
        assert line in out
    assert "note: the metric is of 23 examples: read its interval, and give more" in out
    assert "note: fewer than 200 real texts were compared" in out
    found = read_json(done / "bundle" / "encodery.json")
    assert found["bundle"] == {"engine": "openvino", "dtype": "fp32", "head": "sequence", "threads": 1, "rest": "f32"}
    facts = found["export"]
    assert facts["metric"]["examples"] == 23
    assert facts["metric"]["drop"] == 0.0
    assert facts["parity"]["largest_difference"] < 1e-4
    assert {*facts["latency_ms"]} == {"torch fp32", "openvino fp32"}
    manifest = read_manifest(done / "bundle")
    assert manifest is not None
    assert manifest.metrics == facts
    assert manifest.parents == {"finetune.mood.3": read_manifest(done / MODEL).key}  # type: ignore[union-attr]


def test_inspect_shows_a_bundle(bundled: Path, encodery: Command) -> None:
    code, out, _ = encodery("inspect", "bundle")
    assert code == 0
    assert "artifact (every file matches its recorded hash)" in out
    for part in ("\nbundle ", "engine ", " openvino", "dtype ", " fp32", "embeddings.safetensors "):
        assert part in out


def test_int8_is_calibrated_verified_and_small(done: Path, encodery: Command) -> None:
    options = ("--engine", "openvino", "--calibrate", "train.jsonl", "--data", "dev.jsonl", "--max-metric-drop", "9")
    out = exported(encodery, *options)
    assert "openvino int8" in out
    facts = read_json(done / "bundle" / "encodery.json")["export"]
    assert facts["parity"]["cosine"] >= 0.999
    assert facts["words"] in ("int8", "bf16")
    assert facts["bytes"]["bundle"] > 0
    model, bundle = (load(path).predict(TEXTS)[0]["scores"]["good"] for path in (done / MODEL, done / "bundle"))
    assert model == pytest.approx(bundle, abs=0.1)


def test_vectors_of_any_model(done: Path, encodery: Command) -> None:
    out = exported(encodery, "--dtype", "fp32", "--engine", "openvino", "--task", "feature-extraction")
    assert "note: the task metric was not compared: no --data was given; only parity was verified" in out
    bundle = load(done / "bundle")
    assert bundle.task.name == "feature-extraction"
    np.testing.assert_allclose(bundle.embed(TEXTS), load(done / MODEL).embed(TEXTS), atol=1e-4)


def test_onnx_runtime_too(done: Path, encodery: Command) -> None:
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install 'encodery[export]'")
    exported(encodery, "--engine", "onnxruntime", "--calibrate", "train.jsonl")
    assert (done / "bundle" / "model.onnx").is_file()
    assert not (done / "bundle" / "openvino_model.xml").exists()
    assert load(done / "bundle").predict(TEXTS[:1])[0]["label"] == load(done / MODEL).predict(TEXTS[:1])[0]["label"]


REFUSALS = [
    (("--dtype", "int4"), "export: dtype = 'int4': input should be 'fp32', 'bf16' or 'int8'"),
    (("--engine", "tensorrt"), "export: engine = 'tensorrt': input should be 'auto', 'openvino' or 'onnxruntime'"),
    (("--max-metric-drop", "-1"), "export: max_metric_drop = -1.0: input should be greater than or equal to 0"),
    (
        ("--dtype", "int8"),
        "int8 is calibrated by text like that which will come: give --calibrate FILE (the training file will do), or "
        "--data FILE, of which a part is then used",
    ),
    (
        ("--dtype", "bf16", "--engine", "onnxruntime"),
        "onnxruntime computes no bf16 on CPUs; export --dtype fp32 or int8, or --engine openvino",
    ),
    (("--calibrate", "nowhere.jsonl"), "nowhere.jsonl: no such file"),
    (("--data", "dev.jsonl", "--field", "text"), "--field text: write it as OURS=THEIRS, for example --field text=s"),
]


@pytest.mark.parametrize(("options", "message"), REFUSALS)
def test_what_cannot_be_is_refused(done: Path, encodery: Command, options: tuple[str, ...], message: str) -> None:
    assert refused(encodery, "export", MODEL, "--to", "bundle", *options).startswith(message)
    assert not (done / "bundle").exists()


def test_places_that_are_taken(done: Path, encodery: Command) -> None:
    (done / "mine").mkdir()
    (done / "mine" / "thesis.txt").write_text("mine")
    line = refused(encodery, "export", MODEL, "--to", "mine", "--dtype", "fp32")
    assert line.endswith("/mine: exists and is no artifact (no manifest.json); choose another folder or remove it")
    line = refused(encodery, "export", MODEL, "--to", MODEL, "--dtype", "fp32")
    assert line == f"--to {MODEL}: is the model folder itself; name another one"
    assert (done / MODEL / "model.safetensors").is_file()


def test_a_bundle_is_no_source(bundled: Path, encodery: Command) -> None:
    line = refused(encodery, "export", "bundle", "--to", "again", "--dtype", "fp32")
    assert line == "bundle: is a bundle already; export the model folder that it was made from"


def spoil(monkeypatch: pytest.MonkeyPatch, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """What OpenVINO computes is something else."""
    compile_ = openvino.OpenVinoSession.compile

    def compiled(self: Any, shapes: Any) -> Any:
        compute = compile_(self, shapes)
        return lambda inputs: change(np.array(compute(inputs)))

    monkeypatch.setattr(openvino.OpenVinoSession, "compile", compiled)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values + 0.01, "nothing was written: openvino: a number differs by 0.01"),
        (lambda values: values[::-1], "nothing was written: openvino: a number differs by "),
        (lambda values: values / 0, "nothing was written: openvino: some numbers that the exported graph gives are"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_a_graph_that_says_something_else_is_not_written(
    done: Path,
    encodery: Command,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[np.ndarray], np.ndarray],
    message: str,
) -> None:
    spoil(monkeypatch, change)
    options = ("--dtype", "fp32", "--engine", "openvino", "--data", "dev.jsonl")
    line = refused(encodery, "export", MODEL, "--to", "bundle", *options)
    assert line.startswith(message)
    assert not (done / "bundle").exists()
    assert not [*done.glob(".bundle*")]


def test_a_bundle_that_scores_less_is_not_written(
    done: Path, encodery: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its numbers are near: parity alone does not vouch for decisions."""
    monkeypatch.setattr(Gate, "drop", property(lambda self: 0.75))
    options = ("--dtype", "fp32", "--engine", "openvino", "--data", "dev.jsonl")
    line = refused(encodery, "export", MODEL, "--to", "bundle", *options)
    assert line.startswith("nothing was written: openvino: accuracy drops by 0.75 points on the dev data, from ")
    assert not (done / "bundle").exists()
    exported(encodery, *options, "--max-metric-drop", "0.8")


def test_an_earlier_bundle_outlives_a_failure(
    bundled: Path, encodery: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (bundled / "bundle" / "manifest.json").read_bytes()
    spoil(monkeypatch, lambda values: values + 0.01)
    refused(encodery, "export", MODEL, "--to", "bundle", "--dtype", "fp32", "--engine", "openvino")
    assert (bundled / "bundle" / "manifest.json").read_bytes() == before


def test_dev_data_that_calibrate_are_not_in_the_gate(
    done: Path, encodery: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[str]] = {}
    gate, calibrate = compare_scores, verifying.chosen

    def spy_gate(task: Any, model: Any, bundle: Any, examples: Any) -> Gate:
        seen["gate"] = [example.source for example in examples]
        return gate(task, model, bundle, examples)

    def spy_chosen(examples: Any, *arguments: int) -> Any:
        if arguments:
            seen["calibrate"] = [example.source for example in examples]
        return calibrate(examples, *arguments)

    monkeypatch.setattr(verification, "compare_scores", spy_gate)
    monkeypatch.setattr(exporting, "chosen", spy_chosen)
    options = ("--engine", "openvino", "--data", "dev.jsonl", "--max-metric-drop", "99")
    out = exported(encodery, *options)
    assert "without --calibrate 6 of the 23 dev examples calibrated; the metric is of the other 17" in out
    assert not {*seen["gate"]} & {*seen["calibrate"]}
    assert len({*seen["gate"], *seen["calibrate"]}) == 23


def test_unlabelled_text_calibrates(done: Path, encodery: Command) -> None:
    labelled = (done / "train.jsonl").read_text().splitlines()
    lines = [json.dumps({"text": json.loads(line)["text"]}) for line in labelled]
    (done / "texts.jsonl").write_text("\n".join(lines) + "\n")
    exported(encodery, "--engine", "openvino", "--calibrate", "texts.jsonl")


EXPORT = 'export={ small = { from = "finetune.mood", engine = "openvino", dtype = "fp32" } }'


def opened(project: Path, *overrides: str) -> Any:
    recipe = load_recipe(project / "tiny.toml", list(overrides))
    return open_run(recipe, project / "tiny.toml", Console(quiet=True))


def test_a_recipe_exports_once_and_finished_stages_stay_fresh(done: Path) -> None:
    without = opened(done)
    assert {planned.state for planned in plan(without, stages_of(without))} == {"fresh"}
    exporting_run = opened(done, EXPORT)
    states = {planned.stage.name: planned.state for planned in plan(exporting_run, stages_of(exporting_run))}
    assert {name for name, state in states.items() if state != "fresh"} == {"export.small", "report"}
    run(exporting_run, stages_of(exporting_run))
    bundle = done / "runs/tiny/export/small"
    assert is_bundle(bundle)
    assert read_json(bundle / "encodery.json")["export"]["metric"]["examples"] == 23
    again = opened(done, EXPORT)
    assert {planned.state for planned in plan(again, stages_of(again))} == {"fresh"}
    changed = opened(done, EXPORT, "export.small.max_metric_drop=0.3")
    states = {planned.stage.name: planned.state for planned in plan(changed, stages_of(changed))}
    assert states["export.small"] == "run"
    assert states["finetune.mood.3"] == "fresh"


def test_a_recipe_names_a_model_that_there_is(done: Path) -> None:
    with pytest.raises(UserError) as error:
        opened(done, 'export={ small = { from = "finetune.moods" } }')
    assert "export.small.from = 'finetune.moods': there is no such fine-tuning; finetune.mood, a model folder" in str(
        error.value
    )
    folder = opened(done, f'export={{ small = {{ from = "{MODEL}", dtype = "fp32" }} }}')
    (stage,) = [stage for stage in stages_of(folder) if stage.name == "export.small"]
    assert stage.parents == ()
    assert any(name.endswith("mood/3/model.safetensors") for name in stage.inputs)


def test_what_the_fine_tuning_read_calibrates_and_gates(done: Path) -> None:
    seeded = opened(done, 'export={ small = { from = "finetune.mood.5" } }')
    (stage,) = [stage for stage in stages_of(seeded) if stage.name == "export.small"]
    assert stage.parents == ("finetune.mood.5",)
    assert {*stage.inputs} == {"train.jsonl", "dev.jsonl"}
    shutil.rmtree(done / "runs/tiny/finetune/mood/3")  # of another seed
    assert {p.stage.name: p.state for p in plan(seeded, stages_of(seeded))}["finetune.mood.5"] == "fresh"
