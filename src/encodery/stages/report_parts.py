"""What sections of the report share: the metrics of a stage, the curves of its log, the facts of a training."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from encodery.artifact import read_manifest
from encodery.report.curves import Series
from encodery.report.page import Fact
from encodery.stages.engine import Run


def metrics_of(run: Run, stage: str) -> Mapping[str, Any]:
    """The metrics in a stage's manifest."""
    manifest = read_manifest(run.artifact(stage))
    return manifest.metrics if manifest else {}


def series(log: Sequence[Mapping[str, Any]], event: str, metric: str, name: str) -> Series:
    points = [
        (record["step"], record[metric])
        for record in log
        if record["event"] == event and record.get(metric) is not None
    ]
    return Series(name, [step for step, _ in points], [value for _, value in points])


def training_facts_of(metrics: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> list[Fact]:
    steps = [record for record in log if record["event"] == "step"]
    speeds = [record["tokens_per_second"] for record in steps]
    facts = [
        Fact("steps", f"{metrics['steps']:,}"),
        Fact("tokens", f"{metrics['tokens']:,}"),
        Fact("parameters", f"{metrics['parameters']:,}"),
    ]
    if steps:
        facts.append(Fact("tokens/s", f"{statistics.median(speeds):,.0f}", "median"))
        facts.append(Fact("peak memory", f"{max(r['peak_memory_bytes'] for r in steps) / 1e6:,.0f} MB"))
    for split, entry in metrics.get("skipped_shards", {}).items():
        facts.append(Fact("shards left out", f"{entry['count']}", f"{split}: missing or truncated"))
    for phase in metrics.get("phases_not_reached", ()):
        sizes = f"sequences of {phase['max_seqlen']:,}, steps of {phase['tokens_per_step']:,} tokens"
        facts.append(Fact("phase not reached", f"step {phase['start']:,}", f"the run ended before; {sizes}"))
    if metrics["skipped_steps"]:
        facts.append(Fact("skipped steps", f"{metrics['skipped_steps']}", "loss or gradient not finite"))
    return facts
