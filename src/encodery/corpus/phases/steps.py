"""The steps that `[corpus.clean]` asks for, in their order."""

from collections.abc import Iterable
from pathlib import Path

from encodery.corpus.clean_table import CleanTable
from encodery.corpus.dedup.decontaminate import DecontaminateStep
from encodery.corpus.page import Step
from encodery.corpus.steps.c4 import C4Step
from encodery.corpus.steps.fineweb import FineWebStep
from encodery.corpus.steps.gopher import GopherStep
from encodery.corpus.steps.language import LanguageStep
from encodery.corpus.steps.lines import LinesStep
from encodery.corpus.steps.perplexity import PerplexityStep
from encodery.corpus.steps.personal import PersonalStep
from encodery.corpus.steps.repair import RepairStep
from encodery.corpus.steps.repetition import RepetitionStep
from encodery.corpus.steps.url import UrlStep


def early_steps(table: CleanTable, base: Path) -> list[Step]:
    """What is done to pages before their paragraphs are compared over the whole input.

    Raises:
        UserError: a file or a package is missing.
    """
    steps: list[Step] = []
    if table.url:
        steps.append(UrlStep(table.url, base))
    if table.repair:
        steps.append(RepairStep(table.repair))
    if table.lines:
        steps.append(LinesStep(table.lines, base))
    return steps


def late_steps(table: CleanTable, base: Path, models: Path, stated: Iterable[str]) -> list[Step]:
    """What is done to them after that; raises as `early_steps`, and where a model cannot do what is asked of it.

    `models` is where models of good text will lie, by language; `stated` are the languages that inputs name.
    """
    steps: list[Step] = []
    if table.language:
        language = LanguageStep(table.language, base, stated)
        language.check()
        steps.append(language)
    if table.repetition:
        steps.append(RepetitionStep(table.repetition, base))
    if table.gopher:
        steps.append(GopherStep(table.gopher, base))
    if table.c4:
        steps.append(C4Step(table.c4, base))
    if table.fineweb:
        steps.append(FineWebStep(table.fineweb, base))
    if table.decontaminate:
        decontaminate = DecontaminateStep(table.decontaminate, base)
        decontaminate.check()
        steps.append(decontaminate)
    if table.perplexity:
        steps.append(PerplexityStep(table.perplexity, models))
    if table.personal:
        steps.append(PersonalStep(table.personal, base))
    return steps
