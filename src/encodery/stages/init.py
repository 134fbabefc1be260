"""A first recipe for labelled files: what they hold and what the machine has, written down with the reasons."""

import math
from collections.abc import Mapping
from pathlib import Path

from encodery.corpus.inputs import format_of
from encodery.data.validation.rows import KINDS, Kind
from encodery.errors import UserError
from encodery.recipe import SCRATCH, load_recipe
from encodery.stages.init_text import head, machine, positions, quoted, relative, table
from encodery.stages.init_translation import translation_text
from encodery.stages.looking import CORPUS_FORMATS, SAMPLE, Look, look_at, text_field

SHORT_NAMES: Mapping[str, Kind] = {
    "classification": "text-classification",
    "ner": "token-classification",
    "qa": "question-answering",
}
_TOKENS_PER_WORD = 1.5
_MANY_TIMES = 10


def write_recipe(
    to: Path, train: Path, dev: Path | None, test: Path | None, task: str | None, model: str | None
) -> str:
    """Write a commented recipe for these files, and give its text.

    Raises:
        UserError: the recipe is there already, a file or model cannot be read, or the task is not clear.
    """
    if to.exists():
        raise UserError(f"{to}: is there already; name another recipe with --to, or remove it")
    look = look_at(train, _kind_named(task))
    files = {"train": train, "dev": dev, "test": test}
    text = (translation_text if look.pairs else recipe_text)(to, look, files, model)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(text, encoding="utf-8")
    try:
        load_recipe(to)
    except UserError:
        to.unlink()
        raise
    return text


def _kind_named(task: str | None) -> Kind | None:
    if task is None:
        return None
    named = SHORT_NAMES.get(task, task)
    for kind in KINDS:
        if kind == named:
            return kind
    raise UserError(f"--task {task}: one of {', '.join([*SHORT_NAMES, *KINDS])} is allowed")


def recipe_text(to: Path, look: Look, files: Mapping[str, Path | None], model: str | None) -> str:
    """The recipe as TOML; paths are relative to its folder."""
    longest = positions(model)
    needed = 32 * math.ceil((look.words * _TOKENS_PER_WORD + 4) / 32)
    max_seqlen = min(needed, longest)
    lines = [
        *head(to, look, files["train"]),
        *([] if model else _scratch(to, look, files["train"])),
        "[finetune.main]",
        f"from = {quoted(model or SCRATCH)}"
        + ("" if model else "  # or a folder with a pretrained model, which learns much more"),
    ]
    lines += [f"{split} = {quoted(relative(path, to))}" for split, path in files.items() if path]
    if not files["dev"]:
        lines.append('# dev = "..."  # without one nobody knows how good the model is')
    if look.fields:
        lines.append(f"fields = {table({ours: quoted(name) for ours, name in look.fields.items()})}")
    task = {"type": quoted(look.kind), "max_seqlen": str(max_seqlen)}
    if look.kind == "text-classification" and look.numbers:
        task["problem_type"] = quoted("regression")
    lines += [
        f"task = {table(task)}  # 95 % of the texts have at most {look.words} words; longer ones are read in windows",
        *_about_labels(look),
        f"epochs = {_epochs(look.records)}",
        f"tokens_per_step = {max(512, 4 * max_seqlen)}",
        f"optimizer = {{ lr = {'5e-5' if model else '5e-4'}, warmup_ratio = 0.06 }}",
        'precision = "bf16"  # "fp32" where the loss is not finite',
        '# keep = "best"  # the weights with the best dev score; early_stopping = { patience = 3 }',
        "# seeds = [1, 2, 3]  # mean and spread",
        f"# written on a machine with {machine()}",
    ]
    return "\n".join(lines) + "\n"


def _scratch(to: Path, look: Look, train: Path | None) -> list[str]:
    """A small model on a vocabulary of the labelled texts."""
    assert train is not None
    if look.vocab_size is None:
        raise UserError(
            f"{train}: a model from nothing takes its vocabulary from a column of text in "
            f"{', '.join(CORPUS_FORMATS)}, and this is {look.file_format}{_without_text(look)}; "
            "name a pretrained model with --model"
        )
    source = f"{{ path = {quoted(relative(train, to))}, text_field = {quoted(text_field(look.kind, look.fields))}"
    if format_of(train.name) != look.file_format:
        source += f", format = {quoted(look.file_format)}"
    return [
        "[model]",
        'preset = "mini"',
        "",
        "[corpus]",
        f"valid_inputs = [{source} }}]  # text for [pretrain] to be judged by: name some that is not in inputs",
        f"inputs = [{source} }}]  # add raw text and a [pretrain] table: labelled text alone teaches little",
        "",
        "[tokenizer]",
        f"vocab_size = {look.vocab_size}  # the text has words enough for it; more text, more words",
        "min_frequency = 1",
        "",
    ]


def _without_text(look: Look) -> str:
    return " without one" if look.file_format in CORPUS_FORMATS else ""


def _about_labels(look: Look) -> list[str]:
    common = look.labels.most_common()
    if not common or look.numbers:
        return []
    shown = ", ".join(f"{label} {count:,}" for label, count in common[:8])
    lines = [f"# labels: {shown}{', ...' if len(common) > 8 else ''}"]
    if look.kind == "text-classification" and common[0][1] > _MANY_TIMES * common[-1][1]:
        lines.append('# some are rare: task.class_weights = "balanced" makes them count as much as the others')
    return lines


def _epochs(records: int) -> int:
    """About as many updates for few records as for many."""
    return 10 if records < 1_000 else 5 if records < SAMPLE else 3
