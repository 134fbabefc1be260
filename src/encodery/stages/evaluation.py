"""Labelled files through a model: scores with intervals, by language and by slice, and against another model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from encodery.data.examples import read_records
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.serve.asked import Asked
from encodery.serve.predictor import Predictor, load
from encodery.stages.slicing import LANGUAGE, languages_of, sliced
from encodery.tasks.metrics import Measurement, average_scores, difference, group_scores, intervals
from encodery.tasks.task import Trainable

AVERAGE = "average"
COMPARISON = ("this model", "the other", "difference", "95 %", "p (bootstrap)", "p (randomization)")
Read = Callable[[str, Record, Any], Any]
"""A task's `read`."""


@dataclass(frozen=True)
class Labelled:
    """Examples of some files, with what else their records say."""

    examples: Sequence[Any]
    records: Sequence[Record]
    files: Sequence[str]
    """The path of each example's file."""


@dataclass(frozen=True)
class Evaluation:
    """What a model said of labelled files, and what that is worth."""

    task: Trainable
    labelled: Labelled
    predictions: Sequence[Mapping[str, Any]]
    measurement: Measurement
    slices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By what was asked for, the scores of each slice."""
    against: Mapping[str, Any] = field(default_factory=dict)
    """The comparison with another model."""
    generation: Mapping[str, Any] = field(default_factory=dict)
    """How translations were looked for, where not as the model's folder says."""

    @cached_property
    def scores(self) -> dict[str, Any]:
        """Everything in numbers, as JSON has it."""
        slices = {"slices": self.slices} if self.slices else {}
        against = {"against": self.against} if self.against else {}
        generation = {"generation": self.generation} if self.generation else {}
        return {
            **generation,
            "examples": len(self.predictions),
            **truncated(self.predictions),
            **self.task.score(self.predictions, self.labelled.examples),
            **trust(self.task.headline, self.measurement, self.labelled.examples),
            **slices,
            **against,
        }


def evaluate(
    model: Path,
    data: Sequence[str],
    fields: Sequence[str] = (),
    by: Sequence[str] = (),
    against: Path | None = None,
    asked: Asked | None = None,
) -> Evaluation:
    """A model over labelled files, each written as `FILE` or `LANGUAGE=FILE`. What is `asked` of it is not asked of
    the one that it is compared with, which may be the same folder.

    Raises:
        UserError: a field is no `ours=theirs`, a file is not readable, a label is not the model's, there is nothing
            to slice by, or the models' tasks differ.
    """
    files = files_given(data)
    predictor = load(model, asked=asked)
    task = predictor.task
    columns = task.fields.parse(renamed(fields), "--field")
    if not isinstance(task, Trainable):
        raise UserError(f"{model}: its task is {task.name}, which has no scores; fine-tune it for one that has")
    labelled = read_labelled(task.read, columns, files)
    groups = {name: sliced(name, task, labelled.examples, labelled.records, labelled.files) for name in by}
    predictions = predictor.predict_examples(labelled.examples)
    measurement = task.measure(predictions, labelled.examples)
    return Evaluation(
        task,
        labelled,
        predictions,
        measurement,
        {name: group.scores(measurement, task.headline) for name, group in groups.items()},
        _compared(predictor, measurement, labelled.examples, against) if against else {},
        asked.generation if asked else {},
    )


