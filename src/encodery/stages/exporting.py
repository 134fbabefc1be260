"""`encodery export`: a model folder to a bundle that was verified against it and is the fastest here that was."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import geometric_mean
from typing import Any, Literal

from encodery.deploy.building import Built, Source, Tell, build, calibrate
from encodery.deploy.bundle import KEY, BundleInfo, Dtype, open_engine
from encodery.deploy.choose import Candidate, Measured, latencies, measure, texts, thread_counts
from encodery.deploy.recording import head_of
from encodery.deploy.settings import ExportSettings
from encodery.deploy.tables import TableType, save_tables
from encodery.deploy.torch_engine import TorchEngine
from encodery.deploy.translator_export import Searched
from encodery.deploy.verify import Parity, chosen
from encodery.errors import UserError
from encodery.families.adapter import weight_files
from encodery.families.folder import ModelFolder, save_description
from encodery.model.skeleton import shapes_only
from encodery.serve.predictor import Predictor, load
from encodery.stages.gate import Gate
from encodery.stages.verification import Text, Verification, Verified
from encodery.tasks.task import Saved, Task, Trainable
from encodery.tasks.token_classification import STRICT, TokenClassification

MIN_TEXTS = 200
"""Real texts below which a verification says that it is weak."""
CALIBRATION_TEXTS = 1500
CALIBRATION_SHARE = 4
"""One in so many dev examples calibrates, where no other text is given; the gate does not see these."""
SCORES = "export"
"""What was found, in `encodery.json`."""


@dataclass(frozen=True)
class Exported:
    """What came of an export."""

    info: BundleInfo
    table: TableType
    parity: Parity
    gate: Gate | None
    measured: Sequence[Measured]
    """Every engine and setting that was tried, the fastest first."""
    latency: Mapping[str, Mapping[int, float]]
    """Milliseconds of one text by its length, of the model in PyTorch and of the bundle."""
    bytes: Mapping[str, int]
    kept: tuple[str, ...] = ()
    kept_share: float = 0.0
    harm: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    searched: Searched | None = None
    """Of a model that translates, how alike its translations are."""

    @property
    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        gate = {"metric": self.gate.facts} if self.gate else {}
        quantised = {
            "kept": list(self.kept),
            "kept_share": self.kept_share,
            "harm": dict(self.harm),
            "words": self.table,
        }
        return {
            "parity": vars(self.parity),
            **({"search": vars(self.searched)} if self.searched else {}),
            **gate,
            **(quantised if self.info.dtype == "int8" else {}),
            "latency_ms": {name: {str(n): t for n, t in row.items()} for name, row in self.latency.items()},
            "bytes": dict(self.bytes),
            "measured": [row.row for row in self.measured],
            "notes": list(self.notes),
        }


def export_bundle(model: Path, into: Path, settings: ExportSettings, text: Text, tell: Tell) -> Exported:
    """Write a bundle of a model folder into an empty folder, verified.

    Raises:
        UserError: an engine is not installed or cannot compute `dtype`; there is no text to calibrate by; what the
            bundle says differs too much from what the model says, or scores too much less.
    """
    predictor = load_for_export(model)
    task: Task = predictor.embedding if settings.task else predictor.task
    source = Source(predictor.folder, task, head_of(task))
    source.folder.model.eval()
    if settings.dtype == "bf16" and settings.engine == "onnxruntime":
        raise UserError("onnxruntime computes no bf16 on CPUs; export --dtype fp32 or int8, or --engine openvino")
    text = _shared(text) if settings.dtype == "int8" else text
    calibration = None
    if settings.dtype == "int8":
        drawn = chosen(text.calibration, CALIBRATION_TEXTS)
        calibration = calibrate(source, [s for example in drawn for s in task.encode(example).sequences])
    table: TableType = calibration.table if calibration else "bf16" if settings.dtype == "bf16" else "fp32"
    save_tables(into, predictor.folder.model.encoder.embeddings, table)
    builds = [
        build(source, engine, settings.dtype, into / engine, calibration, tell, settings.min_cosine)
        for engine in settings.engines
    ]
    work = Verification(source, settings, text, calibration, into, tell)
    found = work.fastest_good(builds, lambda builds: _measured(source, builds, into, settings.dtype))
    for path in sorted(found.built.folder.iterdir()):
        path.rename(into / path.name)
    for other in builds:
        shutil.rmtree(other.folder)
    exported = _exported(source, into, found, table, text, model)
    _describe(into, source, exported)
    return exported


def load_for_export(model: Path) -> Predictor:
    """A model folder.

    Raises:
        UserError: it is a bundle already, or none that predicts.
    """
    predictor = load(model)
    if KEY in predictor.folder.info:
        raise UserError(f"{model}: is a bundle already; export the model folder that it was made from")
    return predictor


def _shared(text: Text) -> Text:
    """Text to calibrate by, taken from the dev examples where no other is given.

    Raises:
        UserError: there is none at all.
    """
    if text.calibration:
        return text
    if not text.dev:
        raise UserError(
            "int8 is calibrated by text like that which will come: give --calibrate FILE (the training file will "
            "do), or --data FILE, of which a part is then used"
        )
    rest = [example for place, example in enumerate(text.dev) if place % CALIBRATION_SHARE]
    taken = [example for place, example in enumerate(text.dev) if not place % CALIBRATION_SHARE]
    note = (
        f"without --calibrate {len(taken):,} of the {len(text.dev):,} dev examples calibrated; the metric is of the "
        f"other {len(rest):,}"
    )
    return Text(rest, taken, (*text.notes, note))


def _measured(source: Source, builds: Sequence[Built], into: Path, dtype: Dtype) -> list[Measured]:
    """Each graph with each number of threads, the fastest first."""
    folder = source.folder
    candidates = []
    for built in builds:
        rests: tuple[Literal["f32", "bf16"], ...] = (
            ("f32", "bf16") if built.engine == "openvino" and dtype == "int8" else ("f32",)
        )
        for threads in thread_counts():
            for rest in rests:
                info = BundleInfo(engine=built.engine, dtype=dtype, head=source.head, threads=threads, rest=rest)
                engine = open_engine(into, folder, info, graph=built.folder)
                candidates.append(Candidate(info, partial(source.task.outputs, engine)))
    return measure(candidates, _texts(folder))


def _texts(folder: ModelFolder) -> dict[int, Any]:
    tokenizer, config = folder.tokenizer, folder.model.config
    frame = (tokenizer.cls_token_id, tokenizer.mask_token_id, tokenizer.sep_token_id)
    return texts(tokenizer.vocab_size, config.num_positions, frame)


def _exported(source: Source, into: Path, found: Verified, table: TableType, text: Text, model: Path) -> Exported:
    info, task = found.info, source.task
    engine = open_engine(into, source.folder, info)
    torch_engine = TorchEngine(source.folder.model)
    computes = [partial(task.outputs, torch_engine), partial(task.outputs, engine)]
    rows = latencies(computes, _texts(source.folder))
    choice = found.built.choice
    sizes = {
        "model": sum(path.stat().st_size for path in weight_files(model)),
        "bundle": sum(path.stat().st_size for path in into.iterdir()),
    }
    return Exported(
        info,
        table,
        found.parity,
        found.gate,
        found.measured,
        {"torch fp32": rows[0], f"{info.engine} {info.dtype}": rows[1]},
        sizes,
        choice.kept if choice else (),
        choice.share if choice else 0.0,
        choice.harm if choice else {},
        (*text.notes, *_notes(text, found.gate, task), *slower(*rows)),
    )


def slower(model: Mapping[int, float], bundle: Mapping[int, float]) -> list[str]:
    """What is to be said where a bundle takes longer than its model, over milliseconds by length."""
    share = geometric_mean(model.values()) / geometric_mean(bundle.values())
    if share >= 1:
        return []
    return [
        f"the bundle is slower here than the model, {share:.2f} times as fast: try another --dtype or --engine, or "
        "serve the model folder"
    ]


def _notes(text: Text, gate: Gate | None, task: Task) -> list[str]:
    notes = []
    if gate is None:
        why = "no --data was given" if isinstance(task, Trainable) else f"{task.name} has no scores"
        notes.append(f"the task metric was not compared: {why}; only parity was verified")
    elif gate.examples < MIN_TEXTS:
        notes.append(f"the metric is of {gate.examples} examples: read its interval, and give more")
    if max(len(text.dev), len(text.calibration)) < MIN_TEXTS:
        notes.append(f"fewer than {MIN_TEXTS} real texts were compared; give more with --data or --calibrate")
    return notes


def _describe(into: Path, source: Source, exported: Exported) -> None:
    """The files of a model folder that are no weights, and what the bundle is."""
    folder, task = source.folder, source.task
    if source.head is None:
        with shapes_only():
            folder = replace(folder, model=folder.family.model(folder.model.config, (), 0, False), labels=())
    bundle = exported.info.model_dump(exclude_none=True, exclude_defaults=False) | {"head": source.head}
    info = {**folder.info, "task": task.name, KEY: bundle, SCORES: exported.facts}
    if isinstance(task, TokenClassification):  # with a task of its own a folder counts as one that we trained
        info[STRICT] = task.tags.strict
    save_description(into, replace(folder, info=info))
    if isinstance(task, Saved):
        task.save(into, folder.model.config.hidden_size)
