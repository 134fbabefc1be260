"""The report on learning from text without labels."""

from collections.abc import Mapping
from typing import Any

from encodery.recipe import PretrainTable, Recipe
from encodery.recipe.teaching import DISTILL
from encodery.report.axes import ReferenceLine
from encodery.report.curves import line_chart
from encodery.report.page import Chart, Fact, Section, Table
from encodery.stages.engine import Run
from encodery.stages.exposure import HEADER, exposure_rows
from encodery.stages.report_parts import metrics_of, series, training_facts_of
from encodery.train.log import LOG, read_log
from encodery.train.progress import format_duration

OBJECTIVES = {
    "mlm": ("MLM", "Masked LM", "masked token"),
    "clm": ("CLM", "Causal LM", "token"),
    "tlm": ("TLM", "Translation LM", "masked token"),
}
"""What the objectives of pretraining are called, and what their losses are counted per."""
LANGUAGE_FIGURES = {
    "mlm_loss": "held-out loss (nats)",
    "clm_loss": "causal loss (nats)",
    "clm_perplexity": "causal perplexity",
    "ce_loss": "soft targets (KL, nats)",
    "cos_loss": "hidden states (1 - cosine)",
}
ACCURACIES = {
    "mlm_accuracy": "masked tokens",
    "clm_accuracy": "next tokens",
    "tlm_accuracy": "masked tokens of pairs",
    "nsp_accuracy": "next sentence",
}


def pretrain_section(run: Run) -> Section:
    metrics = metrics_of(run, "pretrain")
    log = read_log(run.artifact("pretrain") / LOG)
    losses = [
        line_chart(
            [series(log, "step", f"{name}_loss", "training"), series(log, "eval", f"{name}_loss", "held out")],
            f"{title} loss",
            "step",
            f"nats per {unit}",
            [ReferenceLine(*_entropy(run, name))],
        )
        for name, (_, title, unit) in OBJECTIVES.items()
        if f"{name}_loss" in metrics["valid"]
    ]
    accuracy = line_chart(
        [series(log, "eval", name, label) for name, label in ACCURACIES.items() if name in metrics["valid"]],
        "Accuracy on held-out text",
        "step",
        "accuracy",
        [ReferenceLine("always the commoner (next sentence)", metrics["nsp_majority"])]
        if "nsp_majority" in metrics
        else [],
    )
    rate = line_chart([series(log, "step", "lr", "lr")], "Learning rate", "step", "lr")
    return Section(
        "Pretraining",
        facts=training_facts_of(metrics, log),
        charts=[Chart(c) for c in (*losses, accuracy, rate)],
        tables=[*_before_and_after(metrics), *_pretrained_languages(metrics), *_pretrained_pairs(metrics)],
    )


def _before_and_after(metrics: Mapping[str, Any]) -> list[Table]:
    """What further pretraining changed, on its own kind of text and on the probe's; nothing of a fresh model."""
    before, after = metrics.get("before", {}), metrics["valid"]
    rows = [
        (name, f"{before[name]:.4f}", f"{after[name]:.4f}", f"{after[name] - before[name]:+.4f}")
        for name in before
        if name in after and isinstance(before[name], float)
    ]
    header = ("held-out text", "before", "after", "change")
    return [Table("The model before it was pretrained further, and after", header, rows)] if rows else []


def _pretrained_languages(metrics: Mapping[str, Any]) -> list[Table]:
    """How often each language was read, and how well the model knows it; nothing where no language is named."""
    held_out: Mapping[str, Mapping[str, float]] = metrics["valid"].get("languages", {})
    read = exposure_rows(metrics.get("languages", {}))
    # pairs of languages have figures, too, and are not among what is read
    figures = list(dict.fromkeys(name for row in read for name in held_out.get(row[0], {})))
    rows = [
        (*row, *(f"{found[name]:.3f}" if name in found else "" for name in figures))
        for row in read
        for found in [held_out.get(row[0], {})]
    ]
    header = (*HEADER, *(LANGUAGE_FIGURES.get(name, name.replace("_", " ")) for name in figures))
    return [Table("Languages: the text, how it was read, and held-out text", header, rows)] if rows else []


def _pretrained_pairs(metrics: Mapping[str, Any]) -> list[Table]:
    """How often the aligned sentences of each two languages were read."""
    rows = exposure_rows(metrics.get("parallel", {}).get("languages", {}))
    return [Table("Aligned sentences: how they were read", HEADER, rows)] if rows else []


def _entropy(run: Run, objective: str) -> tuple[str, float]:
    """What the loss of an objective is to be read against: a model that knows how often tokens are asked for."""
    hidden = metrics_of(run, "pretrain").get("hidden_entropy")
    if hidden is None or objective == "clm":
        return "unigram entropy", metrics_of(run, "shards")["valid"]["unigram_entropy"]
    return "unigram entropy of what is hidden", hidden


def pretrain_results(run: Run) -> list[Fact]:
    valid = metrics_of(run, "pretrain")["valid"]
    facts = [
        Fact(f"validation {short} loss", f"{valid[f'{name}_loss']:.3f}", f"nats; {what} {entropy:.3f}")
        for name, (short, _, _) in OBJECTIVES.items()
        if f"{name}_loss" in valid
        for what, entropy in [_entropy(run, name)]
    ]
    if "nsp_accuracy" in valid:
        majority = metrics_of(run, "pretrain")["nsp_majority"]
        note = f"accuracy; always the commoner answer: {majority:.1%}"
        facts.append(Fact("next sentence", f"{valid['nsp_accuracy']:.1%}", note))
    return facts


def distill_section(run: Run) -> Section:
    metrics = metrics_of(run, DISTILL)
    log = read_log(run.artifact(DISTILL) / LOG)
    titles = {"ce": "Soft targets (KL, nats)", "mlm": "Masked LM (nats)", "cos": "Hidden states (1 - cosine)"}
    charts = [
        line_chart(
            [series(log, "step", f"{term}_loss", "training"), series(log, "eval", f"{term}_loss", "held out")],
            title,
            "step",
            "per token",
        )
        for term, title in titles.items()
        if f"{term}_loss" in metrics["valid"]
    ]
    return Section(
        "Distillation",
        facts=training_facts_of(metrics, log),
        charts=[Chart(chart) for chart in charts],
        tables=_pretrained_languages(metrics),
    )


def distill_results(run: Run) -> list[Fact]:
    metrics = metrics_of(run, DISTILL)
    share = metrics["parameters"] / metrics["teacher"]["parameters"]
    smoothed = run.recipe.distill is not None and run.recipe.distill.objective.mlm.sample_alpha > 0
    masks = ", where rare tokens are hidden more often (sample_alpha)" if smoothed else ""
    accuracy = f"masked LM accuracy {metrics['valid']['mlm_accuracy']:.1%}{masks}"
    return [Fact("student", f"{share:.1%}", f"of its teacher's parameters; {accuracy}")]


def pretrained(recipe: Recipe, table: PretrainTable) -> str:
    """What was pretrained, and how long."""
    fresh = f"{recipe.model.family} ({recipe.model.preset}), pretrained"
    what = f"{table.source}, pretrained further" if table.source else fresh
    steps = f"for {table.steps:,} steps" if table.steps else f"for {format_duration(table.time or 0)} in steps"
    sizes = dict.fromkeys(f"{part.tokens_per_step:,}" for part in table.stretches)
    return f"{what} {steps} of about {', then '.join(sizes)} tokens"
