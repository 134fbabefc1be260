"""The report of a corpus: what every step made of it, and texts to read on both sides of every decision."""

import platform
from collections.abc import Mapping
from pathlib import Path

from encodery import __version__
from encodery.corpus.ledger import DAMAGE, Ledger
from encodery.corpus.spread import Sample as Found
from encodery.corpus.spread import Side, Spread
from encodery.report.amounts import human, human_bytes, share
from encodery.report.axes import format_number
from encodery.report.histogram import histogram
from encodery.report.page import Chart, Fact, RunReport, Section, Table, render_report
from encodery.report.rows import Row, row_chart
from encodery.report.samples import Measured, Sample, Samples
from encodery.stages.corpus_card import corpus_card
from encodery.stages.corpus_facts import (
    UNITS,
    CorpusFacts,
    kept,
    left_behind,
    reasons,
    total,
)

REPORT, CARD = "report.html", "card.md"
DRAWN_LANGUAGES = 30
SHOWN_DAMAGE = 200
SPREADS = 12
"""Of a measure that is kept by language so many are drawn, those with the most values."""


def write_corpus_report(ledger: Ledger, facts: CorpusFacts, into: Path) -> None:
    """Write `report.html` and `card.md` into a folder."""
    (into / REPORT).write_text(render_report(corpus_page(ledger, facts)), encoding="utf-8")
    (into / CARD).write_text(corpus_card(ledger, facts), encoding="utf-8")


def corpus_page(ledger: Ledger, facts: CorpusFacts) -> RunReport:
    """The page, as `render_report` takes it."""
    languages = kept(ledger)
    held = total(languages)
    damaged = ledger.counts["damage", "places"]
    sections = [
        *(_funnel(ledger), _reasons(ledger), _languages(ledger), _spreads(ledger)),
        *(_damage(ledger, damaged), _settings(facts)),
    ]
    files = sum(source.files for source in facts.sources)
    return RunReport(
        title=f"Corpus of {facts.name}",
        summary=[
            f"{files:,} files, {human_bytes(facts.size)}. What is not part of the corpus is counted under its "
            "reason, by document and by paragraph; a few of each are kept to be read."
        ],
        results=[
            Fact("characters kept", human(held["characters"]), _of(held, ledger, "characters")),
            Fact("documents", f"{held['documents']:,}", _of(held, ledger, "documents")),
            Fact("languages", f"{len(languages):,}"),
            Fact("damaged places", f"{damaged:,}", "in the files"),
        ],
        sections=[section for section in sections if section],
        footer=f"Encodery {__version__}, Python {platform.python_version()}. Samples are those of the smallest hash.",
    )


def _of(held: Mapping[str, int], ledger: Ledger, unit: str) -> str:
    first = total(left_behind(ledger, ledger.steps[0]))[unit] if ledger.steps else 0
    return f"{share(held[unit], first)} of {human(first)}"


def _funnel(ledger: Ledger) -> Section | None:
    if not ledger.steps:
        return None
    sums = [total(left_behind(ledger, step)) for step in ledger.steps]
    before = [sums[0], *sums[:-1]]
    charts = [
        Chart(
            row_chart([*map(_row, ledger.steps, sums, before, [unit] * len(sums))], title, f"{unit} behind each step")
        )
        for unit, title in (("documents", "Documents"), ("characters", "Characters"))
    ]
    rows = []
    for step, after, previous in zip(ledger.steps, sums, before, strict=True):
        cells = [f"{after[unit]:,}" for unit in UNITS]
        lost = [share(previous[unit] - after[unit], previous[unit]) for unit in ("documents", "characters")]
        rows.append((step, *cells, *lost))
    header = ("step", *UNITS, "documents lost", "characters lost")
    words = ["What is left behind each step; the light part of a bar is what the step took."]
    return Section("Funnel", words, charts=charts, tables=[Table("Left behind each step", header, rows)])


def _row(step: str, after: Mapping[str, int], before: Mapping[str, int], unit: str) -> Row:
    return Row(step, after[unit], f"{human(after[unit])} ({share(after[unit], before[unit])})", before[unit])


def _reasons(ledger: Ledger) -> Section | None:
    found = reasons(ledger)
    if not found:
        return None
    read = total(left_behind(ledger, ledger.steps[0])) if ledger.steps else {}
    units = list(dict.fromkeys([*UNITS, *sorted({unit for reason in found for unit in reason.units})]))
    rows = [
        (
            r.name,
            *(_number(r.units.get(u, 0)) for u in units),
            share(r.units["characters"], read.get("characters", 0)) if "characters" in r.units else "",
        )
        for r in found
    ]
    table = Table("What was lost or changed, and why", ("reason", *units, "of all characters"), rows)
    samples = [
        Samples(r.name, _amounts(r.units), [*map(_sample, (what for _, what in ledger.samples[r.name]))])
        for r in found
        if r.name in ledger.samples
    ]
    words = ["Open a reason to read some of what it took. Texts are shown up to 500 characters."]
    return Section("Reasons", words, tables=[table], samples=samples)


