"""From a recipe to its stages: what each depends on, and nothing else."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from encodery.config import Config
from encodery.corpus.inputs import InputFile
from encodery.corpus.readers import input_files
from encodery.corpus.remote import RemoteFile
from encodery.data.splits import files_by_name
from encodery.errors import UserError
from encodery.families.vocabulary import ExtendTable, TrimTable
from encodery.recipe import BASES, EXTEND, PRETRAIN, SCRATCH, TRIM, FinetuneTable
from encodery.stages.engine import Build, Run, Stage, base_folder
from encodery.stages.finetuning import build_finetune
from encodery.stages.pretraining import build_pretrain
from encodery.stages.report import build_report
from encodery.stages.search import SEARCH, build_search
from encodery.stages.text import build_shards, build_tokenizer
from encodery.stages.vocabulary import build_extend, build_trim
from encodery.train.config import TrainerConfig
from encodery.train.space import SearchTable

NOT_IN_KEY = {
    "activation_checkpointing",
    "checkpoint_every",
    "device",
    "evaluate_every",
    "keep_checkpoints",
    "log_every",
    "max_skipped_steps",
    "on_missing_shard",
}
"""Settings of a trainer that change how a run is watched, not the weights that come out (`evaluate_every` does where
evaluations decide which weights these are). A training that a vanished shard stopped continues without that shard."""


def stages_of(run: Run) -> list[Stage]:
    """The stages of a recipe in the order they run.

    Raises:
        UserError: an input is missing.
    """
    recipe = run.recipe
    stages: list[Stage] = []
    model = {"model": _settings(recipe.model), "seed": recipe.seed}
    if recipe.tokenizer and recipe.corpus:
        corpus = {"corpus": _settings(recipe.corpus)}
        inputs = _fingerprints(input_files((*recipe.corpus.inputs, *recipe.corpus.valid_inputs), run.base), run.base)
        spec = {"tokenizer": _settings(recipe.tokenizer), **corpus}
        stages.append(Stage("tokenizer", build_tokenizer, spec, inputs))
        stages.append(Stage("shards", build_shards, corpus, inputs, ("tokenizer",)))
    if recipe.pretrain:
        config = {"pretrain": _settings(recipe.pretrain), **model}
        stages.append(Stage(PRETRAIN, build_pretrain, config, {}, ("tokenizer", "shards"), "pretrain"))
    if recipe.trim:
        stages.append(_revise(run, TRIM, recipe.trim, build_trim))
    if recipe.extend:
        stages.append(_revise(run, EXTEND, recipe.extend, build_extend))
    if recipe.search:
        stages.append(_search(run, recipe.search))
    for name, table in recipe.finetune.items():
        stages += [_finetune(run, name, table, seed) for seed in table.seeds]
    stages.append(Stage("report", build_report, {"recipe": _settings(recipe)}, {}, tuple(s.name for s in stages)))
    return stages


def selected(stages: Sequence[Stage], names: Sequence[str]) -> list[Stage]:
    """The named stages with everything they need; all of them if none is named. `finetune.sst2` names every seed.

    Raises:
        UserError: no stage has that name.
    """
    if not names:
        return list(stages)
    wanted: set[str] = set()
    for name in names:
        matches = {s.name for s in stages if s.name == name or s.name.startswith(f"{name}.")}
        if not matches:
            raise UserError(f"no stage is called {name!r}; this recipe has {', '.join(s.name for s in stages)}")
        wanted |= matches
    for stage in reversed(stages):
        if stage.name in wanted:
            wanted |= set(stage.parents)
    return [stage for stage in stages if stage.name in wanted]


def _revise(run: Run, name: str, table: TrimTable | ExtendTable, build: Build) -> Stage:
    files, parents = _base(run, name, table.source)
    read = [*files, *input_files(table.inputs, run.base)]
    return Stage(name, build, {name: _settings(table)}, _fingerprints(read, run.base), parents)


def _base(run: Run, table: str, source: str) -> tuple[list[Path], tuple[str, ...]]:
    """What a stage depends on through its `from`: the files of a model folder, or a stage of this run.

    Raises:
        UserError: there is no such folder.
    """
    if source in BASES:
        return [], (source,)
    folder = base_folder(run, source)
    if not folder.is_dir():
        raise UserError(f"{table}.from = {source!r}: {folder} is no folder; name a model folder")
    return sorted(path for path in folder.iterdir() if path.is_file()), ()


def _finetune(run: Run, name: str, table: FinetuneTable, seed: int) -> Stage:
    config: dict[str, Any] = {"finetune": _settings(table, "seeds"), "seed": seed}
    splits = (files_by_name(files) for files in (table.train, table.dev, table.test))
    files = [run.base / path for split in splits for path in split.values()]
    if table.source == SCRATCH:
        config["model"] = _settings(run.recipe.model)
        parents: tuple[str, ...] = ("tokenizer",)
    else:
        base, parents = _base(run, f"finetune.{name}", table.source)
        files += base
    build = partial(build_finetune, name=name, seed=seed)
    return Stage(
        f"finetune.{name}.{seed}", build, config, _fingerprints(files, run.base), parents, f"finetune.{name}"
    )


def _search(run: Run, search: SearchTable) -> Stage:
    """Depends on all that its fine-tuning does, but for the test data, which a search must not see."""
    table = run.recipe.finetune[search.finetune].model_copy(update={"test": None})
    tried = _finetune(run, search.finetune, table, table.seeds[0])
    config = {**tried.config, SEARCH: _settings(search), "recipe_seed": run.recipe.seed}
    return replace(tried, name=SEARCH, build=build_search, config=config, training="")


def _settings(table: Config, *without: str) -> dict[str, Any]:
    decides = {"evaluate_every"} if isinstance(table, TrainerConfig) and table.selects else set()
    return table.model_dump(mode="json", by_alias=True, exclude={*NOT_IN_KEY, *without} - decides)


def _fingerprints(files: Sequence[InputFile], base: Path) -> dict[str, str]:
    """Size and time of change of each file, named from `base`: content is not read, so a terabyte costs nothing. Of a
    file in an object store, what the store says of it.

    Raises:
        UserError: a file is missing.
    """
    prints = {}
    for path in files:
        if isinstance(path, RemoteFile):
            prints[str(path)] = path.fingerprint
            continue
        if not path.is_file():
            raise UserError(f"{path}: no such file; paths in a recipe are relative to the recipe's folder")
        status = path.stat()
        prints[os.path.relpath(path, base)] = f"{status.st_size} bytes, {status.st_mtime_ns}"
    return prints
