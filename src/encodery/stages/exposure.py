"""How often training reads the text of each language: as it will, for `plan`, and as it did, for the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from encodery.data.schedule import stated
from encodery.data.shards import Shards
from encodery.objectives.mixing import Objective, summed
from encodery.objectives.phases import Course
from encodery.recipe import PRETRAIN, PretrainTable
from encodery.recipe.teaching import DISTILL, DistillTable
from encodery.stages.engine import Planned, Run, base_folder, tokenizer_folder
from encodery.stages.parallel import PARALLEL
from encodery.stages.reading import TRAIN, Reading, shards_of
from encodery.stages.skipping import SHARDS
from encodery.stages.text import NO_LANGUAGE
from encodery.text.tokenizer import Tokenizer

HEADER = ("language", "tokens", "share", "sampled", "epochs")


def planned_exposure(run: Run, planned: Sequence[Planned]) -> list[Table | str]:
    """For each stage that trains on text the table of languages, from the token shards; a line instead where these
    are yet to be written. None where the text names no language."""
    corpus, states = run.recipe.corpus, {item.stage.name: item.state for item in planned}
    if corpus is None or not corpus.names_languages:
        return []
    tables = {PRETRAIN: run.recipe.pretrain, DISTILL: run.recipe.distill}
    named = {stage: table for stage, table in tables.items() if table and stage in states}
    return [line for stage, table in named.items() for line in _planned(run, stage, table, states)]


def _planned(
    run: Run, stage: str, table: PretrainTable | DistillTable, states: Mapping[str, str]
) -> list[Table | str]:
    corpus, shards = run.recipe.corpus, shards_of(table)
    if corpus and corpus.shards is not None and corpus.shards.is_remote:
        return ["languages: the shards lie elsewhere; how often the text of each is read is in the report"]
    needed = [shards, *([PARALLEL] if stage == PRETRAIN and run.recipe.translates else [])]
    if missing := [name for name in needed if states.get(name) != "fresh"]:
        return [
            f"languages: sampled with alpha = {stated(table.alpha)!r}; how often the text of each is read is known "
            f"when the shards are written: encodery run RECIPE {' '.join(missing)}"
        ]
    if table.steps is None:
        return ["languages: how often the text of each is read depends on how many steps the time has"]
    reading = Reading(run, table, Tokenizer.load(_vocabulary_folder(run, table)))
    course = reading.course()
    languages = exposure(course, table.steps, reading.shards[TRAIN])
    pairs = pair_exposure(course, table.steps, reading.pairs[TRAIN]) if TRAIN in reading.pairs else {}
    if not languages and not pairs:
        return ["languages: not known, the token shards are not sorted by language"]
    what = "pretraining" if stage == PRETRAIN else "distillation"
    titles = {f"How often {what} reads each language": languages, "The same, of aligned sentences": pairs}
    return [exposure_table(rows, title) for title, rows in titles.items() if rows]


def _vocabulary_folder(run: Run, table: PretrainTable | DistillTable) -> Path:
    """The tokenizer that the text is read by; shards are fresh, so it is there."""
    if shards_of(table) == SHARDS or isinstance(table, PretrainTable):
        return tokenizer_folder(run)
    return base_folder(run, table.vocabulary)


def exposure(course: Course[Objective], steps: int, shards: Shards) -> dict[str, dict[str, int | float]]:
    """Of each language, its tokens, their share, its share of what is read, and how often its text is read; empty
    where shards are not sorted by language."""
    return _exposure(summed(o.epochs_by_language(start, stop) for o, start, stop in course.runs(0, steps)), shards)


def pair_exposure(course: Course[Objective], steps: int, shards: Shards) -> dict[str, dict[str, int | float]]:
    """The same of aligned sentences, for each two languages."""
    return _exposure(summed(o.epochs_by_pair(start, stop) for o, start, stop in course.runs(0, steps)), shards)


def _exposure(epochs: Mapping[str, float], shards: Shards) -> dict[str, dict[str, int | float]]:
    if not epochs:
        return {}
    tokens = {name: size for name, size in shards.tokens_by_language().items() if size}
    total = sum(tokens.values())
    read = sum(epochs[name] * size for name, size in tokens.items())
    return {
        name or NO_LANGUAGE: {
            "tokens": size,
            "share": size / total,
            "sampled_share": epochs[name] * size / read if read else 0.0,
            "epochs": epochs[name],
        }
        for name, size in tokens.items()
    }


def exposure_rows(languages: Mapping[str, Mapping[str, int | float]]) -> list[tuple[str, ...]]:
    """The same as a person reads it, under `HEADER`; the language with most text first."""
    ordered = sorted(languages.items(), key=lambda item: -item[1]["tokens"])
    return [
        (name, f"{row['tokens']:,}", f"{row['share']:.2%}", f"{row['sampled_share']:.2%}", f"{row['epochs']:.3g}")
        for name, row in ordered
    ]


def exposure_table(languages: Mapping[str, Mapping[str, int | float]], title: str) -> Table:
    """The rows for the terminal."""
    table = Table(*HEADER, title=title, title_justify="left")
    for row in exposure_rows(languages):
        table.add_row(*row)
    return table
