"""Any artifact in one screen: what it is, what it was made from, whether it is whole, its sizes and scores."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from encodery.artifact import MANIFEST, verify
from encodery.config import read_json
from encodery.corpus.ledger import LEDGER
from encodery.deploy.bundle import KEY, is_bundle, load_bundle
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.encoder_decoder import DECODER, ENCODER, is_translator
from encodery.families.folder import check_folder, refuse_links
from encodery.families.weights import WEIGHTS, WeightFiles
from encodery.stages.corpus_screen import corpus_screen, read_ledger
from encodery.stages.engine import RUN_FILE
from encodery.tasks.directions import KEY as DIRECTIONS
from encodery.tasks.directions import Directions
from encodery.text.folder import has_tokenizer
from encodery.text.tokenizer import Tokenizer

CONFIG_KEYS = (
    "model_type",
    "architectures",
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "id2label",
)


def describe(path: Path) -> Group:
    """A table for each thing that the folder is.

    Raises:
        UserError: nothing known is there, a file does not match its recorded hash, or the weights, `config.json` and
            the tokenizer of a model do not belong together.
    """
    parts: list[tuple[str, Mapping[str, Any]]] = []
    if (path / MANIFEST).is_file():
        is_corpus = (path / LEDGER).is_file()
        parts.append(("artifact (every file matches its recorded hash)", _artifact(path, not is_corpus)))
        if is_corpus:
            return Group(_table(*parts[0]), "", corpus_screen(read_ledger(path / LEDGER)))
    tokenizer = Tokenizer.load(path) if has_tokenizer(path) else None
    if is_bundle(path):
        parts.append(("bundle", _bundle(path)))
    elif (path / "config.json").is_file():
        parts.append(("model", _model(path, tokenizer)))
    if tokenizer:
        parts.append(("tokenizer", _tokenizer(tokenizer)))
    is_run = (path / RUN_FILE).is_file()
    if is_run:
        parts += [(str(stage.parent.relative_to(path)), _artifact(stage.parent)) for stage in _stages(path)]
    if not parts and is_run:
        raise UserError(f"{path}: a run of which no stage is done yet; encodery run RECIPE goes on with it")
    if not parts:
        raise UserError(f"{path}: nothing known here; a run, an artifact ({MANIFEST}) or a model folder is needed")
    return Group(*(_table(title, facts) for title, facts in parts))


def _stages(path: Path) -> Iterator[Path]:
    return (manifest for manifest in sorted(path.rglob(MANIFEST)) if ".work" not in manifest.parts)


def _artifact(path: Path, with_metrics: bool = True) -> dict[str, Any]:
    manifest = verify(path)
    size = sum(record.size for record in manifest.files.values())
    return {
        "stage": manifest.stage,
        "key": manifest.key[:16],
        "made from": ", ".join(f"{name} {key[:12]}" for name, key in manifest.parents.items()) or "files",
        "created": manifest.created,
        "versions": ", ".join(f"{name} {number}" for name, number in manifest.versions.items()),
        "files": f"{len(manifest.files)}, {size:,} bytes",
        **(dict(_flat(manifest.metrics)) if with_metrics else {}),
    }


def _model(path: Path, tokenizer: Tokenizer | None) -> dict[str, Any]:
    refuse_links(path)
    config = read_json(path / "config.json")
    shapes = WeightFiles(path).shapes
    parameters = sum(math.prod(shape) for shape in shapes.values())
    if is_translator(config) or config.get("model_type") in FAMILIES:
        check_folder(path, tokenizer)
    facts = {**_sizes(config), **_directions(path)}
    return {**facts, WEIGHTS: f"{len(shapes)} tensors, {parameters:,} numbers"}


def _sizes(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a `config.json` says; of an encoder with a decoder, what both tables say."""
    if is_translator(config):
        sides = {name: _sizes(table) for name in (ENCODER, DECODER) if isinstance(table := config.get(name), Mapping)}
        return {f"{name}.{key}": value for name, sizes in sides.items() for key, value in sizes.items()}
    family = FAMILIES.get(str(config.get("model_type")))
    their_keys = {key: family.their_key(key) if family else key for key in CONFIG_KEYS}
    return {key: config[theirs] for key, theirs in their_keys.items() if theirs in config}


def _directions(path: Path) -> dict[str, str]:
    """From which language to which a model translates, if it does."""
    info = read_json(path / "encodery.json") if (path / "encodery.json").is_file() else {}
    if DIRECTIONS not in info:
        return {}
    return {DIRECTIONS: ", ".join(Directions.read(info, f"{path}/encodery.json").names)}


def _bundle(path: Path) -> dict[str, Any]:
    """Raises `UserError` if its parts do not belong together."""
    folder = load_bundle(path).folder
    sizes = {**_sizes(read_json(path / "config.json")), **_directions(path)}
    return {**folder.info[KEY], **sizes, "tables and graph": ", ".join(sorted(_graph_files(path)))}


def _graph_files(path: Path) -> Iterator[str]:
    for file in path.rglob("*"):
        if file.suffix in (".safetensors", ".xml", ".bin", ".onnx"):
            yield f"{file.relative_to(path)} {file.stat().st_size:,} bytes"


def _tokenizer(tokenizer: Tokenizer) -> dict[str, Any]:
    specials = [tokenizer.id_to_token(index) for index in sorted(tokenizer.special_ids)]
    return {"tokens": f"{tokenizer.vocab_size:,}", "special tokens": " ".join(specials)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested numbers under dotted names; lists (a confusion matrix) are left to the manifest."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            yield f"{prefix}{name}", f"{value:,.4f}" if isinstance(value, float) else value


def _table(title: str, facts: Mapping[str, Any]) -> Table:
    table = Table(title=Text(title, style="bold"), title_justify="left", show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name, str(value))
    return table
