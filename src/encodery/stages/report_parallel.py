"""The report on aligned sentences: how many there are, and what was left out for which reason."""

from collections.abc import Mapping
from typing import Any

from encodery.report.page import Section, Table
from encodery.report.samples import Sample, Samples
from encodery.stages.engine import Run
from encodery.stages.parallel import PARALLEL
from encodery.stages.report_parts import metrics_of


def parallel_section(run: Run) -> Section:
    """Nothing of it is read again: all is in the metrics of the stage."""
    parts = metrics_of(run, PARALLEL)
    rows = [
        (part, *(f"{facts[key]:,}" for key in ("pairs", "tokens", "dropped_pairs"))) for part, facts in parts.items()
    ]
    tables = [Table("Pairs as tokens", ("part", "pairs", "tokens", "left out"), rows)]
    # runs from before reasons were kept have only the number
    dropped = {part: facts.get("dropped", {}) for part, facts in parts.items()}
    reasons = list(dict.fromkeys(reason for found in dropped.values() for reason in found))
    counts = [
        (reason, *(f"{found.get(reason, {}).get('pairs', 0):,}" for found in dropped.values())) for reason in reasons
    ]
    if counts:
        tables.append(Table("Pairs that were left out", ("reason", *dropped), counts))
    samples = [
        Samples(
            f"{reason} ({part})", f"{facts['pairs']:,} pairs, the first of them", [*map(_sample, facts["samples"])]
        )
        for part, found in dropped.items()
        for reason, facts in found.items()
    ]
    return Section("Aligned sentences", tables=tables, samples=samples)


def _sample(found: Mapping[str, Any]) -> Sample:
    return Sample(f"{found['source']}\n{found['target']}", found["place"])
