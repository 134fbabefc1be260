"""The `corpus` stage: raw files to the documents that are learned from, task by task."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encodery.artifact import FileRecord, canonical_json
from encodery.artifact.disk import explained, sha256
from encodery.config import Config
from encodery.corpus.clean_table import DOCUMENTS, CleanTable
from encodery.corpus.inputs import CorpusInput, files_of, fingerprint, size_of, suffixes_of
from encodery.corpus.launch import finished_tasks, who_runs
from encodery.corpus.ledger import LEDGER
from encodery.corpus.phases.groups import found_sources, groups_of
from encodery.errors import UserError
from encodery.recipe import CorpusTable
from encodery.recipe.keeping_out import not_kept_out
from encodery.report.amounts import human_bytes
from encodery.stages.corpus_progress import PhaseProgress
from encodery.stages.engine import Metrics, Planned, Run
from encodery.stages.labelled_tests import with_tests_written
from encodery.stages.text import CORPUS

if TYPE_CHECKING:
    from encodery.corpus.ledger import Ledger
    from encodery.corpus.phases.cleaning import Cleaning

LARGEST = 10
TESTS = "tests"


def build_corpus(run: Run, into: Path, work: Path) -> Metrics:
    """Run the phases of the crawl pipeline in `work`, what is complete there aside, and gather what they left.

    Raises:
        UserError: packages are missing, tasks failed, the disk is full, or no document is left.
    """
    from encodery.stages.corpus_page import write_corpus_report

    corpus = run.recipe.corpus
    assert corpus is not None
    assert corpus.clean is not None
    cleaning = _cleaning(corpus, corpus.clean, run.base, work)
    with explained("save", work):
        work.mkdir(parents=True, exist_ok=True)
    _run_phases(run, cleaning, corpus.clean)
    account = cleaning.collect(into)
    if not (into / DOCUMENTS).is_dir():
        raise _nothing_left(corpus, account.ledger, work)
    (into / LEDGER).write_text(json.dumps(account.ledger.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    write_corpus_report(account.ledger, _facts(run, corpus, corpus.clean, into), into)
    return {**_sizes(account.ledger), "seconds": {step: round(s, 3) for step, s in account.seconds.most_common()}}


def planned_corpus(run: Run, planned: Sequence[Planned]) -> str | None:
    """What the stage would read and in how many tasks, as one line; None where it would read nothing."""
    states = {item.stage.name: item.state for item in planned}
    corpus = run.recipe.corpus
    if states.get(CORPUS, "fresh") == "fresh" or corpus is None or corpus.clean is None:
        return None
    sources, others = found_sources(corpus.inputs, run.base)
    groups = groups_of(sources, corpus.clean.task_bytes)
    sizes = [size_of(source.file) for group in groups for source in group]
    not_read = f", not read {suffixes_of(file.name for file in others)}" if others else ""
    return (
        f"corpus: files {len(sizes):,} ({human_bytes(sum(sizes))}){not_read}, tasks {len(groups):,}; "
        f"{who_runs(corpus.clean.launch)}{_may_hold_tests(run, corpus.clean)}"
    )


def _may_hold_tests(run: Run, clean: CleanTable) -> str:
    names = ", ".join(f"[finetune.{name}]" for name in not_kept_out(run.recipe.finetune, clean))
    return f"; may hold dev and test of {names:.200} (corpus.clean.decontaminate = true)" if names else ""


def _cleaning(corpus: CorpusTable, clean: CleanTable, base: Path, work: Path) -> "Cleaning":
    try:
        from encodery.corpus.phases.cleaning import Cleaning
    except ImportError as error:
        raise UserError(f'[corpus.clean] needs {error.name}; pip install "encodery[crawl]"') from None
    table = with_tests_written(clean, base, work.resolve() / TESTS)
    return Cleaning(table, corpus.inputs, base.resolve(), work.resolve())


def _run_phases(run: Run, cleaning: "Cleaning", clean: CleanTable) -> None:
    for phase in cleaning.phases():
        with PhaseProgress(run.console, phase.name, phase.tasks, phase.complete()) as progress:
            for _ in finished_tasks(phase, clean.launch):
                progress.advance()


def _nothing_left(corpus: CorpusTable, ledger: "Ledger", work: Path) -> UserError:
    """Where all of it went: the steps that took most documents, the first place that could not be read."""
    from encodery.stages.corpus_facts import reasons

    lost = sorted(reasons(ledger), key=lambda reason: -reason.units.get("documents", 0))
    taken = ((reason.name, reason.units.get("documents", 0)) for reason in lost[:3])
    parts = [f"{name} took {number:,}" for name, number in taken if number]
    parts += [f"{place} is damaged: {what:.200}" for place, what in ledger.damage[:1]]
    return UserError(
        f"corpus: no document is left of {', '.join(entry.path for entry in corpus.inputs):.80}: "
        f"{', '.join(parts) or 'there is no text in it'}; add text, or loosen or leave out these steps; all counts "
        f"are in the ledgers below {work}"
    )


def _sizes(ledger: "Ledger") -> dict[str, Any]:
    """What the manifest says of the corpus; the ledger has all of it."""
    from encodery.stages.corpus_facts import UNITS, kept, reasons, total

    languages = kept(ledger)
    held = total(languages)
    largest = dict(list(languages.items())[:LARGEST])
    return {
        **{unit: held[unit] for unit in UNITS},
        "languages": len(languages),
        "largest": {
            language or "unknown": f"{units['characters']:,} characters" for language, units in largest.items()
        },
        "lost": {
            reason.name: ", ".join(f"{number:,} {unit}" for unit, number in reason.units.items())
            for reason in reasons(ledger)
        },
        "damaged places": ledger.counts["damage", "places"],
    }


def _facts(run: Run, corpus: CorpusTable, clean: CleanTable, into: Path) -> Any:
    """What the report and the card say beside the ledger."""
    from encodery.corpus.phases.packages import versions
    from encodery.stages.corpus_facts import CorpusFacts

    paths = sorted(path for path in (into / DOCUMENTS).rglob("*") if path.is_file())
    return CorpusFacts(
        name=run.recipe.name,
        sources=[_source(entry, run.base) for entry in corpus.inputs],
        settings=_settings(clean),
        files={
            str(path.relative_to(into)): FileRecord(sha256=sha256(path), size=path.stat().st_size) for path in paths
        },
        versions=versions(),
        read_beside=[*_read_beside(clean, run.base)],
    )


def _read_beside(clean: CleanTable, base: Path) -> Iterator[tuple[str, Any]]:
    """What steps read: what for, and what it is."""
    for entry in clean.perplexity.good if clean.perplexity else ():
        yield "good text", _source(entry, base)
    for file in clean.decontaminate.against if clean.decontaminate else ():
        # it was read as this, whatever its suffix
        yield f"test set {file.label}", _source(CorpusInput(path=file.path, format="txt"), base)


def _source(entry: CorpusInput, base: Path) -> Any:
    from encodery.stages.corpus_facts import Source

    files = files_of(entry, base)
    prints = canonical_json([[file.name, fingerprint(file)] for file in files])
    return Source(
        path=entry.path,
        files=len(files),
        size=sum(map(size_of, files)),
        fingerprint=hashlib.sha256(prints).hexdigest()[:16],
        license=entry.license or "",
        language=entry.language or "",
    )


def _settings(clean: CleanTable) -> dict[str, Mapping[str, Any]]:
    """Of each step that is taken, in order."""
    steps = {name: getattr(clean, name) for name in CleanTable.model_fields if name != "launch"}
    return {name: step.model_dump(mode="json") for name, step in steps.items() if isinstance(step, Config)}
