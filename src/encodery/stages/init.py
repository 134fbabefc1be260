"""A first recipe for labelled files: what they hold and what the machine has, written down with the reasons."""

import json
import math
import os
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from encodery.data.formats import detect, read_labelled
from encodery.data.validation.rows import KINDS, Kind, kind_of
from encodery.errors import UserError
from encodery.families.folder import load_folder
from encodery.files.records import Record
from encodery.recipe import SCRATCH, load_recipe

SAMPLE = 5_000
"""Records of the training file that are looked at."""
SHORT_NAMES: Mapping[str, Kind] = {
    "classification": "text-classification",
    "ner": "token-classification",
    "qa": "question-answering",
}
_TOKENS_PER_WORD = 1.5
_LARGEST = 512
_FEW_LABELS = 200
_MANY_TIMES = 10


@dataclass(frozen=True)
class Look:
    """What a sample of a file's records showed."""

    kind: Kind
    file_format: str
    records: int
    fields: Mapping[str, str]
    """Our names of columns that are called otherwise in the file."""
    words: int
    """So many words have 95 % of the texts at most, pairs taken together."""
    labels: Counter[str]
    numbers: bool
    """Labels are quantities."""


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
    text = recipe_text(to, look, {"train": train, "dev": dev, "test": test}, model)
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


def look_at(path: Path, kind: Kind | None) -> Look:
    """A sample of a labelled file; its task is what most records look like if `kind` is not given.

    Raises:
        UserError: as `read_labelled`; or no column can be the text or the label.
    """
    records = [record for _, record in islice(read_labelled(path), SAMPLE)]
    found = kind or Counter(map(kind_of, records)).most_common(1)[0][0]
    fields = _columns(path, records, found)
    seen = [{ours: record.get(fields.get(ours, ours)) for ours in _TEXTS[found]} for record in records]
    lengths = sorted(sum(_words(value) for value in record.values()) for record in seen)
    labels = [label for record in records for label in _labels(record, found, fields)]
    return Look(
        found,
        detect(path),
        len(records),
        fields,
        lengths[math.ceil(0.95 * len(lengths)) - 1],
        Counter(map(str, labels)),
        numbers=bool(labels) and all(isinstance(label, float) for label in labels),
    )


_TEXTS: Mapping[Kind, tuple[str, ...]] = {
    "text-classification": ("text", "text_pair"),
    "token-classification": ("text", "tokens"),
    "question-answering": ("question", "context"),
    "multiple-choice": ("text", "choices"),
}


def _words(value: Any) -> int:
    """Words of a text, or of the longest of some texts; a list of words as many as it has."""
    if isinstance(value, str):
        return len(value.split())
    parts = [part for part in value if isinstance(part, str)] if isinstance(value, list) else []
    return max(len(parts), *(len(part.split()) for part in parts)) if parts else 0


def _labels(record: Record, kind: Kind, fields: Mapping[str, str]) -> list[Any]:
    if kind == "token-classification":
        tags = [str(tag).partition("-")[2] for tag in record.get("tags") or () if tag != "O"]
        spans = [entity.get("label") for entity in record.get("entities") or () if isinstance(entity, dict)]
        return [*filter(None, tags), *filter(None, spans)]
    label = record.get(fields.get("label", "label"))
    return label if isinstance(label, list) else [] if label is None else [label]


