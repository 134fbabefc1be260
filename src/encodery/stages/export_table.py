"""What an export found, on a terminal: sizes, parity, the task metric, latency, and what hurt."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text as Styled

from encodery.deploy.translator_export import Searched
from encodery.stages.exporting import Exported
from encodery.stages.gate import POINTS, Gate

MEGABYTE = 1e6
SHOWN = 5
"""Products that are named with what harm they did."""


def export_table(exported: Exported) -> Group:
    """A table for each thing that was found."""
    parts: list[Any] = [_parity(exported)]
    if exported.gate:
        parts.append(_metric(exported.gate))
    parts += [_latency(exported), _measured(exported)]
    if exported.kept:
        parts.append(_kept(exported))
    parts += [Styled(f"note: {note}") for note in exported.notes]
    return Group(*parts)


def _parity(exported: Exported) -> Table:
    parity, sizes, searched = exported.parity, exported.bytes, exported.searched
    saved = f"{sizes['bundle'] / MEGABYTE:,.1f} MB" + (
        f", the model {sizes['model'] / MEGABYTE:,.1f} MB ({sizes['bundle'] / sizes['model']:.0%})"
        if sizes["model"]
        else ""
    )
    return _table(
        f"{exported.info.engine} {exported.info.dtype}, {exported.info.threads} threads",
        ("", ""),
        [
            ("size", saved),
            ("compared", f"{parity.sequences:,} windows, packed with strangers and alone"),
            ("hidden states", f"cosine {parity.cosine:.5f} (lowest {parity.lowest_cosine:.5f})"),
            ("outputs", f"off by {parity.relative_error:.2%} of their size, at most {parity.largest_difference:.2g}"),
            ("alone or packed", f"at most {parity.packed_difference:.2%} apart"),
            *([("translations", _alike(searched))] if searched else []),
        ],
    )


def _alike(searched: Searched) -> str:
    ties = f", {searched.ties} more equally good" if searched.ties else ""
    beams = f"all {searched.num_beams} beams" if searched.num_beams > 1 else "one beam"
    return f"the same of {searched.same} of {searched.texts} texts, {beams}{ties}"


def _metric(gate: Gate) -> Table:
    rows = [
        (
            name,
            f"{found.first:.4f}",
            f"{found.second:.4f}",
            f"{POINTS * found.difference:+.2f}",
            f"{POINTS * found.low:+.2f} to {POINTS * found.high:+.2f}",
        )
        for name, found in gate.figures.items()
    ]
    title = f"scores on {gate.examples:,} dev examples"
    return _table(title, ("", "model", "bundle", "points", "95 %"), rows)


def _latency(exported: Exported) -> Table:
    (_, before), (_, after) = exported.latency.items()
    rows = [(name, *(f"{ms:.2f}" for ms in row.values())) for name, row in exported.latency.items()]
    rows.append(("times as fast", *(f"{before[length] / after[length]:.1f}" for length in before)))
    return _table("ms for one text of so many tokens", ("", *map(str, before)), rows)


def _measured(exported: Exported) -> Table:
    rows = []
    for row in exported.measured:
        rest = f", rest {row.info.rest}" if row.info.dtype == "int8" and row.info.engine == "openvino" else ""
        name = f"{row.info.engine} {row.info.dtype}{rest}"
        rows.append((name, str(row.info.threads), *(f"{ms:.2f}" for ms in row.latency.values())))
    lengths = exported.measured[0].latency
    return _table("tried on this machine, the fastest first", ("", "threads", *map(str, lengths)), rows)


def _kept(exported: Exported) -> Table:
    worst = sorted(exported.kept, key=lambda name: -exported.harm.get(name, 0.0))
    rows = [(name, f"{exported.harm[name]:.1e}" if name in exported.harm else "") for name in worst[:SHOWN]]
    more = f", the worst {SHOWN} of {len(worst)}" if len(worst) > SHOWN else ""
    title = f"not quantised because they hurt ({exported.kept_share:.1%} of the multiplications){more}"
    return _table(title, ("", "cosine lost, alone in int8"), rows)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=Styled(title, style="bold"), title_justify="left", box=None, pad_edge=False)
    table.show_header = any(columns)
    for column in columns:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Styled, row))
    return table
