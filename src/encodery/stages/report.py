"""The `report` stage: one page that says what a run did and what came of it."""

import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from encodery import __version__
from encodery.data.splits import described
from encodery.recipe import EXTEND, SCRATCH, TRIM, FinetuneTable, Recipe
from encodery.report.bars import Bar, bar_chart
from encodery.report.curves import line_chart
from encodery.report.page import Chart, Fact, RunReport, Section, Table, render_report
from encodery.stages.engine import Metrics, Run
from encodery.stages.finetuning import PREDICTIONS
from encodery.stages.group_table import cells
from encodery.stages.mistakes import mistakes
from encodery.stages.parallel import PARALLEL
from encodery.stages.report_parallel import parallel_section
from encodery.stages.report_parts import metrics_of, series, training_facts_of
from encodery.stages.report_pretraining import (
    distill_results,
    distill_section,
    pretrain_results,
    pretrain_section,
    pretrained,
)
from encodery.stages.translating import translate_section
from encodery.tasks.metrics import spread
from encodery.train.log import LOG, read_log

REPORT = "report.html"
SHOWN_MISTAKES = 8
SCORES = {
    "accuracy": "accuracy",
    "micro_f1": "micro F1",
    "pearson": "Pearson correlation",
    "f1": "F1",
    "spearman_cosine": "Spearman correlation",
    "mrr": "mean reciprocal rank",
    "bleu": "BLEU",
}
"""What a report shows first of a fine-tuned model: the one of these that its task has, and what it is called."""


def build_report(run: Run, into: Path, work: Path) -> Metrics:
    """Write `report.html` from the manifests, logs and predictions of the run's other stages."""
    recipe = run.recipe
    sections = []
    if metrics_of(run, "shards"):
        sections.append(_text_section(run))
    if metrics_of(run, PARALLEL):
        sections.append(parallel_section(run))
    if recipe.pretrain:
        sections.append(pretrain_section(run))
    if revisions := _revisions(run):
        sections.append(_vocabulary_section(revisions))
    if recipe.distill:
        sections.append(distill_section(run))
    if recipe.translate:
        sections.append(translate_section(run))
    sections += [_finetune_section(run, name) for name in recipe.finetune]
    pretrained = pretrain_results(run) if recipe.pretrain else []
    distilled = distill_results(run) if recipe.distill else []
    results = [*_finetune_results(run), *pretrained, *distilled, *_revision_results(run)]
    page = RunReport(
        title=recipe.name,
        summary=_summary(recipe, results),
        results=results,
        sections=[*_comparison(run), *sections],
        recipe=run.path.read_text(encoding="utf-8"),
        footer=f"Encodery {__version__}, Python {platform.python_version()}, {platform.platform()}",
    )
    (into / REPORT).write_text(render_report(page), encoding="utf-8")
    return {}


def _text_section(run: Run) -> Section:
    shards = metrics_of(run, "shards")
    header = ("part", "documents", "sentences", "tokens", "unigram entropy (nats)")
    rows = [(part, *(f"{facts[key]:,}" for key in header[1:4]), _entropy(facts)) for part, facts in shards.items()]
    size = metrics_of(run, "tokenizer").get("vocab_size")  # None: the tokenizer is that of a model
    vocabulary = [f"{size:,} tokens in the vocabulary."] if size else []
    return Section("Text", vocabulary, tables=[Table("The text as tokens", header, rows)])


def _entropy(facts: Mapping[str, Any]) -> str:
    """Shards that were written elsewhere may come without it."""
    return f"{facts['unigram_entropy']:.3f}" if "unigram_entropy" in facts else "not counted"


def _revisions(run: Run) -> dict[str, Mapping[str, Any]]:
    """What trimming and extending the vocabulary did, by stage."""
    tables = {TRIM: run.recipe.trim, EXTEND: run.recipe.extend}
    return {stage: metrics_of(run, stage) for stage, table in tables.items() if table}


def _vocabulary_section(revisions: Mapping[str, Mapping[str, Any]]) -> Section:
    header = ("stage", "", "tokens", "parameters", "bytes of weights", "tokens per character")
    rows = []
    for stage, metrics in revisions.items():
        for when in ("before", "after"):
            sizes = [f"{metrics[key][when]:,}" for key in ("tokens", "parameters", "bytes")]
            length = f"{metrics['tokens_per_character'][when]:.4f}" if "tokens_per_character" in metrics else ""
            rows.append((stage, when, *sizes, length))
    return Section("Vocabulary", tables=[Table("The vocabulary made smaller or larger", header, rows)])


def _revision_results(run: Run) -> list[Fact]:
    return [
        Fact(f"{stage}: bytes", f"{facts['bytes']['after'] / facts['bytes']['before'] - 1:+.1%}", "of the weights")
        for stage, facts in _revisions(run).items()
    ]


