"""`encodery validate`: the data sets of a recipe, or files; what is wrong with them, and corrected copies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from rich.console import Console

from encodery.data.examples import read_records
from encodery.data.splits import SPLITS, files_by_name
from encodery.data.validation.columns import Columns
from encodery.data.validation.copies import copy_of, write_copy
from encodery.data.validation.printing import Report
from encodery.data.validation.repairs import repair
from encodery.data.validation.rows import KINDS, LANGUAGES
from encodery.data.validation.survey import Length, Options, Pairs, Survey
from encodery.data.validation.validating import Split, common_kind, findings_of, judged_rows, survey_of
from encodery.errors import UserError
from encodery.families.folder import ModelFolder, read_folder
from encodery.recipe import BASES, SCRATCH, FinetuneTable, load_recipe
from encodery.serve.predictor import load
from encodery.stages.engine import Run, base_folder, open_run
from encodery.stages.translating import labelled_file
from encodery.tasks.classification import TextClassification
from encodery.tasks.problems import Number
from encodery.tasks.task import Task
from encodery.tasks.token_classification import TokenClassification
from encodery.tasks.translation import Translation
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer

SEPARATOR = "label_separator"
OK, FOUND = 0, 1
AT_MOST = 5
"""Findings of a code that are shown without --all."""


@dataclass(frozen=True)
class DataSet:
    """Files that belong together: one task's splits."""

    name: str
    files: Mapping[str, Path]
    options: Options
    remark: str = ""
    """What could not be checked, and why."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """What each of several files of a split is for: `train.de` is `train`."""

    @property
    def splits(self) -> list[Split]:
        """To be read, in order."""
        return [
            Split(name, partial(read_records, path), self.parts.get(name, name)) for name, path in self.files.items()
        ]


def run_validation(
    inputs: Sequence[str],
    fields: Sequence[str] = (),
    model: Path | None = None,
    *,
    fix: bool = False,
    to: Path | None = None,
    as_json: bool = False,
    show_all: bool = False,
) -> int:
    """Check a recipe's labelled files, or `inputs` themselves, and print what is found; 1 with errors, else 0.

    With `fix`, corrected copies are written and what is left in them decides.

    Raises:
        UserError: an input cannot be read, or a copy not be written.
    """
    if to and not fix:
        raise UserError(f"--to {to}: it says where --fix writes; add --fix")
    console = Console(highlight=False)
    errors = 0
    for data in data_sets(inputs, fields, model):
        report = Report(console, None if show_all else AT_MOST, as_json)
        if data.name:
            report.say(f"{data.name}:")
        if not data.files:
            report.say(data.remark)
            continue
        survey = survey_of(data.splits, data.options)
        if fix:
            data = write_fixed(data, survey, to, report)
            survey = survey_of(data.splits, data.options)
        for row in judged_rows(data.splits, survey):
            for finding in findings_of(row, survey):
                report.add(finding)
        report.finish(survey.sizes)
        if data.remark:
            report.say(data.remark)
        errors += report.severities["error"]
    return FOUND if errors else OK


def write_fixed(data: DataSet, survey: Survey, to: Path | None, report: Report) -> DataSet:
    """Corrected copies of all files of a data set, and the data set that they are.

    Raises:
        UserError: two copies have one name, or one is there already.
    """
    copies = {name: copy_of(path, to) for name, path in data.files.items()}
    for name, copy in copies.items():
        if list(copies.values()).count(copy) > 1:
            raise UserError(f"{copy}: {data.files[name]} and another file would both go there; rename one")
        if copy.exists():  # before anything is written
            raise UserError(f"{copy}: is there already; remove it, or name another folder with --to")
    for name, records in groupby(repair(data.splits, survey, report.repaired), key=itemgetter(0)):
        count = write_copy(copies[name], map(itemgetter(1), records))
        report.say(f"{copies[name]}: {count:,} records written")
    return replace(data, files=copies)


def data_sets(inputs: Sequence[str], fields: Sequence[str], model: Path | None) -> list[DataSet]:
    """What there is to check: the finetune tables of a recipe, or one data set of files."""
    if len(inputs) == 1 and inputs[0].endswith(".toml"):
        if fields or model:
            raise UserError(f"{inputs[0]}: a recipe says its own fields and model; leave --field and --model out")
        return list(_of_recipe(Path(inputs[0])))
    files = named_files(inputs)
    options = Options(columns=_columns(fields))
    data = DataSet("", files, options, "lengths are not checked: name a model with --model")
    return [_of_model(data, model) if model else data]


def named_files(inputs: Sequence[str]) -> dict[str, Path]:
    """`SPLIT=FILE`, or files: the first is train, the second dev, the third test, others by their names.

    Raises:
        UserError: a split is named twice, or has no file.
    """
    files: dict[str, Path] = {}
    for place, given in enumerate(inputs):
        name, separator, path = given.partition("=")
        if not separator or Path(given).exists():
            name, path = SPLITS[place] if place < len(SPLITS) else Path(given).name, given
        if not name or not path:
            raise UserError(f"{given}: write a file, or SPLIT=FILE, for example dev=dev.jsonl")
        if name in files:
            raise UserError(f"{given}: {name} is {files[name]} already; name each split once, as SPLIT=FILE")
        files[name] = Path(path)
    # whatever the order, dev is judged by train
    return {name: files[name] for name in sorted(files, key=lambda name: name != SPLITS[0])}


def _of_model(data: DataSet, model: Path) -> DataSet:
    """With what a model reads, tells apart and translates."""
    predictor = load(model)
    task = predictor.task
    directions = task.directions.pairs if isinstance(task, Translation) else ()
    pairs = Pairs(directions=directions, languages=_named(predictor.folder))
    options = replace(data.options, length=length_by(predictor.folder.tokenizer, task.reading), pairs=pairs)
    kind = common_kind(data.splits, options.columns)
    if task.name != kind:  # the labels of another task would be false alarms
        other = f"labels are not compared with the model's: its task is {task.name}, the records are for {kind}"
        return replace(data, options=options, remark=other if _labels_of(task) else "")
    numbers = isinstance(task, TextClassification) and isinstance(task.problem, Number)
    options = replace(options, labels=_labels_of(task), labels_by="the model's labels", numbers=numbers)
    return replace(data, options=options, remark="")


def _labels_of(task: Task) -> tuple[str, ...] | None:
    """What a task tells apart; None where it is no classes."""
    if isinstance(task, TokenClassification):
        return task.tags.labels
    if isinstance(task, TextClassification) and not isinstance(task.problem, Number):
        return task.problem.labels
    return None


def _named(folder: ModelFolder) -> tuple[str, ...] | None:
    """The languages that a model has vectors for."""
    return None if folder.languages is None else tuple(folder.languages)


def length_by(tokenizer: Tokenizer, reading: Reading) -> Length:
    """Lengths in tokens of this tokenizer, special ones included."""
    return Length(
        lambda text, pair: len(tokenizer.encode(text, pair).input_ids), reading.max_seqlen, reading.on_overflow
    )


def _columns(fields: Sequence[str]) -> Columns:
    names: dict[str, str] = {}
    for given in fields:
        ours, equals, theirs = given.partition("=")
        if not equals or not ours or not theirs:
            raise UserError(f"--field {given}: write it as OURS=THEIRS, for example --field text=sentence")
        names[ours] = theirs
    separator = names.pop("label_separator", None)
    return Columns(names, separator)


def _of_recipe(path: Path) -> Iterator[DataSet]:
    recipe = load_recipe(path)
    if not recipe.finetune:
        raise UserError(f"{path}: no [finetune.NAME] table, so no labelled data; name the files instead")
    run = open_run(recipe, path, Console(quiet=True))
    groups: dict[str, DataSet] = {}
    for name, table in recipe.finetune.items():
        data = _of_table(run, name, table)
        # tables that differ only in how they train have the same data, and the same is wrong with it
        key = repr((data.files, data.options.columns, data.options.labels, table.task))
        same = groups.get(key)
        groups[key] = replace(same, name=f"{same.name}, {data.name}") if same else data
    yield from groups.values()


def _of_table(run: Run, name: str, table: FinetuneTable) -> DataSet:
    kind = next((kind for kind in KINDS if kind == table.task.type), None)
    if kind is None:  # by the rules of another task there would be false alarms
        return DataSet(f"finetune.{name}", {}, Options(), f"records of {table.task.type} are not checked yet")
    files: dict[str, Path] = {}
    parts: dict[str, str] = {}
    remarks: list[str] = []
    for split in SPLITS:
        for file, path in files_by_name(getattr(table, split)).items():
            key = f"{split}.{file}" if file else split
            if run.recipe.is_translation(path) and not labelled_file(run, path).is_file():
                remarks.append(f"{key} is not checked: {path} is not there yet")
                continue
            files[key], parts[key] = labelled_file(run, path), split
    length, pairs = None, _pairs(table)
    try:
        folder = run.artifact("tokenizer") if table.source == SCRATCH else base_folder(run, table.source)
        length = length_by(Tokenizer.load(folder), table.task)
        if kind == "translation" and table.source != SCRATCH:
            pairs = replace(pairs, languages=_named(read_folder(folder)))
    except UserError as error:
        if table.source not in (*BASES, SCRATCH):
            raise
        remarks.append(f"lengths are not checked: there is no tokenizer yet ({error})")
    options = Options(
        kind=kind,
        columns=replace(columns_of(table.fields), defaults=_languages(table.task)),
        labels=getattr(table.task, "labels", None),
        numbers=getattr(table.task, "problem_type", None) == "regression",
        length=length,
        pairs=pairs,
    )
    return DataSet(f"finetune.{name}", files, options, "; ".join(remarks), parts)


def _languages(task: Reading) -> dict[str, str]:
    """Those that a translation's table says of all its records."""
    stated = {key: getattr(task, key, None) for key in LANGUAGES}
    return {key: language for key, language in stated.items() if language}


def _pairs(table: FinetuneTable) -> Pairs:
    return Pairs(complete=True, directions=table.monolingual.directions if table.monolingual else ())


def columns_of(fields: Mapping[str, str]) -> Columns:
    """The names that differ from ours."""
    names = {ours: theirs for ours, theirs in fields.items() if ours != theirs and ours != SEPARATOR}
    return Columns(names, fields.get(SEPARATOR))
