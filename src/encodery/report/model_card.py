"""The README.md of a model folder: what the model is, what it learned from, how good it is, how to load it.

The head of the file is YAML that the Hugging Face hub reads. The licence is the author's to choose: its line is left
open.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PIPELINE = "from transformers import pipeline\n\n"
_SNIPPETS = {
    "fill-mask": (
        'model.predict(["Paris is the {mask} of France."])',
        _PIPELINE + 'pipeline("fill-mask", model={path})("Paris is the {mask} of France.")',
    ),
    "token-classification": (
        'model.predict(["Ama Ata Aidoo lived in Accra."])',
        _PIPELINE + 'pipeline("token-classification", model={path})("Ama Ata Aidoo lived in Accra.")',
    ),
    "feature-extraction": (
        'model.embed(["A film that stays with you."])',
        "from sentence_transformers import SentenceTransformer\n\n"
        'SentenceTransformer({path}).encode(["A film that stays with you."])',
    ),
    "text-classification": (
        'model.predict([{{"text": "A film that stays with you."}}])',
        _PIPELINE + 'pipeline("text-classification", model={path})("A film that stays with you.")',
    ),
    "question-answering": (  # transformers 5 has no pipeline for the next two
        'model.predict([{{"question": "Where did she live?", "context": "Ama Ata Aidoo lived in Accra."}}])',
        "from transformers import AutoModelForQuestionAnswering\n\n"
        "AutoModelForQuestionAnswering.from_pretrained({path})",
    ),
    "multiple-choice": (
        'model.predict([{{"text": "It rains.", "choices": ["The street is wet.", "The street is dry."]}}])',
        "from transformers import AutoModelForMultipleChoice\n\nAutoModelForMultipleChoice.from_pretrained({path})",
    ),
    "translation": (
        'model.predict([{{"text": "A fine day.", "source_language": {source}, "target_language": {target}}}])',
        "from transformers import EncoderDecoderModel\n\nEncoderDecoderModel.from_pretrained({path})",
    ),
}
_PAIR_SNIPPETS = (
    'model.predict([{{"text": "It rains.", "text_pair": "The street is wet."}}])',
    _PIPELINE
    + 'pipeline("text-classification", model={path})({{"text": "It rains.", "text_pair": "The street is wet."}})',
)
_LIBRARIES = {"feature-extraction": "sentence-transformers"}
"""What opens the folder beside `transformers`, by `pipeline_tag`."""


@dataclass(frozen=True)
class ModelCard:
    """What the card of a model says; whatever is empty leaves no trace."""

    name: str
    """The name of the model folder, which the loading examples repeat."""
    family: str
    pipeline_tag: str
    """The task, as the hub spells it."""
    description: str = ""
    languages: Sequence[str] = ()
    """ISO 639 codes."""
    sizes: Mapping[str, int | str] = field(default_factory=dict)
    """Field names of `config.json` and their values, the number of parameters among them."""
    training_data: Sequence[str] = ()
    training: Mapping[str, int | float | str] = field(default_factory=dict)
    """Steps, tokens, learning rate, and whatever else describes the training."""
    metrics: Sequence[tuple[str, str, str]] = ()
    """(data set, metric, value) of each score."""
    labels: Sequence[str] = ()
    evaluation_data: Sequence[str] = ()
    limits: Sequence[str] = ()
    """What the model has not seen, a sentence each."""
    command: str = ""
    """What makes the model again."""
    takes_pairs: bool = False
    directions: Sequence[tuple[str, str]] = ()
    """From which language to which it translates."""
    in_transformers: bool = True
    """Whether `transformers` opens the folder."""
    mask_token: str = "[MASK]"
    base_model: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def model_card(card: ModelCard) -> str:
    """The card as Markdown."""
    parts = [
        _front_matter(card),
        f"# {_text(card.name)}",
        _text(card.description),
        _table("Model", ("", ""), [("family", card.family), *_rows(card.sizes)]),
        _section("Labels", ", ".join(map(_code, card.labels))),
        _section("Directions", ", ".join(f"{_text(source)} → {_text(target)}" for source, target in card.directions)),
        _section("Training data", "\n".join(f"- {_text(source)}" for source in card.training_data)),
        _table("Training", ("", ""), _rows(card.training)),
        _section("Training again", f"```console\n{' '.join(card.command.split())}\n```" if card.command else ""),
        _section("Evaluation data", "\n".join(f"- {_text(source)}" for source in card.evaluation_data)),
        _table("Evaluation", ("data", "metric", "value"), card.metrics),
        _section("Limits", "\n".join(f"- {_text(limit)}" for limit in card.limits)),
        _section("How to use", _usage(card)),
        _section(
            "License", "Not stated yet. Choose one that the training data allows, here and at the top of this file."
        ),
        _table("Versions", ("", ""), _rows(card.versions)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(card: ModelCard) -> str:
    """The YAML head; every value is quoted, since `no` (Norwegian) would be read as false."""
    tags = ["encodery", card.family]
    lines = ["---"]
    if card.languages:
        lines += ["language:", *(f"- {_quoted(code)}" for code in card.languages)]
    lines += [
        "# license: choose one, for instance apache-2.0",
        f"library_name: {_quoted(_LIBRARIES.get(card.pipeline_tag, 'transformers'))}",
        f"pipeline_tag: {_quoted(card.pipeline_tag)}",
        "tags:",
        *(f"- {_quoted(tag)}" for tag in tags),
    ]
    if card.base_model:
        lines.append(f"base_model: {_quoted(card.base_model)}")
    return "\n".join([*lines, "---"])


def _usage(card: ModelCard) -> str:
    """The same first call with Encodery and, where it can, with the other library."""
    ours, theirs = (
        _PAIR_SNIPPETS
        if card.takes_pairs and card.pipeline_tag == "text-classification"
        else _SNIPPETS[card.pipeline_tag]
    )
    path = _quoted(card.name)
    mask = _quoted(card.mask_token)[1:-1]
    source, target = map(_quoted, card.directions[0] if card.directions else ("", ""))
    named = {"path": path, "mask": mask, "source": source, "target": target}
    blocks = [f"import encodery\n\nmodel = encodery.load({path})\n{ours.format(**named)}"]
    if card.in_transformers:
        blocks.append(theirs.format(**named))
    return "\n\nor\n\n".join(f"```python\n{block}\n```" for block in blocks)


def _rows(values: Mapping[str, int | float | str]) -> list[tuple[str, str]]:
    """Names and values; whole numbers with thousands separators."""
    return [(name, f"{v:,}" if isinstance(v, int) else str(v)) for name, v in values.items()]


def _section(heading: str, body: str) -> str:
    return f"## {heading}\n\n{body}" if body else ""


def _table(heading: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(_text(cell) for cell in row)} |" for row in [header, *rows]]
    lines.insert(1, "|" + " --- |" * len(header))
    return _section(heading, "\n".join(lines) if rows else "")


def _text(text: str) -> str:
    """Text on one line that Markdown and HTML leave as it is."""
    return re.sub(r"([\\`*_\[\]<>|~#$])", r"\\\1", " ".join(text.split())).replace("&", "&amp;")


def _code(text: str) -> str:
    """Text as code: between more backticks than it holds in a row."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def _quoted(text: str) -> str:
    """A string literal that YAML and Python both read; what YAML forbids as a character is written as its number."""
    literal = json.dumps(text, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]", _escape, literal)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"
