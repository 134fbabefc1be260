"""The steps that `[corpus.clean]` asks for, in their order."""

from pathlib import Path

from encodery.corpus.clean_table import CleanTable
from encodery.corpus.dedup.decontaminate import DecontaminateStep
from encodery.corpus.page import Step


def early_steps(table: CleanTable, base: Path) -> list[Step]:
    """What is done to pages before their paragraphs are compared over the whole input."""
    return []


def late_steps(table: CleanTable, base: Path) -> list[Step]:
    """What is done to them after that."""
    steps: list[Step] = []
    if table.decontaminate:
        steps.append(DecontaminateStep(table.decontaminate, base))
    return steps