def truncated(predictions: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """`truncated`: of how many examples something was left out; nothing where all are whole."""
    count = sum(bool(prediction.get("truncated")) for prediction in predictions)
    return {"truncated": count} if count else {}


def trust(headline: Sequence[str], measurement: Measurement, examples: Sequence[Any]) -> dict[str, Any]:
    """The `intervals` (95 %) of the headline; where the examples are of several languages, also the scores of each
    and their average under `languages`."""
    ends = intervals(measurement)
    found: dict[str, Any] = {"intervals": {name: [*ends[name]] for name in headline if name in ends}}
    groups = languages_of(examples)
    if len(groups) > 1:
        each = group_scores(measurement, groups, headline)
        found[LANGUAGE + "s"] = {**each, AVERAGE: average_scores(measurement, groups, headline)}
    return found


def read_labelled(read: Read, columns: Any, files: Mapping[str, Path], most: int | None = None) -> Labelled:
    """The examples of files by name, in order; those that do not say their language are in that of their file's name,
    and translations, which have two, go by it whatever their direction.

    Args:
        most: of each file no more than the first so many.

    Raises:
        UserError: as `read_records`; or a record is none of the task's.
    """
    found: list[tuple[Any, Record, str]] = [*_read(read, columns, files, most)]
    examples, records, names = map(list, zip(*found, strict=True)) if found else ([], [], [])
    return Labelled(examples, records, names)


def _read(read: Read, columns: Any, files: Mapping[str, Path], most: int | None) -> Iterator[tuple[Any, Record, str]]:
    for name, path in files.items():
        for source, record in islice(read_records(path), most):
            example = read(source, record, columns)
            if name and (example.language in (None, getattr(example, "direction", None))):
                example = replace(example, language=name)
            yield example, record, str(path)


def files_given(data: Sequence[str]) -> dict[str, Path]:
    """By name. Files without one are told apart by their paths, and have no language."""
    if len(data) == 1 and ("=" not in data[0] or Path(data[0]).exists()):
        return {"": Path(data[0])}
    files: dict[str, Path] = {}
    for given in data:
        name, _, path = given.partition("=")
        if not name or not path:
            example = "for example --data de=de.jsonl --data sw=sw.jsonl"
            raise UserError(f"--data {given}: several files need the names of their languages, {example}")
        if name in files or name == AVERAGE:
            raise UserError(f"--data {given}: the name {name} is taken; give each file one of its own")
        files[name] = Path(path)
    return files


def renamed(fields: Sequence[str]) -> dict[str, str]:
    """Columns by what they mean, each given as `ours=theirs`.

    Raises:
        UserError: one is not.
    """
    pairs = [given.partition("=") for given in fields]
    if wrong := [given for given, (_, equals, _) in zip(fields, pairs, strict=True) if not equals]:
        raise UserError(f"--field {wrong[0]}: write it as OURS=THEIRS, for example --field text=sentence")
    return {ours: theirs for ours, _, theirs in pairs}


def _compared(predictor: Predictor, ours: Measurement, examples: Sequence[Any], other: Path) -> dict[str, Any]:
    """The paired comparison on the same examples: how much higher the figures of the first model are."""
    task, rival = predictor.task, load(other)
    assert isinstance(task, Trainable)
    if rival.task.name != task.name:
        raise UserError(f"--against {other}: its task is {rival.task.name} and not {task.name}; name another model")
    try:
        theirs = task.measure(rival.predict_examples(examples), examples)
        found = difference(theirs, ours)
    except UserError as error:
        raise UserError(f"--against {other}: {error}") from None
    figures = {
        name: {
            "model": found[name].second,
            "against": found[name].first,
            "difference": found[name].difference,
            "interval": [found[name].low, found[name].high],
            "p_bootstrap": found[name].p_bootstrap,
            "p_randomization": found[name].p_randomization,
        }
        for name in task.headline
        if name in found
    }
    return {"model": str(other), **figures}


def comparison_rows(against: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """`Evaluation.against` as a table: the name of each figure, and what `COMPARISON` names, in words."""
    return [
        (
            name,
            f"{found['model']:.4f}",
            f"{found['against']:.4f}",
            f"{found['difference']:+.4f}",
            f"{found['interval'][0]:+.4f} to {found['interval'][1]:+.4f}",
            f"{found['p_bootstrap']:.3f}",
            f"{found['p_randomization']:.3f}",
        )
        for name, found in against.items()
        if name != "model"
    ]