def _finetune_section(run: Run, name: str) -> Section:
    table = run.recipe.finetune[name]
    stages = [f"finetune.{name}.{seed}" for seed in table.seeds]
    logs = [read_log(run.artifact(stage) / LOG) for stage in stages]
    first = metrics_of(run, stages[0])
    chart = line_chart(
        [series(log, "step", "loss", f"seed {seed}") for seed, log in zip(table.seeds, logs, strict=True)],
        "Training loss",
        "step",
        "loss per example",
    )
    tables, examples = [], []
    if "test" in first:
        tables = [_label_table(first["test"], table.seeds[0])] if "per_label" in first["test"] else []
        tables += language_tables(first["test"], table.seeds[0])
        examples = mistakes(run.artifact(stages[0]) / PREDICTIONS, SHOWN_MISTAKES)
    return Section(
        f"Fine-tuning: {name}",
        [f"Starts from {table.source}; {len(table.seeds)} seed(s), {learned_from(table)}."],
        training_facts_of(first, logs[0]),
        [Chart(chart)],
        tables,
        examples,
    )


def learned_from(table: FinetuneTable) -> str:
    """On what a model was fine-tuned, in words."""
    if table.monolingual is None:
        return f"{table.epochs} epochs over {described(table.train)}"
    pairs = f", with the pairs of {described(table.train)}" if table.train else ""
    languages = ", ".join("-".join(pair) for pair in table.monolingual.language_pairs)
    return f"{table.monolingual.steps:,} steps over text of each language of {languages} alone{pairs}"


def language_tables(scores: Mapping[str, Any], seed: int) -> list[Table]:
    """The scores of each language and their average, where there are several."""
    groups = scores.get("languages", {})
    names = [name for name in scores.get("intervals", {}) if any(name in group for group in groups.values())]
    rows = [(name, f"{group['examples']:,}", *cells(group, names)) for name, group in groups.items()]
    caption = f"Test scores by language (seed {seed}), with the interval (95 %) of the first figure"
    return [Table(caption, ("language", "examples", *names), rows)] if rows else []


def _label_table(scores: Mapping[str, Any], seed: int) -> Table:
    rows = [
        (label, *(f"{facts[key]:.3f}" for key in ("precision", "recall", "f1")), f"{facts['support']:,}")
        for label, facts in scores["per_label"].items()
    ]
    return Table(f"Test scores by label (seed {seed})", ("label", "precision", "recall", "F1", "examples"), rows)


def scores_of(run: Run, name: str) -> tuple[str, list[float]]:
    """The first of `SCORES` that there is, under each seed, on the test file, else on the dev file; and its name:
    "test accuracy"."""
    found = [metrics_of(run, f"finetune.{name}.{seed}") for seed in run.recipe.finetune[name].seeds]
    split = "test" if all("test" in metrics for metrics in found) else "dev"
    score = next((score for score in SCORES if all(score in metrics[split] for metrics in found)), None)
    return f"{split} {SCORES[score]}" if score else split, [metrics[split][score] for metrics in found if score]


def _finetune_results(run: Run) -> list[Fact]:
    facts = []
    for name in run.recipe.finetune:
        score, scores = scores_of(run, name)
        if scores:
            note = f"{score}{_trust(run, name, score, scores)}, {len(scores)} seed(s)"
            facts.append(Fact(name, in_figures(score, statistics.mean(scores)), note))
    return facts


def _trust(run: Run, name: str, score: str, scores: Sequence[float]) -> str:
    """The deviation over several seeds; of one, the interval over examples."""
    if len(scores) > 1:
        return f" ± {in_figures(score, spread([{score: value} for value in scores])[score]['std'])}"
    split = score.split()[0]
    metrics = metrics_of(run, f"finetune.{name}.{run.recipe.finetune[name].seeds[0]}")[split]
    ends = next((ends for key, ends in metrics.get("intervals", {}).items() if metrics[key] == scores[0]), None)
    return f", {in_figures(score, ends[0])} to {in_figures(score, ends[1])}" if ends else ""


def in_figures(score: str, value: float) -> str:
    """A score as people write it: a share in percent, BLEU as it is, of 100."""
    return f"{value:.1f}" if score.endswith(SCORES["bleu"]) else f"{value:.1%}"


def _comparison(run: Run) -> list[Section]:
    charts = []
    found = {name: scores_of(run, name) for name in run.recipe.finetune}
    for words in SCORES.values():
        bars = [
            Bar(name, scores) for name, (score, scores) in found.items() if scores and score.endswith(f" {words}")
        ]
        if len(bars) > 1:
            charts.append(Chart(bar_chart(bars, words[:1].upper() + words[1:], words)))
    return [Section("Side by side", charts=charts)] if charts else []


def _summary(recipe: Recipe, results: Sequence[Fact]) -> list[str]:
    parts = []
    if recipe.pretrain:
        parts.append(f"{pretrained(recipe, recipe.pretrain)}.")
    for name, table in recipe.finetune.items():
        origin = "from fresh weights" if table.source == SCRATCH else f"from {table.source}"
        parts.append(f"{name}: {table.task.type}, {origin}.")
    return parts
