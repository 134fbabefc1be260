"""The `translate.NAME` stage: labelled files in another language, and what those who learn from them say of it."""

import shutil
from pathlib import Path
from typing import Any

from encodery.artifact.disk import sha256
from encodery.recipe.teaching import FINETUNE
from encodery.recipe.translating import TranslateTable
from encodery.report.page import Section, Table
from encodery.serve.files import Outcome
from encodery.stages.engine import Metrics, Run, base_folder
from encodery.stages.report_parts import metrics_of
from encodery.stages.translate_train import Wanted, translate_train

RECORDS = "records.jsonl"
"""The artifact: all records of the table's files, in order."""


def build_translate(run: Run, into: Path, work: Path, name: str) -> Metrics:
    """Translate each file of the table; a stage that was killed goes on where it was.

    Raises:
        UserError: as `translate_train`.
    """
    table = run.recipe.translate[name]
    files = []
    with (into / RECORDS).open("wb") as out:
        for number, file in enumerate(table.files):
            part = work / f"{number}.jsonl"
            outcome = _translate(run, table, name, run.base / file, part)
            with part.open("rb") as lines:
                shutil.copyfileobj(lines, out)
            facts: dict[str, Any] = {"file": file, "sha256": sha256(run.base / file), "records": outcome.records}
            files.append(facts | ({"truncated": outcome.truncated} if outcome.truncated else {}))
    return {
        "model": run.recipe.artifact_of(table.source),
        "source_language": table.source_language,
        "target_language": table.target_language,
        "records": sum(entry["records"] for entry in files),
        "files": files,
    }


def _translate(run: Run, table: TranslateTable, name: str, file: Path, part: Path) -> Outcome:
    of_this_run = table.source.startswith(FINETUNE)
    model = run.artifact(run.recipe.artifact_of(table.source)) if of_this_run else base_folder(run, table.source)
    fields = [f"{ours}={theirs}" for ours, theirs in table.fields.items()]
    wanted = Wanted(table.source_language, table.target_language, fields, source=f"translate.{name}")
    return translate_train(model, file, part, wanted, run.console)


def labelled_file(run: Run, file: str) -> Path:
    """Where a file that a fine-tuning names lies: beside the recipe, or in the artifact of a translation."""
    return run.artifact(file) / RECORDS if run.recipe.is_translation(file) else run.base / file


def origin_of(run: Run, file: str) -> str:
    """How a training file came about, in words; nothing to say of one that people wrote."""
    if not run.recipe.is_translation(file):
        return ""
    facts = metrics_of(run, file)
    files = ", ".join(f"{entry['file']} (sha256 {entry['sha256']})" for entry in facts["files"])
    way = f"{facts['source_language']} to {facts['target_language']}"
    return f"machine-translated from {way} by {facts['model']}, of {files}"


def translate_section(run: Run) -> Section:
    """What was translated by which model, for the report."""
    rows = []
    for name in run.recipe.translate:
        facts = metrics_of(run, f"translate.{name}")
        files = ", ".join(entry["file"] for entry in facts["files"])
        languages = (facts["source_language"], facts["target_language"])
        rows.append((f"translate.{name}", files, facts["model"], *languages, f"{facts['records']:,}"))
    header = ("stage", "files", "model", "from", "into", "records")
    return Section(
        "Machine-translated training data",
        tables=[Table("Texts are a model's, labels are as they were", header, rows)],
    )
