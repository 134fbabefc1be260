"""A bundle: a model folder with a compiled graph in the place of its weights.

`config.json`, the tokenizer's files and `encodery.json` are those of a model folder; `encodery.json` says under
`bundle` what computes. Tables of embeddings and graph lie beside them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

from encodery.artifact import MANIFEST, verify
from encodery.config import Config, read_json
from encodery.deploy import onnx, openvino
from encodery.deploy.graph import Reads, reads_of
from encodery.deploy.packed_engine import PackedEngine, Session
from encodery.deploy.step_graph import ACROSS
from encodery.deploy.tables import load_tables
from encodery.deploy.translator_engine import TranslatorEngine
from encodery.errors import UserError
from encodery.families.folder import ModelFolder, read_folder, refuse_links
from encodery.model.translator import Translator

EngineName = Literal["openvino", "onnxruntime"]
Dtype = Literal["fp32", "bf16", "int8"]
KEY = "bundle"
"""Of `encodery.json`."""
STEP = "step"
"""The folder with the graph and the tables of a decoder."""


class BundleInfo(Config):
    """What computes a bundle."""

    engine: EngineName
    dtype: Dtype
    head: str | None
    """The graph ends with it; hidden states where it is None."""
    threads: PositiveInt | None = None
    """As many as there are cores if not given."""
    rest: Literal["f32", "bf16"] = "f32"
    """What OpenVINO computes in where an int8 graph is not quantised."""


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds: a folder whose model has shapes and no numbers, and what computes in its place."""

    folder: ModelFolder
    info: BundleInfo
    engine: PackedEngine | TranslatorEngine


def is_bundle(path: Path) -> bool:
    """Whether a folder says that it is one."""
    stated = path / "encodery.json"
    return stated.is_file() and KEY in read_json(stated)


def load_bundle(path: Path, threads: int | None = None) -> Bundle:
    """Read a bundle. `threads` in the place of those that were chosen when it was exported.

    Raises:
        UserError: a file is missing or damaged, its engine is not installed, or its parts do not belong together.
    """
    refuse_links(path)
    if (path / MANIFEST).is_file():
        verify(path)
    folder = read_folder(path)
    source = f"{path}/encodery.json: {KEY}"
    info = BundleInfo.parse(folder.info[KEY], source)
    if info.head is not None and info.head not in folder.model.heads:
        raise UserError(
            f"{source}: head = {info.head!r}, but config.json announces {_announced(folder)}; export again"
        )
    if threads is not None:
        info = info.model_copy(update={"threads": threads})
    if isinstance(folder.model, Translator):
        return Bundle(folder, info, open_translator(path, folder, info))
    return Bundle(folder, info, open_engine(path, folder, info))


def open_engine(
    path: Path, folder: ModelFolder, info: BundleInfo, hidden: bool = False, graph: Path | None = None
) -> PackedEngine:
    """What computes a bundle; with `hidden`, what it gives is what the head reads. `graph` is the folder of the graph
    while it is not yet beside the tables.

    Raises:
        UserError: as `load_bundle`.
    """
    model = folder.model
    reads: Reads = reads_of(model, info.head)
    session = open_session(graph or path, info, hidden)
    return PackedEngine(session, load_tables(path, model.config), model.config, info.head, reads)


def open_translator(
    path: Path, folder: ModelFolder, info: BundleInfo, graphs: Path | None = None
) -> TranslatorEngine:
    """What computes the bundle of a model that translates; `graphs` is the folder of its graphs while these are not
    yet beside the tables.

    Raises:
        UserError: as `load_bundle`.
    """
    model = folder.model
    assert isinstance(model, Translator)
    graphs = graphs or path
    source = PackedEngine(
        open_session(graphs, info, False), load_tables(path, model.config), model.config, ACROSS, "tokens"
    )
    tables = load_tables(path / STEP, model.decoder_config)
    return TranslatorEngine(source, open_session(graphs / STEP, info, False), tables, model.decoder_config)


def open_session(path: Path, info: BundleInfo, hidden: bool = False) -> Session:
    """The engine's graph that lies in a folder."""
    if info.engine == "openvino":
        precision: Literal["f32", "bf16"] = "bf16" if "bf16" in (info.dtype, info.rest) else "f32"
        return openvino.OpenVinoSession(path / openvino.GRAPH, precision, info.threads, hidden)
    return onnx.OnnxSession(path / onnx.GRAPH, info.threads, hidden)


def _announced(folder: ModelFolder) -> str:
    return ", ".join(sorted(folder.model.heads)) or "none"
