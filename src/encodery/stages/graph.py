"""From a recipe to its stages: what each depends on, and nothing else."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from encodery.config import Config
from encodery.corpus.clean_table import CleanTable, files_read
from encodery.corpus.inputs import CorpusInput, InputFile, fingerprint
from encodery.corpus.parallel import parallel_files
from encodery.corpus.readers import input_files
from encodery.corpus.remote import RemoteFile
from encodery.data.remote_shards import ShardsTable
from encodery.data.splits import files_by_name, paths_by_name
from encodery.errors import UserError
from encodery.families.vocabulary import ExtendTable, TrimTable
from encodery.recipe import BASES, EXTEND, PRETRAIN, SCRATCH, TRIM, CorpusTable, FinetuneTable, PretrainTable
from encodery.recipe.exporting import ExportTable
from encodery.recipe.teaching import DISTILL, FINETUNE, TOKENIZER, DistillTable
from encodery.recipe.translating import TRANSLATE, TranslateTable
from encodery.stages.corpus import build_corpus
from encodery.stages.distilling import build_distill, check_teacher, check_vocabulary
from encodery.stages.engine import Build, Run, Stage, base_folder
from encodery.stages.export_stage import build_export, planned
from encodery.stages.finetuning import build_finetune
from encodery.stages.given_shards import build_given_shards, build_given_tokenizer, given_files
from encodery.stages.parallel import PARALLEL, build_parallel
from encodery.stages.pretraining import build_pretrain
from encodery.stages.reading import check_lengths, shards_of
from encodery.stages.report import build_report
from encodery.stages.search import SEARCH, build_search
from encodery.stages.skipping import SHARDS
from encodery.stages.text import CORPUS, build_shards, build_tokenizer
from encodery.stages.translating import build_translate
from encodery.stages.vocabulary import build_extend, build_trim
from encodery.train.config import TrainerConfig
from encodery.train.space import SearchTable

NOT_IN_KEY = {
    "activation_checkpointing",
    "asynchronous_checkpoints",
    "checkpoint_every",
    "device",
    "evaluate_every",
    "keep_checkpoints",
    "log_every",
    "max_skipped_steps",
    "on_missing_shard",
    "parallel",
    "stuck",
}
"""Settings of a trainer that change how a run is watched, not the weights that come out (`evaluate_every` does where
evaluations decide which weights these are). A training that a vanished shard stopped continues without that shard,
one that was given up as stuck continues with more patience."""


def stages_of(run: Run) -> list[Stage]:
    """The stages of a recipe in the order they run.

    Raises:
        UserError: an input is missing.
    """
    recipe = run.recipe
    stages: list[Stage] = []
    if recipe.corpus and recipe.corpus.clean:
        stages.append(_corpus(run, recipe.corpus, recipe.corpus.clean))
    if recipe.corpus and recipe.corpus.shards:
        stages += _given(run, recipe.corpus, recipe.corpus.shards)
    elif recipe.corpus and recipe.has_shards:
        stages += _text(run, recipe.corpus)
    if recipe.pretrain:
        stages.append(_pretrain(run, recipe.pretrain, [stage.name for stage in stages]))
    if recipe.trim:
        stages.append(_revise(run, TRIM, recipe.trim, build_trim))
    if recipe.extend:
        stages.append(_revise(run, EXTEND, recipe.extend, build_extend))
    if recipe.distill:
        stages += _distill(run, recipe.distill)
    stages += _translations(run, [table.source for table in recipe.translate.values() if not _of_this_run(table)])
    if recipe.search:
        stages.append(_search(run, recipe.search))
    for name, table in recipe.finetune.items():
        stages += [_finetune(run, name, table, seed) for seed in table.seeds]
        stages += _translations(run, [f"{FINETUNE}{name}.{seed}" for seed in table.seeds])
    stages += [_export(run, name, table) for name, table in recipe.export.items()]
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


def _text(run: Run, corpus: CorpusTable) -> list[Stage]:
    """The vocabulary, unless it is that of a model, and the text as its tokens."""
    stages = []
    settings = {"corpus": _text_settings(corpus)}
    inputs = _fingerprints(input_files(_read(corpus), run.base), run.base)
    source = run.recipe.pretrain.source if run.recipe.pretrain else None
    folder = base_folder(run, source) if source else None
    if folder and source:
        inputs |= _fingerprints(_base(run, f"{PRETRAIN}.from", source)[0], run.base)
    if run.recipe.tokenizer:
        learned = {"corpus": _text_settings(corpus, "probe_inputs")}
        text = _fingerprints(input_files(_read(corpus, probe=False), run.base), run.base)
        spec = {"tokenizer": _settings(run.recipe.tokenizer), **learned}
        stages.append(Stage(TOKENIZER, build_tokenizer, spec, text, _cleaned(corpus)))
    parents = tuple(stage.name for stage in stages)
    build = partial(build_shards, folder=folder)
    stages.append(Stage(SHARDS, build, settings, inputs, (*_cleaned(corpus), *parents)))
    if corpus.parallel:
        stages.append(_parallel(run, corpus, parents))
    return stages


def _given(run: Run, corpus: CorpusTable, table: ShardsTable) -> list[Stage]:
    """Shards that are there already, and the tokenizer that they were written with."""
    stages = []
    if table.tokenizer:
        files, _ = _base(run, "corpus.shards.tokenizer", table.tokenizer)
        stages.append(Stage(TOKENIZER, build_given_tokenizer, {}, _fingerprints(files, run.base)))
    parents = tuple(stage.name for stage in stages)
    prints = _fingerprints(given_files(table, run.base), run.base)
    stages.append(Stage(SHARDS, build_given_shards, {"shards": table.path}, prints, parents))
    if corpus.parallel:
        stages.append(_parallel(run, corpus, parents))
    return stages


def _corpus(run: Run, corpus: CorpusTable, clean: CleanTable) -> Stage:
    """The documents that are learned from, where the inputs are cleaned first."""
    files = [*input_files(corpus.inputs, run.base), *files_read(clean, run.base)]
    inputs = [entry.model_dump(mode="json", by_alias=True) for entry in corpus.inputs]
    config = {"clean": clean.deciding(), "inputs": inputs}
    return Stage(CORPUS, build_corpus, config, _fingerprints(files, run.base))


def _cleaned(corpus: CorpusTable) -> tuple[str, ...]:
    """What the text comes from, where it is cleaned."""
    return (CORPUS,) if corpus.clean else ()


def _read(corpus: CorpusTable, probe: bool = True) -> tuple[CorpusInput, ...]:
    """The inputs that become tokens as they are."""
    inputs = () if corpus.clean else corpus.inputs
    return (*inputs, *corpus.valid_inputs, *(corpus.probe_inputs if probe else ()))


def _text_settings(corpus: CorpusTable, *without: str) -> dict[str, Any]:
    """What a stage that reads text depends on; how it was cleaned is said by the key of `corpus`."""
    cleaned = ("inputs", "clean") if corpus.clean else ()
    return _settings(corpus, "parallel", "valid_parallel", "clean_parallel", *cleaned, *without)


def _pretrain(run: Run, table: PretrainTable, text: Sequence[str]) -> Stage:
    """Depends on the text, and on the model that it continues from."""
    recipe = run.recipe
    files = _base(run, f"{PRETRAIN}.from", table.source)[0] if table.source else []
    check_lengths(run, table)
    config = {"pretrain": _settings(table), "model": _settings(recipe.model), "seed": recipe.seed}
    parents = tuple(name for name in text if name != PARALLEL or recipe.translates)
    return Stage(PRETRAIN, build_pretrain, config, _fingerprints(files, run.base), parents, PRETRAIN, True)


def _parallel(run: Run, corpus: CorpusTable, parents: tuple[str, ...]) -> Stage:
    deciding = {"parallel", "valid_parallel", "valid_fraction", "clean_parallel"}
    settings = corpus.model_dump(mode="json", by_alias=True, include=deciding)
    files = parallel_files((*corpus.parallel, *corpus.valid_parallel), run.base)
    files += corpus.clean_parallel.files_read(run.base) if corpus.clean_parallel else []
    return Stage(PARALLEL, build_parallel, {"corpus": settings}, _fingerprints(files, run.base), parents)


def _revise(run: Run, name: str, table: TrimTable | ExtendTable, build: Build) -> Stage:
    files, parents = _base(run, f"{name}.from", table.source)
    read = [*files, *input_files(table.inputs, run.base)]
    return Stage(name, build, {name: _settings(table)}, _fingerprints(read, run.base), parents)


def _distill(run: Run, table: DistillTable) -> list[Stage]:
    """The student, and before it the shards of its tokenizer where these are not those of `[tokenizer]`."""
    recipe = run.recipe
    assert recipe.corpus is not None
    teacher, parents = _base(run, "distill.teacher", table.teacher)
    vocabulary: list[Path] = []
    vocabulary_parents: tuple[str, ...] = (TOKENIZER,)
    if table.vocabulary != TOKENIZER:
        vocabulary, vocabulary_parents = _base(run, "distill.tokenizer", table.vocabulary)
    check_vocabulary(run, table)
    check_teacher(run, table)
    stages = []
    if (shards := shards_of(table)) != SHARDS:
        inputs = input_files(_read(recipe.corpus), run.base)
        config = {"corpus": _settings(recipe.corpus, *(("inputs", "clean") if recipe.corpus.clean else ()))}
        build = partial(build_shards, folder=base_folder(run, table.vocabulary))
        prints = _fingerprints([*inputs, *vocabulary], run.base)
        stages.append(Stage(shards, build, config, prints, (*_cleaned(recipe.corpus), *vocabulary_parents)))
    settings = {DISTILL: _settings(table), "model": _settings(recipe.student), "seed": recipe.seed}
    prints = _fingerprints(dict.fromkeys([*teacher, *vocabulary]), run.base)
    parents = tuple(dict.fromkeys((*parents, *vocabulary_parents, shards)))
    return [*stages, Stage(DISTILL, build_distill, settings, prints, parents, DISTILL, True)]


def _base(run: Run, key: str, source: str) -> tuple[list[Path], tuple[str, ...]]:
    """What a stage depends on through a key such as `from`: the files of a model folder, or a stage of this run.

    Raises:
        UserError: there is no such folder.
    """
    if source in BASES:
        return [], (source,)
    folder = base_folder(run, source)
    if not folder.is_dir():
        raise UserError(f"{key} = {source!r}: {folder} is no folder; name a model folder")
    return sorted(path for path in folder.iterdir() if path.is_file()), ()


def _finetune(run: Run, name: str, table: FinetuneTable, seed: int) -> Stage:
    config: dict[str, Any] = {"finetune": _settings(table, "seeds"), "seed": seed}
    translated = [file for file in files_by_name(table.train).values() if run.recipe.is_translation(file)]
    train = {name: file for name, file in files_by_name(table.train).items() if file not in translated}
    splits = (paths_by_name(files, run.base) for files in (train, table.dev, table.test))
    files = [path for split in splits for paths in split.values() for path in paths]
    if table.source == SCRATCH:
        config["model"] = _settings(run.recipe.model)
        parents: tuple[str, ...] = ("tokenizer",)
    else:
        base, parents = _base(run, f"finetune.{name}.from", table.source)
        files += base
    if table.teacher:
        taught, teachers = _model(run, f"finetune.{name}.teacher", table.teacher)
        files += [*taught, *([run.base / table.unlabelled] if table.unlabelled else [])]
        parents = (*parents, *teachers)
    if table.monolingual:
        vocabulary = (TOKENIZER,) if run.recipe.tokenizer else ()
        parents = (*parents, *vocabulary, SHARDS)
    parents = tuple(dict.fromkeys((*parents, *translated)))
    build = partial(build_finetune, name=name, seed=seed)
    inputs, training = _fingerprints(files, run.base), f"finetune.{name}"
    return Stage(f"{training}.{seed}", build, config, inputs, parents, training, _takes_pieces(table))


def _translations(run: Run, models: Sequence[str]) -> list[Stage]:
    """The translations by one of these models."""
    tables = run.recipe.translate.items()
    return [_translate(run, name, table) for name, table in tables if run.recipe.artifact_of(table.source) in models]


def _of_this_run(table: TranslateTable) -> bool:
    return table.source.startswith(FINETUNE)


def _translate(run: Run, name: str, table: TranslateTable) -> Stage:
    """Depends on the model and on the labelled files."""
    stage = f"{TRANSLATE}{name}"
    model, parents = _model(run, f"{stage}.from", table.source)
    prints = _fingerprints([*(run.base / file for file in table.files), *model], run.base)
    config = {"translate": _settings(table)}
    return Stage(stage, partial(build_translate, name=name), config, prints, parents)


def _export(run: Run, name: str, table: ExportTable) -> Stage:
    """Depends on the model, on the text that calibrates and on the dev data."""
    plan = planned(run, table)
    inputs = [*plan.data.values(), *([plan.calibrate] if plan.calibrate and not plan.made else [])]
    parents = tuple(stage for stage in (plan.stage, plan.made) if stage)
    if not plan.stage:
        inputs += _base(run, f"export.{name}.from", table.source)[0]
    config = {"export": _settings(table), "fields": dict(plan.fields)}
    return Stage(f"export.{name}", partial(build_export, name=name), config, _fingerprints(inputs, run.base), parents)


def _takes_pieces(table: FinetuneTable) -> bool:
    """Whether a step can be cut at all: a loss that compares all texts of a step is computed by one rank."""
    try:
        table.task.check_step(tokens_per_step=2, micro_batch_tokens=1)
    except ValueError:
        return False
    return True


def _model(run: Run, key: str, source: str) -> tuple[list[Path], tuple[str, ...]]:
    """As `_base`; another fine-tuning of this run may be named, too."""
    return ([], (run.recipe.artifact_of(source),)) if source.startswith(FINETUNE) else _base(run, key, source)


def _search(run: Run, search: SearchTable) -> Stage:
    """Depends on all that its fine-tuning does, but for the test data, which a search must not see."""
    table = run.recipe.finetune[search.finetune].model_copy(update={"test": None})
    tried = _finetune(run, search.finetune, table, table.seeds[0])
    config = {**tried.config, SEARCH: _settings(search), "recipe_seed": run.recipe.seed}
    return replace(tried, name=SEARCH, build=build_search, config=config, training="", distributed=False)


def _settings(table: Config, *without: str) -> dict[str, Any]:
    decides = {"evaluate_every"} if isinstance(table, TrainerConfig) and table.selects else set()
    return table.model_dump(mode="json", by_alias=True, exclude={*NOT_IN_KEY, *without} - decides)


def _fingerprints(files: Iterable[InputFile], base: Path) -> dict[str, str]:
    """What tells whether each file has changed, named from `base`.

    Raises:
        UserError: a file is missing.
    """
    return {
        str(path) if isinstance(path, RemoteFile) else os.path.relpath(path, base): fingerprint(path)
        for path in files
    }
