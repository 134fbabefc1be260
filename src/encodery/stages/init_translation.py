"""A first recipe for texts with their translations."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from encodery.corpus.inputs import format_of
from encodery.data.aligned import paths_of
from encodery.errors import UserError
from encodery.recipe import SCRATCH
from encodery.stages.init_text import head, machine, positions, quoted, relative, table
from encodery.stages.looking import CORPUS_FORMATS, Look
from encodery.stages.looking_pairs import Sides

_TOKENS_PER_WORD = 2.0
"""Of a small vocabulary that two languages share."""


def translation_text(to: Path, look: Look, files: Mapping[str, Path | None], model: str | None) -> str:
    """The recipe as TOML; paths are relative to its folder.

    Raises:
        UserError: no model is given, and a corpus cannot read the pairs.
    """
    sides = look.pairs
    assert sides is not None
    needed = 32 * math.ceil((look.words * _TOKENS_PER_WORD + 4) / 32)
    max_seqlen = min(needed, positions(model))
    dev = bool(files["dev"])
    lines = [
        *head(to, look, files["train"]),
        *([] if model else _scratch(to, look, sides, files["train"], max_seqlen)),
        "[finetune.main]",
        f"from = {quoted(model or SCRATCH)}"
        + ("" if model else "  # or a pretrained model, which learns much more: see recipes/multi30k.toml"),
        *(f"{split} = {quoted(relative(path, to))}" for split, path in files.items() if path),
        *([] if dev else ['# dev = "..."  # without one nobody knows how good the model is']),
    ]
    if look.fields:
        lines.append(f"fields = {table({ours: quoted(name) for ours, name in look.fields.items()})}")
    shown = ", ".join(f"{name} {count:,}" for name, count in look.labels.most_common(8))
    lines += [
        'keep = "best"  # the weights with the best BLEU on dev' if dev else '# keep = "best"  # needs dev',
        *(['best_metric = "bleu"'] if dev else []),
        "epochs = 30  # captions and news of some thousand pairs want so many; of a million pairs, 3",
        f"tokens_per_step = {max(4096, 4 * max_seqlen)}  # of both sides",
        f"optimizer = {{ lr = {'1e-4' if model else '5e-4'}, warmup_ratio = 0.06 }}",
        'precision = "bf16"  # "fp32" where the loss is not finite',
        "# seeds = [1, 2, 3]  # mean and spread",
        f"# written on a machine with {machine()}",
        "[finetune.main.task]",
        'type = "translation"',
        *_languages(sides),
        f"# directions: {shown}; others are not learned",
        f"max_seqlen = {max_seqlen}  # 99 % of the pairs have at most {look.words} words; longer ones are left out",
        "dropout = 0.2",
        "generation = { num_beams = 4, length_penalty = 1.0 }",
    ]
    return "\n".join(lines) + "\n"


def _languages(sides: Sides) -> list[str]:
    """What the recipe has to say of them."""
    lines = [f"{key} = {quoted(language)}" for key, language in sides.stated.items()]
    if sides.guessed:
        return ["# the file does not say which languages these are: name them here, as in", '# "en" and "de"', *lines]
    return lines


def _scratch(to: Path, look: Look, sides: Sides, train: Path | None, max_seqlen: int) -> list[str]:
    """A small model that is told languages, on a vocabulary of both."""
    assert train is not None
    if look.vocab_size is None:
        raise UserError(
            f"{train}: a model from nothing takes its vocabulary from columns of text in {', '.join(CORPUS_FORMATS)} "
            f"or from two files of lines, and this is {look.file_format}; name a pretrained model with --model"
        )
    sizes = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4}
    sizes |= {"max_position_embeddings": 2 * max_seqlen, "num_languages": max(2, len(sides.languages))}
    inputs = [f"    {entry}," for entry in _inputs(to, look, sides, train)]
    return [
        "[model]",
        'family = "xlm"  # is told the languages, so that one model may learn several directions',
        'preset = "xnli15-1024"',
        f"config = {table({key: str(size) for key, size in sizes.items()})}",
        "",
        "[corpus]",
        "inputs = [  # add raw text and a [pretrain] table: pairs alone teach little",
        *inputs,
        "]",
        "valid_inputs = [  # text for [pretrain] to be judged by: name some that is not in inputs",
        *inputs,
        "]",
        "",
        "[tokenizer]",
        'type = "byte-bpe"  # its tokens become the text as it was',
        f"vocab_size = {look.vocab_size}  # the text has pieces enough for it; more text, more pieces",
        "",
    ]


def _inputs(to: Path, look: Look, sides: Sides, train: Path) -> Sequence[str]:
    """Both sides as text of a corpus."""
    files = paths_of(train)
    if len(files) > 1:
        return [_input(to, file, "txt", told) for file, told in zip(files, _of_lines(sides), strict=True)]
    return [_input(to, train, look.file_format, told) for told in sides.texts]


def _of_lines(sides: Sides) -> list[Mapping[str, str]]:
    return [{"language": language} for language in sides.languages]


def _input(to: Path, file: Path, file_format: str, told: Mapping[str, str]) -> str:
    values = {"path": relative(file, to), **told}
    if format_of(file.name) != file_format:
        values["format"] = file_format
    return table({key: quoted(value) for key, value in values.items()})
