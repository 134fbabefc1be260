"""The data card of a corpus, `card.md`: what it holds, what it was made from and how, under which licences.

The head of the file is YAML that the Hugging Face hub reads. Licences are those that the recipe gives: nothing is
guessed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from encodery import __version__
from encodery.corpus.ledger import Ledger
from encodery.report.amounts import human_bytes, share
from encodery.report.page import Table
from encodery.report.tables import markdown_table, markdown_text
from encodery.stages.corpus_facts import UNITS, CorpusFacts, Source, kept, reasons, total

NOT_STATED = "not stated"
SHOWN_REASONS = 30


def corpus_card(ledger: Ledger, facts: CorpusFacts) -> str:
    """The card as Markdown."""
    languages = kept(ledger)
    held = total(languages)
    parts = [
        _front_matter(facts, [language for language in languages if language]),
        f"# {markdown_text(facts.name)}",
        f"{held['documents']:,} documents, {held['characters']:,} characters in {len(languages):,} languages, from "
        f"{human_bytes(facts.size)} of input. `report.html` shows what each step took; `ledger.json` has all counts.",
        _section("Languages", _languages(languages)),
        _section("Where it comes from", "\n\n".join([_sources(facts.sources), *_beside(facts.read_beside)])),
        _section("Licences", _licences(facts.sources)),
        _section("How it was made", _steps(facts.settings)),
        _section("What was left out", _lost(ledger)),
        _section("Files", _files(facts)),
        _section("Versions", _versions(facts.versions)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(facts: CorpusFacts, languages: Sequence[str]) -> str:
    """Every value is quoted, since `no` (Norwegian) would be read as false."""
    lines = ["---", f"pretty_name: {json.dumps(facts.name)}"]
    if languages:
        lines += ["language:", *(f"- {json.dumps(language)}" for language in languages)]
    licences = {source.license for source in facts.sources}
    if len(licences) == 1 and licences != {""}:
        lines.append(f"license: {json.dumps(licences.pop())}")
    return "\n".join([*lines, "tags:", '- "encodery"', "---"])


def _languages(languages: Mapping[str, Mapping[str, int]]) -> str:
    characters = sum(units["characters"] for units in languages.values())
    rows = [
        (language or "unknown", *(f"{units[unit]:,}" for unit in UNITS), share(units["characters"], characters))
        for language, units in languages.items()
    ]
    return _table("Sizes by language", ("language", *UNITS, "of the corpus"), rows)


def _sources(sources: Sequence[Source]) -> str:
    rows = [
        (s.path, f"{s.files:,}", f"{s.size:,}", s.language or "as identified", s.license or NOT_STATED, s.fingerprint)
        for s in sources
    ]
    return _table("Inputs", ("path", "files", "bytes", "language", "licence", "fingerprint"), rows)


def _beside(read: Sequence[tuple[str, Source]]) -> list[str]:
    rows = [(use, s.path, f"{s.files:,}", f"{s.size:,}", s.language, s.license, s.fingerprint) for use, s in read]
    header = ("read as", "path", "files", "bytes", "language", "licence", "fingerprint")
    return [_table("Read by steps; no part of the corpus", header, rows)] if rows else []


def _licences(sources: Sequence[Source]) -> str:
    silent = [source.path for source in sources if not source.license]
    if not silent:
        return "As the recipe states them for each input, above. Pages of a crawl are their owners'."
    names = ", ".join(markdown_text(path) for path in silent)
    return (
        f"Not stated for {names}: set `license` in its table of `corpus.inputs`. Pages of a crawl are their owners'."
    )


def _steps(settings: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (step, ", ".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()))
        for step, values in settings.items()
    ]
    return _table("Steps, in order", ("step", "settings"), rows)


def _lost(ledger: Ledger) -> str:
    found = [reason for reason in reasons(ledger) if reason.units.get("characters")]
    largest = sorted(found, key=lambda reason: -reason.units["characters"])[:SHOWN_REASONS]
    rows = [(r.name, *(f"{r.units.get(unit, 0):,}" for unit in UNITS)) for r in largest]
    return _table("Largest reasons", ("reason", *UNITS), rows)


def _files(facts: CorpusFacts) -> str:
    rows = [(name, f"{record.size:,}", record.sha256) for name, record in sorted(facts.files.items())]
    return _table("Files and their hashes", ("file", "bytes", "sha256"), rows)


def _versions(versions: Mapping[str, str]) -> str:
    return _table("Made with", ("package", "version"), [*{"encodery": __version__, **versions}.items()])


def _table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(Table(caption, header, rows)) if rows else ""


def _section(heading: str, body: str) -> str:
    return f"## {heading}\n\n{body}" if body else ""
