"""What `bench predict` and `bench serve` need on the disk, made once in a folder: models, texts, exports."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import encodery
from encodery.bench.engines import ENVIRONMENT, Worker
from encodery.bench.predict_engines import Places
from encodery.bench.predict_files import FILES
from encodery.bench.predict_workload import SIZES, bench_lines, make_texts, train_vocabulary, write_model
from encodery.errors import UserError
from encodery.text.tokenizer import Tokenizer

Say = Callable[[str], object]
NATURAL_TEXTS = {"minilm": 512, "distilbert": 192, "bert": 128}
"""So many that a pass takes seconds with the slowest peer."""
KINDS = {
    "openvino-int8": ("onnx", "openvino"),
    "openvino-int8-static": ("onnx", "openvino"),
    "openvino-bf16": ("onnx",),
    "openvino-bf16-static": ("onnx",),
    "onnxruntime-int8": ("onnx", "onnxruntime"),
}
"""Files that an engine needs; the others read the model folder."""
ELSEWHERE = ("ctranslate2-int8",)
"""Engines that run in the other Python, if there is one."""


@dataclass(frozen=True)
class Ground:
    """Where one size is measured."""

    size: str
    places: Places
    texts: Path
    work: Path
    """For logs."""
    other_python: Path | None
    """Of an environment with peers whose versions fit nowhere else."""

    def start(self, engine: str) -> Worker:
        """The process of an engine."""
        command, environment = self.command(engine)
        return Worker(engine, command, self.work / f"{engine}.txt", environment)

    def command(self, engine: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """How it is started, and what it has in its environment."""
        places = (self.places.folder, self.places.files, self.places.bundles, self.texts)
        python, environment = sys.executable, {"TOKENIZERS_PARALLELISM": "true"}
        if engine in ELSEWHERE and self.other_python is not None:
            python = str(self.other_python)
            environment["PYTHONPATH"] = str(package_alone(self.work))
        return (python, "-m", "encodery.bench.predict_worker", engine, *map(str, places)), environment


def package_alone(work: Path) -> Path:
    """A folder with this package and nothing else, so that another Python finds it without our other packages."""
    home = work / "package"
    home.mkdir(exist_ok=True)
    link = home / "encodery"
    if not link.is_symlink():
        link.symlink_to(Path(encodery.__file__).parent, target_is_directory=True)
    return home


def prepare(folder: Path, size: str, other_python: Path | None, say: Say) -> Ground:
    """Model and texts of a size; what is there already stays."""
    work = folder / size
    work.mkdir(parents=True, exist_ok=True)
    vocabulary, model, texts = folder / "vocabulary", work / "model", work / "texts.json"
    if not (texts.exists() and model.exists()):
        say(f"{size}: model and texts are made ...")
        lines = bench_lines()
        if not vocabulary.exists():
            train_vocabulary(lines, vocabulary)
        tokenizer = Tokenizer.load(vocabulary)
        write_model(SIZES[size], tokenizer, model)
        make_texts(tokenizer, lines, NATURAL_TEXTS[size]).save(texts)
    return Ground(size, Places(model, work / "files", work / "bundles"), texts, work, other_python)


def write_files(ground: Ground, engines: Collection[str], say: Say) -> set[str]:
    """Peers' files, as far as these engines need them. Returned are the engines whose files cannot be made."""
    missing: set[str] = set()
    wanted = dict.fromkeys(kind for engine in engines for kind in KINDS.get(engine, ()))
    for kind in wanted:
        if (ground.places.files / FILES[kind][0]).exists():
            continue
        say(f"{ground.size}: files for peers ({kind}) are made ...")
        command = (sys.executable, "-m", "encodery.bench.predict_files", kind)
        arguments = (ground.places.folder, ground.texts, ground.places.files)
        done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, env=_environment())
        if done.returncode:
            say(f"  {kind}: {_last(done.stderr)}")
            missing |= {engine for engine in engines if kind in KINDS.get(engine, ())}
    return missing


def export(ground: Ground, dtype: str, say: Say) -> Path:
    """Our bundle, by the command that users give.

    Raises:
        UserError: the export failed; with the last thing it said.
    """
    to = ground.places.bundles / dtype
    if to.exists():
        return to
    say(f"{ground.size}: encodery export --dtype {dtype} ...")
    texts = ground.work / "calibration.jsonl"
    calibration = json.loads(ground.texts.read_text(encoding="utf-8"))["calibration"]
    texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in calibration), encoding="utf-8")
    command = [sys.executable, "-m", "encodery", "export", str(ground.places.folder), "--to", str(to)]
    done = subprocess.run(
        [*command, "--dtype", dtype, "--calibrate", str(texts)], capture_output=True, text=True, env=_environment()
    )
    if done.returncode:
        raise UserError(f"bench: encodery export --dtype {dtype} of {ground.size} failed: {_last(done.stderr)}")
    return to


def bytes_of(path: Path) -> int:
    """Of a file or of everything in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _environment() -> dict[str, str]:
    return {**os.environ, **ENVIRONMENT}


def _last(said: str) -> str:
    return (said.strip().splitlines() or ["it said nothing"])[-1]