def _number(number: int) -> str:
    return f"{number:,}" if number else ""


def _amounts(units: Mapping[str, int]) -> str:
    ordered = dict.fromkeys([*UNITS, *units])
    return ", ".join(f"{units[unit]:,} {unit}" for unit in ordered if units.get(unit))


def _languages(ledger: Ledger) -> Section | None:
    languages = kept(ledger)
    if not languages:
        return None
    all_characters = total(languages)["characters"]
    known = next((found for step in ledger.steps if any(found := left_behind(ledger, step))), languages)
    sure = {
        name.rpartition("/")[2]: s for name, s in ledger.spreads.items() if name.startswith("language/confidence/")
    }
    rows = []
    for language, units in languages.items():
        middle = f"{sure[language].quantile(0.5):.2f}" if language in sure else "–"
        before = known[language]["characters"] if language in known else 0
        rows.append(
            (
                language or "unknown",
                *(f"{units[unit]:,}" for unit in UNITS),
                share(units["characters"], all_characters),
                share(units["characters"], before),
                middle,
            )
        )
    header = ("language", *UNITS, "of the corpus", "characters kept", "median confidence")
    drawn = [
        Row(name or "unknown", units["characters"], f"{human(units['characters'])} ({units['documents']:,})")
        for name, units in [*languages.items()][:DRAWN_LANGUAGES]
    ]
    chart = Chart(
        row_chart(drawn, "Languages", "characters (documents)"),
        f"The first {DRAWN_LANGUAGES} of {len(languages)}." if len(languages) > DRAWN_LANGUAGES else "",
    )
    return Section("Languages", charts=[chart], tables=[Table("Languages of the corpus", header, rows)])


def _spreads(ledger: Ledger) -> Section | None:
    if not ledger.spreads:
        return None
    # a measure that is drawn for all languages together is not drawn for each as well
    known = [name for name in ledger.spreads if name == _measure(name) or _measure(name) not in ledger.spreads]
    names = sorted(known, key=lambda name: (_place(ledger, name), _measure(name), -ledger.spreads[name].count))
    largest = {name: _largest(ledger, name) for name in {_measure(name) for name in names}}
    shown = [name for name in names if name in largest[_measure(name)]]
    words = ["All values that a step saw, before it decided. A dashed line is a threshold."]
    left = len(names) - len(shown)
    if left:
        words.append(
            f"Of measures that are kept by language the {SPREADS} with the most values are drawn, {left} are not."
        )
    return Section("Scores and lengths", words, measured=[_measured(name, ledger.spreads[name]) for name in shown])


def _measure(name: str) -> str:
    """`step/measure` of `step/measure/language`."""
    return "/".join(name.split("/")[:2])


def _place(ledger: Ledger, name: str) -> int:
    step = name.partition("/")[0]
    return ledger.steps.index(step) if step in ledger.steps else len(ledger.steps)


def _largest(ledger: Ledger, measure: str) -> set[str]:
    names = [name for name in ledger.spreads if _measure(name) == measure]
    return set(sorted(names, key=lambda name: (-ledger.spreads[name].count, name))[:SPREADS])


def _measured(name: str, spread: Spread) -> Measured:
    quartiles = ", ".join(_three_digits(spread.quantile(at)) for at in (0.25, 0.5, 0.75))
    caption = f"{spread.count:,} values; quartiles {quartiles}."
    if spread.other:
        caption += f" {spread.other:,} more are no numbers."
    sides = []
    for threshold, (below, above) in sorted(spread.edges.items()):
        edge = format_number(threshold)
        sides += [_side(f"below {edge}", below, spread), _side(f"{edge} and above", above, spread)]
    return Measured(histogram(spread, name, name.split("/")[1] if "/" in name else name), caption, sides)


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _side(title: str, side: Side, spread: Spread) -> Samples:
    note = f"{side.count:,} values ({share(side.count, spread.count)}), nearest first"
    return Samples(title, note, [_sample(found) for _, _, found in side.samples])


def _sample(found: Found) -> Sample:
    value = format_number(found["value"]) if "value" in found else ""
    notes = [value, found["language"], found["url"], found["source"]]
    return Sample(found["text"], " · ".join(note for note in notes if note))


def _damage(ledger: Ledger, places: int) -> Section | None:
    if not ledger.damage:
        return None
    shown = ledger.damage[:SHOWN_DAMAGE]
    words = [f"{places:,} places could not be read; everything around them was."]
    if places > len(shown):
        more = f", ledger.json the first {DAMAGE:,}" if places > DAMAGE else ", ledger.json all"
        words.append(f"The first {len(shown)} are listed here{more}.")
    return Section("Damage", words, tables=[Table("Damaged places", ("place", "what is wrong"), shown)])


def _settings(facts: CorpusFacts) -> Section | None:
    rows = [
        (step, ", ".join(f"{name} = {value}" for name, value in settings.items()))
        for step, settings in facts.settings.items()
    ]
    return Section("Settings", tables=[Table("Steps, in order", ("step", "settings"), rows)]) if rows else None
