"""A corpus in one screen of a terminal: what each step left, what was lost most, the largest languages."""

import json
from pathlib import Path

from rich.console import Group

from encodery.corpus.ledger import Ledger
from encodery.errors import UserError
from encodery.report.amounts import human, share
from encodery.report.page import Table
from encodery.report.tables import grid
from encodery.stages.corpus_facts import UNITS, kept, left_behind, reasons, total

LANGUAGES, REASONS = 8, 8
"""Rows of each: with the funnel and the facts of the artifact they fill a screen."""


def read_ledger(path: Path) -> Ledger:
    """The ledger of a corpus.

    Raises:
        UserError: it is not one.
    """
    try:
        return Ledger.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the ledger of a corpus ({error!s:.80}); run the stage corpus again") from None


def corpus_screen(ledger: Ledger) -> Group:
    """Three tables."""
    return Group(grid(_funnel(ledger)), "", grid(_reasons(ledger)), "", grid(_languages(ledger)))


def _funnel(ledger: Ledger) -> Table:
    rows = []
    before = None
    for step in ledger.steps:
        left = total(left_behind(ledger, step))
        lost = share(before["characters"] - left["characters"], before["characters"]) if before else ""
        rows.append((step, *(human(left[unit]) for unit in UNITS), lost))
        before = left
    return Table("left behind each step", ("step", *UNITS, "lost"), rows)


def _reasons(ledger: Ledger) -> Table:
    found = sorted((r for r in reasons(ledger) if r.units["characters"]), key=lambda r: -r.units["characters"])
    rows = [(reason.name, *(human(reason.units[unit]) for unit in UNITS)) for reason in found[:REASONS]]
    rest = len(found) - len(rows)
    return Table(f"lost most{_more(rest)}", ("reason", *UNITS), rows)


def _languages(ledger: Ledger) -> Table:
    languages = kept(ledger)
    characters = total(languages)["characters"]
    rows = [
        (name or "unknown", *(human(units[unit]) for unit in UNITS), share(units["characters"], characters))
        for name, units in [*languages.items()][:LANGUAGES]
    ]
    return Table(f"languages{_more(len(languages) - len(rows))}", ("language", *UNITS, "share"), rows)


def _more(rest: int) -> str:
    return f" ({rest} more in report.html)" if rest > 0 else ""
