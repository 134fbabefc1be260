"""Where an export's model and texts come from: the command line, or the `[export.NAME]` of a recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from encodery.artifact import MANIFEST, artifact_key, publish, read_manifest
from encodery.artifact.disk import sha256
from encodery.data.examples import read_records
from encodery.data.splits import files_by_name
from encodery.deploy.settings import ExportSettings
from encodery.errors import UserError
from encodery.families.adapter import weight_files
from encodery.recipe.exporting import ExportTable, finetuning_of
from encodery.serve.predictor import to_example
from encodery.stages.engine import Metrics, Run, base_folder
from encodery.stages.evaluation import files_given, read_labelled, renamed
from encodery.stages.export_table import export_table
from encodery.stages.exporting import Exported, export_bundle, load_for_export
from encodery.stages.exporting_translators import export_translator
from encodery.stages.translating import labelled_file
from encodery.stages.verification import Text
from encodery.tasks.task import Task, Trainable
from encodery.tasks.translation import Translation


@dataclass(frozen=True)
class Plan:
    """What an `[export.NAME]` reads."""

    model: Path
    stage: str | None
    """The stage of this run that leaves the model."""
    data: Mapping[str, Path]
    calibrate: Path | None
    made: str | None
    """The translation of this run that `calibrate` is, if it is one."""
    fields: Mapping[str, str]


def planned(run: Run, table: ExportTable) -> Plan:
    """What the table says, and what it leaves to the fine-tuning that its model is of."""
    seeds = {name: each.seeds for name, each in run.recipe.finetune.items()}
    tuned = finetuning_of(table, seeds)
    data, calibrate, fields = table.data, table.calibrate, table.fields
    model, stage = (base_folder(run, table.source), None) if tuned is None else (run.artifact(tuned[1]), tuned[1])
    if tuned is not None:
        source = run.recipe.finetune[tuned[0]]
        data, calibrate, fields = data or source.dev, calibrate or _file(source.train), fields or source.fields
    files = {name: run.base / path for name, path in files_by_name(data).items()}
    made = calibrate if calibrate and run.recipe.is_translation(calibrate) else None
    return Plan(model, stage, files, labelled_file(run, calibrate) if calibrate else None, made, fields)


def _file(files: str | Mapping[str, str] | None) -> str | None:
    """The file, where there is one alone."""
    return files if isinstance(files, str) else None


def build_export(run: Run, into: Path, work: Path, name: str) -> Metrics:
    """The `export.NAME` stage: a bundle."""
    table = run.recipe.export[name]
    plan = planned(run, table)
    columns = dict(plan.fields)
    return _export(run.console, plan.model, into, table, columns, plan.data, plan.calibrate, f"export.{name}").facts


def run_export(
    console: Console,
    model: Path,
    to: Path,
    settings: ExportSettings,
    data: Sequence[str] = (),
    fields: Sequence[str] = (),
    calibrate: Path | None = None,
) -> None:
    """Export from the command line; what was found is printed. A model that translates is exported in fp32 where the
    settings do not say in what.

    Raises:
        UserError: as `export_bundle`; a file cannot be read; there is something else at `to`.
    """
    if to.resolve() == model.resolve():
        raise UserError(f"--to {to}: is the model folder itself; name another one")
    predictor = load_for_export(model)  # what is no model is said before anything else is looked at
    translates = isinstance(predictor.task, Translation) and settings.task is None
    if translates and "dtype" not in settings.model_fields_set:
        settings = settings.model_copy(update={"dtype": "fp32"})
    parent = read_manifest(model) if (model / MANIFEST).is_file() else None
    weights = {path.name: sha256(path) for path in weight_files(model)}
    config = {"settings": settings.model_dump(), "model": str(model), "weights": weights}
    parents = {parent.stage: parent.key} if parent else {}
    metrics: dict[str, Any] = {}
    manifest = {
        "stage": "export",
        "key": artifact_key(config, parents),
        "parents": parents,
        "config": config,
        "metrics": metrics,
    }
    with publish(to, manifest) as into:
        files = files_given(data) if data else {}
        metrics.update(_export(console, model, into, settings, renamed(fields), files, calibrate, "--field").facts)
    console.print(f"bundle: {to.resolve()}", soft_wrap=True, markup=False)


def _export(
    console: Console,
    model: Path,
    into: Path,
    settings: ExportSettings,
    fields: Mapping[str, str],
    data: Mapping[str, Path],
    calibrate: Path | None,
    key: str,
) -> Exported:
    predictor = load_for_export(model)
    task: Task = predictor.embedding if settings.task else predictor.task
    columns = task.fields.parse(fields, key)
    if data and not isinstance(task, Trainable):
        raise UserError(f"{model}: its task is {task.name}, which has no scores; leave --data out")
    dev = read_labelled(task.read, columns, data).examples if data else ()
    text = Text(dev, read_texts(task, columns, calibrate) if calibrate else ())
    export = export_translator if isinstance(task, Translation) else export_bundle
    exported = export(model, into, settings, text, lambda line: console.print(line, markup=False))
    console.print(export_table(exported))
    return exported


def read_texts(task: Task, columns: Any, path: Path) -> list[Any]:
    """The records of a file as examples to predict for: labels are not looked at, and need not be there.

    Raises:
        UserError: as `read_records`; or a record has no text.
    """
    names = {ours: getattr(columns, ours) for ours in task.fields.keys()}  # noqa: SIM118  # no mapping
    examples = []
    for source, record in read_records(path):
        values = {ours: record[theirs] for ours, theirs in names.items() if theirs in record}
        examples.append(to_example(task, {k: v for k, v in values.items() if v is not None}, source))
    if not examples:
        raise UserError(f"{path}: no records; int8 is calibrated by text")
    return examples