def _columns(path: Path, records: Sequence[Record], kind: Kind) -> dict[str, str]:
    """Text and label of a table with other names: the longest text, and the column with few different values."""
    names = list(dict.fromkeys(name for record in records for name in record))
    if kind != "text-classification" or {"text", "label"} <= {*names}:
        return {}
    texts = {name: [record.get(name) for record in records] for name in names}
    lengths = {
        name: statistics.mean(len(value) for value in values if isinstance(value, str))
        for name, values in texts.items()
        if any(isinstance(value, str) for value in values)
    }
    few = {name: len({str(value) for value in values}) for name, values in texts.items()}
    text = "text" if "text" in names else max(lengths, key=lambda name: lengths[name], default=None)
    labels = [name for name in names if name != text and 1 < few[name] <= min(_FEW_LABELS, max(2, len(records) // 2))]
    label = "label" if "label" in names else min(labels, key=lambda name: few[name], default=None)
    if text is None or label is None:
        raise UserError(
            f"{path}: no column looks like a {'label' if text else 'text'} (columns: {', '.join(names)}); write the "
            "recipe by hand and name it in fields, for examples see recipes/"
        )
    return {ours: theirs for ours, theirs in (("text", text), ("label", label)) if ours != theirs}


def recipe_text(to: Path, look: Look, files: Mapping[str, Path | None], model: str | None) -> str:
    """The recipe as TOML; paths are relative to its folder."""
    name = to.stem.replace(" ", "-")
    longest = _positions(model)
    needed = 32 * math.ceil((look.words * _TOKENS_PER_WORD + 4) / 32)
    max_seqlen = min(needed, longest)
    lines = [
        f"# {look.records:,} records of {files['train']} were looked at: {look.kind}, format {look.file_format}.",
        "# `encodery validate` says what is wrong with them, `encodery plan` what would run, `encodery run` runs it.",
        f'name = "{name}"',
        "seed = 1",
        "",
        *([] if model else _scratch(to, look, files["train"])),
        "[finetune.main]",
        f"from = {_quoted(model or SCRATCH)}"
        + ("" if model else "  # or a folder with a pretrained model, which learns much more"),
    ]
    lines += [f"{split} = {_quoted(_relative(path, to))}" for split, path in files.items() if path]
    if not files["dev"]:
        lines.append('# dev = "..."  # without one nobody knows how good the model is')
    if look.fields:
        lines.append(
            "fields = { " + ", ".join(f"{ours} = {_quoted(name)}" for ours, name in look.fields.items()) + " }"
        )
    task = {"type": _quoted(look.kind), "max_seqlen": str(max_seqlen)}
    if look.kind == "text-classification" and look.numbers:
        task["problem_type"] = _quoted("regression")
    lines += [
        "task = { " + ", ".join(f"{key} = {value}" for key, value in task.items()) + " }"
        f"  # 95 % of the texts have at most {look.words} words; longer ones are read in windows",
        *_about_labels(look),
        f"epochs = {_epochs(look.records)}",
        f"tokens_per_step = {max(512, 4 * max_seqlen)}",
        f"optimizer = {{ lr = {'5e-5' if model else '5e-4'}, warmup_ratio = 0.06 }}",
        'precision = "bf16"  # "fp32" where the loss is not finite',
        '# keep = "best"  # the weights with the best dev score; early_stopping = { patience = 3 }',
        "# seeds = [1, 2, 3]  # mean and spread",
        f"# written on a machine with {_machine()}",
    ]
    return "\n".join(lines) + "\n"


def _scratch(to: Path, look: Look, train: Path | None) -> list[str]:
    """A small model on a vocabulary of the labelled texts."""
    text = look.fields.get("text", "context" if look.kind == "question-answering" else "text")
    source = f"{{ path = {_quoted(_relative(train, to))}, text_field = {_quoted(text)} }}" if train else ""
    return [
        "[model]",
        'preset = "mini"',
        "",
        "[corpus]",
        f"inputs = [{source}]  # add raw text and a [pretrain] table: labelled text alone teaches little",
        "",
        "[tokenizer]",
        "vocab_size = 8000",
        "",
    ]


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


def _positions(model: str | None) -> int:
    return _LARGEST if model is None else load_folder(Path(model), heads=()).model.config.num_positions


def _relative(path: Path | None, to: Path) -> str:
    assert path is not None
    return os.path.relpath(path, to.parent).replace(os.sep, "/")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _machine() -> str:
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no GPU"
    return f"{os.cpu_count()} cores{device}"
