"""Whether inputs name fields that their records have: known only when the last task has read its part."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from encodery.corpus.launch import task_folder
from encodery.corpus.reading.fields import FieldTally
from encodery.errors import UserError

FIELDS = "fields.json"
Tallies = dict[str, FieldTally]
"""By the path of the input."""


def save_tallies(tallies: Tallies, folder: Path) -> None:
    """Write down what a task counted."""
    found = {
        path: {"with_text": tally.with_text, "without": tally.without, "first": tally.first}
        for path, tally in tallies.items()
    }
    (folder / FIELDS).write_text(json.dumps(found), encoding="utf-8")


def check_fields(folder: Path, phase: str, tasks: int, paths: Sequence[str]) -> None:
    """See whether there is an input of which not one record has a field that it names; all tasks are complete.

    Raises:
        UserError: there is; it names the first such record and the fields that this has.
    """
    tallies = {path: FieldTally() for path in paths}
    for task in range(tasks):
        for path, tally in _saved(task_folder(folder, phase, task) / FIELDS).items():
            tallies[path].add(tally)
    for path, tally in tallies.items():
        if (reason := tally.wrong()) is not None:
            raise UserError(f"corpus.inputs: path = {path!r:.80}: every record lacks a field; {reason}")


def _saved(file: Path) -> Tallies:
    """What a task counted; nothing for one that an earlier version did, which ended at the first such record."""
    if not file.is_file():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    return {
        path: FieldTally(values["with_text"], Counter(values["without"]), values["first"])
        for path, values in found.items()
    }
