"""What must be equal between schemes so that comparing them means something: text, test files, budget."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from encodery.artifact.disk import sha256
from encodery.data.splits import paths_by_name
from encodery.errors import UserError
from encodery.recipe import FinetuneTable
from encodery.stages.schemes import Scheme, tasks_of, training_tables

TOLERANCE = 0.01
"""How much larger than the smallest budget another may be."""
TOKENS, TIME = "tokens", "time"
BUDGETS = (TOKENS, TIME)


def check_fair(schemes: Sequence[Scheme], budget: str, unequal: bool) -> list[str]:
    """What a reader of the results must know of the schemes, as sentences.

    Raises:
        UserError: the schemes read different text or are measured on different files; or their budgets differ by
            more than 1 %, or cannot be known, unless they are `unequal` on purpose.
    """
    _check_text(schemes)
    notes = []
    for name, tables in tasks_of(schemes).items():
        _check_measured(name, tables, {scheme.name: scheme for scheme in schemes})
        if len(tables) < len(schemes):
            notes.append(f"finetune.{name} is in {_listed(tables)} alone: there is nothing to compare it with.")
    return notes + (_token_notes if budget == TOKENS else _time_notes)(schemes, unequal)


def _token_notes(schemes: Sequence[Scheme], unequal: bool) -> list[str]:
    tokens = {scheme.name: planned_tokens(scheme) for scheme in schemes}
    if by_clock := [name for name, amount in tokens.items() if amount is None]:
        if unequal:
            return [f"How many tokens {_listed(by_clock)} would read was not known beforehand: a time ends it."]
        raise UserError(
            f"{by_clock[0]} has a time and no steps, so how many tokens it reads is not known beforehand; give "
            "--budget time, or steps, or --unequal if it is what you want"
        )
    known = {name: amount for name, amount in tokens.items() if amount is not None}
    if not (gap := budget_gap(known, TOKENS)):
        return []
    if not unequal:
        raise UserError(
            f"unequal budgets: {gap}; change steps or tokens_per_step, give --budget time, or --unequal if it is "
            "what you want"
        )
    return [f"The token budgets are not equal: {gap}."]


def _time_notes(schemes: Sequence[Scheme], unequal: bool) -> list[str]:
    """What recipes without a time take is known afterwards."""
    seconds = {scheme.name: planned_seconds(scheme) for scheme in schemes}
    known = {name: amount for name, amount in seconds.items() if amount is not None}
    if len(known) < len(seconds) or not (gap := budget_gap(known, "seconds")):
        return []
    if not unequal:
        raise UserError(
            f"unequal budgets: {gap}; give all the same time, or --budget tokens, or --unequal if it is what you want"
        )
    return [f"The times given are not equal: {gap}."]


def planned_tokens(scheme: Scheme) -> int | None:
    """About how many tokens its training on text reads; None where a time alone ends some of it."""
    tables = training_tables(scheme)
    return None if any(table.steps is None for table in tables) else sum(table.total_tokens for table in tables)


def planned_seconds(scheme: Scheme) -> float | None:
    """How long its training on text may take; None where some of it has no time."""
    times = [table.time for table in training_tables(scheme)]
    return None if any(time is None for time in times) else sum(times, 0.0)


def budget_gap(amounts: Mapping[str, float | int], unit: str) -> str:
    """The smallest and the largest amount as a phrase, if they are more than 1 % apart; "" if not."""
    smallest, largest = (choose(amounts, key=lambda name: amounts[name]) for choose in (min, max))
    low, high = amounts[smallest], amounts[largest]
    if high <= low * (1 + TOLERANCE):
        return ""
    more = f" ({high / low - 1:.1%} more)" if low else ""
    return f"{smallest} has {_number(low)} {unit}, {largest} {_number(high)}{more}"


def _check_text(schemes: Sequence[Scheme]) -> None:
    first = next((scheme for scheme in schemes if scheme.recipe.corpus), None)
    for scheme in schemes:
        if first and scheme.recipe.corpus and (text := _text(scheme)) != _text(first):
            differs = next(key for key, value in text.items() if value != _text(first)[key])
            raise UserError(
                f"{scheme.path}: corpus.{differs} is not that of {first.path}; with other text nobody can tell a "
                "better scheme from better data: give both the same"
            )


def _text(scheme: Scheme) -> dict[str, Any]:
    """Which text is read and held out; not how it is sampled, which is part of a scheme."""
    corpus = scheme.recipe.corpus
    assert corpus is not None
    sources = {
        key: sorted((scheme.resolved(source.path), source.text_field, source.format) for source in inputs)
        for key, inputs in (("inputs", corpus.inputs), ("valid_inputs", corpus.valid_inputs))
    }
    clean = corpus.clean.deciding() if corpus.clean else None
    shards = scheme.resolved(corpus.shards.path) if corpus.shards else None
    return {
        **sources,
        "clean": clean,
        "shards": shards,
        "valid_fraction": None if corpus.valid_inputs else corpus.valid_fraction,
    }


def _check_measured(name: str, tables: Mapping[str, FinetuneTable], schemes: Mapping[str, Scheme]) -> None:
    """A task is measured on its test file, or else on its dev file, by one kind of task."""
    (first, table), *others = tables.items()
    split = measured_split(table)
    for other, theirs in others:
        key = f"finetune.{name}"
        if theirs.task.type != table.task.type:
            raise UserError(
                f"{schemes[other].path}: {key}.task.type = {theirs.task.type!r}, but {table.task.type!r} in "
                f"{schemes[first].path}; give different tasks different names"
            )
        if measured_split(theirs) != split or _contents(schemes[other], theirs) != _contents(schemes[first], table):
            raise UserError(
                f"{schemes[other].path}: {key}.{measured_split(theirs) or 'test'} is not the file of "
                f"{schemes[first].path}; scores on different examples cannot be compared: give both the same file"
            )


def measured_split(table: FinetuneTable) -> str:
    """Where the scores of a task come from; "" if there is nothing to measure on."""
    return next((split for split in ("test", "dev") if getattr(table, split)), "")


def _contents(scheme: Scheme, table: FinetuneTable) -> dict[str, str]:
    """The hashes of the measured files by name. Copies in two folders are one file."""
    paths = paths_by_name(getattr(table, measured_split(table) or "test"), scheme.base)
    if missing := next((path for some in paths.values() for path in some if not path.is_file()), None):
        raise UserError(f"{missing}: no such file; paths in a recipe are relative to the recipe's folder")
    return {name: ", ".join(map(sha256, some)) for name, some in paths.items()}


def _number(value: float | int) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
