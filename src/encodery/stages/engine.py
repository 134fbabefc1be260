"""What a stage is, when it is fresh, and the one way to run a recipe.

A stage's key is the hash of its settings, the fingerprints of its input files and its parents' keys; an artifact
whose manifest carries the same key is fresh. Training keeps its checkpoints in `.work/<stage>-<key>`: a killed stage
continues there, a changed one starts beside it.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from encodery import __version__
from encodery.artifact import artifact_key, publish, read_manifest
from encodery.config import read_json, write_json
from encodery.corpus.launch import STATE
from encodery.errors import UserError
from encodery.recipe import BASES, Recipe, resolve
from encodery.stages.alike import changes, check_alike
from encodery.train.device import reset_peak_device_memory
from encodery.train.distributed import ALONE, Dismissed, Ranks
from encodery.train.progress import reset_peak_memory

FORMAT = 3
"""Raised when a stage's code changes what it writes for the same settings: every key changes with it."""
RUN_FILE = "run.json"
TRIALS = "trials"
KEY_DIGITS = 12
"""Of a key, in the name of a working folder."""


@dataclass(frozen=True)
class Run:
    """A recipe with the places it reads from and writes to."""

    recipe: Recipe
    path: Path
    """The recipe's file."""
    folder: Path
    console: Console
    ranks: Ranks = ALONE
    """The processes that run it; a stage is given several only if it is `distributed`."""
    places: Mapping[str, Path] = field(default_factory=dict)
    """The folders of artifacts by stage, where they are not those of `artifact`: shared with other runs."""

    @property
    def base(self) -> Path:
        """The recipe's own folder: relative inputs start here."""
        return self.path.parent

    def artifact(self, stage: str) -> Path:
        """The folder of a stage's artifact: `finetune.sst2.1` lies in `finetune/sst2/1`."""
        return self.places.get(stage) or self.folder.joinpath(*stage.split("."))

    def note(self, text: str) -> None:
        """Say something to the person: one line, however narrow the console is, and no markup."""
        self.console.print(text, soft_wrap=True, markup=False)

    def work(self, stage: str, key: str) -> Path:
        """Where a stage keeps what it needs to continue after a kill."""
        return self.folder / ".work" / f"{stage}-{key[:KEY_DIGITS]}"


def base_folder(run: Run, source: str) -> Path:
    """Where the model that a `from` names lies: an artifact of this run, or a model folder."""
    return run.artifact(source) if source in BASES else resolve(source, run.base)


def tokenizer_folder(run: Run) -> Path:
    """Where the tokenizer of the pretraining text lies."""
    table = run.recipe.pretrain
    return base_folder(run, table.source) if table and table.source else run.artifact("tokenizer")


Metrics = Mapping[str, Any]
Build = Callable[[Run, Path, Path], Metrics]
"""`build(run, into, work)` writes the artifact's files into the empty folder `into` and returns its metrics."""


@dataclass(frozen=True)
class Stage:
    """One step of a recipe."""

    name: str
    build: Build
    config: Mapping[str, Any]
    """Everything in the recipe that the artifact depends on."""
    inputs: Mapping[str, str]
    """Fingerprints of the files it reads."""
    parents: tuple[str, ...] = ()
    training: str = ""
    """The recipe table that trains, if this stage does: `plan` estimates its cost."""
    distributed: bool = False
    """Whether its training takes all ranks of a run; others are built by the first rank."""


@dataclass(frozen=True)
class Planned:
    """A stage, its key and what `run` would do with it."""

    stage: Stage
    key: str
    state: str
    """`fresh`, `run` or `continue`."""
    reason: str


def open_run(recipe: Recipe, recipe_path: Path, console: Console, ranks: Ranks = ALONE) -> Run:
    """The run of a recipe; nothing is written yet.

    Raises:
        UserError: the folder exists and holds another recipe's run, or something else.
    """
    folder = Path(recipe.output) / recipe.name
    if folder.exists():
        owner = _owner(folder)
        if owner is None and any(folder.iterdir()):
            raise UserError(
                f"{folder}: exists and is no run of Encodery; choose another `name` or `output` in {recipe_path}"
            )
        if owner not in (None, _identity(folder, recipe_path)):
            theirs = os.path.normpath(folder / str(owner))
            raise UserError(
                f"{folder}: belongs to another recipe, {theirs}; change `name` or `output` in {recipe_path}, "
                "or move the folder away"
            )
    return Run(recipe, recipe_path, folder, console, ranks)


def _identity(folder: Path, recipe_path: Path) -> str:
    """Where the recipe lies as seen from the run: both may be moved together."""
    return os.path.relpath(recipe_path.resolve(), folder.resolve())


def _owner(folder: Path) -> str | None:
    if not folder.is_dir():
        raise UserError(f"{folder}: is a file; the run needs a folder of that name")
    path = folder / RUN_FILE
    return str(read_json(path).get("recipe")) if path.exists() else None


