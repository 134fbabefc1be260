"""What a snapshot of Common Crawl would take, on paper: from measured rates to core-hours, disk and network by step.

Reading costs by the byte of HTML, everything after it by the character of text; what lies on disk between phases and
what is kept go by the character, too. Nothing is said of waiting: rates are those of cores that have what they need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from encodery.report.page import Table

READ = "read"
_MS_PER_MB = "ours_ms_per_mb."
_DISK = "disk_mb."


@dataclass(frozen=True)
class Snapshot:
    """What is to be read."""

    name: str
    stored_bytes: float
    """As it lies in the store: what goes over the network, once."""
    html_bytes: float
    """Of all pages; 0 where text is read."""
    characters: float
    """Of text after extraction."""


WARC = Snapshot("WARC", stored_bytes=90e12, html_bytes=394.0 * 2**40, characters=2.64e9 * 4000)
"""CC-MAIN-2024-51 as Common Crawl announced it: 2.64 billion pages, 394 TiB of content. 4,000 characters of main text
a page are assumed."""
WET = Snapshot("WET", stored_bytes=9e12, html_bytes=0.0, characters=25e12)
"""The same as text with menus and all: 9 TB, which zip to about a third of their characters (an assumption)."""


@dataclass(frozen=True)
class Cost:
    """Of one step."""

    step: str
    core_hours: float
    rate: float
    """Megabytes of HTML (reading) or of characters (all else) a second of one core."""


@dataclass(frozen=True)
class Estimate:
    """Of a whole snapshot."""

    snapshot: Snapshot
    costs: Sequence[Cost]
    disk_bytes: float
    """The most that lies on disk between phases."""
    kept_bytes: float
    """Compressed, in the end."""

    @property
    def core_hours(self) -> float:
        """Of all steps."""
        return sum(cost.core_hours for cost in self.costs)


def estimate(snapshot: Snapshot, metric: Mapping[str, float | int]) -> Estimate:
    """From the `metric` of a line `pipeline/datatrove` or `workers` of `encodery bench corpus`."""
    megabytes = metric["html_mb"]
    characters_per_mb = metric["read_characters"] / megabytes
    costs = []
    for name, milliseconds in metric.items():
        if not name.startswith(_MS_PER_MB):
            continue
        step = name.removeprefix(_MS_PER_MB)
        if step == READ:
            rate, amount = 1e3 / milliseconds, snapshot.html_bytes / 1e6
        else:
            rate, amount = characters_per_mb / 1e3 / milliseconds, snapshot.characters / 1e6
        if amount:
            costs.append(Cost(step, amount / rate / 3600, rate))
    scale = snapshot.characters / metric["read_characters"]
    disk = max(size for name, size in metric.items() if name.startswith(_DISK))
    return Estimate(snapshot, costs, disk * 1e6 * scale, metric["kept_mb"] * 1e6 * scale)


def estimate_table(estimates: Sequence[Estimate]) -> Table:
    """Core-hours by step, and what else it takes, a column for each way to read the snapshot."""
    steps = list(dict.fromkeys(cost.step for found in estimates for cost in found.costs))
    rates = {cost.step: cost.rate for found in estimates for cost in found.costs}
    hours = [{cost.step: cost.core_hours for cost in found.costs} for found in estimates]
    rows = [
        (
            step,
            f"{rates[step]:,.3g} MB/s",
            *(f"{found[step]:,.0f} core-hours" if step in found else "" for found in hours),
        )
        for step in steps
    ]
    rows += [
        ("all steps", "", *(f"{found.core_hours:,.0f} core-hours" for found in estimates)),
        ("network, once", "", *(f"{found.snapshot.stored_bytes / 1e12:,.0f} TB" for found in estimates)),
        ("disk between phases", "", *(f"{found.disk_bytes / 1e12:,.1f} TB" for found in estimates)),
        ("documents kept", "", *(f"{found.kept_bytes / 1e12:,.1f} TB" for found in estimates)),
    ]
    header = ("step", "of one core", *(f"from {found.snapshot.name}" for found in estimates))
    return Table("One snapshot of Common Crawl, on paper", header, rows)