def plan(run: Run, stages: Sequence[Stage]) -> list[Planned]:
    """What running these stages would do, in order, and why."""
    planned: list[Planned] = []
    keys: dict[str, str] = {}
    for stage in stages:
        parents = {name: keys[name] for name in stage.parents}
        keys[stage.name] = artifact_key({"format": FORMAT, **_settings(stage)}, parents)
        planned.append(_judge(run, stage, keys[stage.name], [p for p in planned if p.stage.name in parents]))
    return planned


def _settings(stage: Stage) -> dict[str, Any]:
    return {"stage": stage.name, "config": stage.config, "inputs": stage.inputs}


def _judge(run: Run, stage: Stage, key: str, parents: Sequence[Planned]) -> Planned:
    manifest = read_manifest(run.artifact(stage.name))
    if manifest is not None and manifest.key == key:
        return Planned(stage, key, "fresh", "nothing it depends on has changed")
    if any((run.work(stage.name, key) / begun).is_dir() for begun in ("checkpoints", TRIALS, STATE)):
        return Planned(stage, key, "continue", "stopped before its end")
    if manifest is None:
        return Planned(stage, key, "run", "not there yet")
    changed = [f"{stage.name}: {text}" for text in changes(manifest.config, _settings(stage))]
    rerun = [f"{parent.stage.name} runs again" for parent in parents if parent.state != "fresh"]
    return Planned(stage, key, "run", "; ".join([*changed, *rerun][:3]) or "made by another version of Encodery")


def run(run: Run, stages: Sequence[Stage], force: Sequence[str] = ()) -> list[Planned]:
    """Build what is not fresh, in order; the same call again continues where a killed one stopped.

    Of several ranks the first does all of it, and calls the others for the training of stages that take them.

    Raises:
        UserError: from a stage, a folder that cannot be written, a run that is under way elsewhere, or ranks that
            were not started alike.
        Interrupted: from a stage that was asked to stop and saved its state.
    """
    check_alike(
        run.ranks,
        {
            "recipe": run.recipe.model_dump(mode="json", by_alias=True),
            "stages": [stage.name for stage in stages],
            "force": list(force),
            "encodery": __version__,
        },
    )
    if not run.ranks.is_first:
        _follow(run, stages)
        return []
    _claim(run)
    done: list[Planned] = []
    with lock(run.folder):
        for planned in plan(run, stages):
            stage, name = planned.stage, planned.stage.name
            forced = any(name == target or name.startswith(f"{target}.") for target in force)
            if planned.state == "fresh" and not forced:
                run.console.print(f"[green]fresh[/]  {name}")
            else:
                run.console.print(f"[bold]{planned.state:6}[/] {name}  [dim]({planned.reason})[/]", soft_wrap=True)
                _build(run, stage, planned.key, {p.stage.name: p.key for p in done if p.stage.name in stage.parents})
            done.append(planned)
    run.ranks.tell(None)
    return done


def _follow(run: Run, stages: Sequence[Stage]) -> None:
    """What the other ranks do: wait until the first one calls them to a training, until it is done."""
    by_name = {stage.name: stage for stage in stages}
    quiet = replace(run, console=Console(quiet=True))
    while call := run.ranks.listen():
        work = Path(call["work"])
        with suppress(Dismissed):  # what follows training is the first rank's
            by_name[call["stage"]].build(quiet, work, work)


def _build(run: Run, stage: Stage, key: str, parents: Mapping[str, str]) -> None:
    work = run.work(stage.name, key)
    metrics: dict[str, Any] = {}
    manifest = {
        "stage": stage.name,
        "key": key,
        "parents": dict(parents),
        "config": _settings(stage),
        "metrics": metrics,
    }
    if stage.distributed:
        run.ranks.tell({"stage": stage.name, "work": str(work)})
    else:
        run = replace(run, ranks=ALONE)
    reset_peak_memory()  # what a stage's log calls its peak is its own
    reset_peak_device_memory()
    with publish(run.artifact(stage.name), manifest) as into:
        metrics.update(stage.build(run, into, work))
    for stale in work.parent.glob(f"{stage.name}-{'[0-9a-f]' * KEY_DIGITS}"):  # no other stage: names may have a "-"
        shutil.rmtree(stale, ignore_errors=True)


def _claim(run: Run) -> None:
    """Make the run's folder and note whose it is."""
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        if not (run.folder / RUN_FILE).exists():
            write_json(run.folder / RUN_FILE, {"recipe": _identity(run.folder, run.path)})
    except OSError as error:
        raise UserError(
            f"{run.folder}: cannot be written ({error.strerror}); choose another `output` in {run.path}"
        ) from None


@contextmanager
def lock(folder: Path, verb: str = "run") -> Iterator[None]:
    """One run at a time in a folder; the system lets go of the lock when the process ends, however it ends.

    Raises:
        UserError: another process has it.
    """
    with (folder / RUN_FILE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another `encodery {verb}` is at work here; wait for it or stop it") from None
        yield
