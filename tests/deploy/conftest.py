"""Tiny models of every family with a head, what PyTorch says of packed texts, and engines to compare with it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from encodery.batch import Batch, Sequence, pack
from encodery.deploy.graph import Graph, reads_of
from encodery.deploy.packed_engine import Compute, Inputs, PackedEngine
from encodery.deploy.tables import Tables, load_tables, save_tables
from encodery.deploy.torch_engine import TorchEngine
from encodery.families.family import Family
from encodery.model.forward import Forward
from encodery.model.heads import Model
from tests.families.conftest import tiny

LENGTHS = (5, 1, 29, 13, 2, 29, 3)
HEADS = ("sequence", "token", "mlm", "span", "choice", None)


class EagerSession:
    """The graph as PyTorch computes it: what engines are given, without an engine."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph.eval()
        self.compiled: list[int] = []

    def compile(self, shapes: Mapping[str, tuple[int, ...]]) -> Compute:
        self.compiled.append(shapes["embedded"][0])

        def compute(inputs: Inputs) -> np.ndarray:
            assert {name: array.shape for name, array in inputs.items()} == dict(shapes)
            with torch.no_grad():
                values: np.ndarray = self.graph(*map(torch.from_numpy, inputs.values())).numpy()
            return values

        return compute


def make_model(family: Family, head: str | None, seed: int = 3) -> Model:
    """Weights far enough from zero for texts to differ."""
    config = tiny(family, initializer_range=0.4)
    model = family.model(config, [] if head is None else [head], 3, False)
    model.initialize(seed)
    return model.eval()


def make_batch(model: Model, lengths: tuple[int, ...] = LENGTHS, seed: int = 5) -> Batch:
    """Sequences of prime and other lengths, with all that the model reads of them."""
    draw = np.random.default_rng(seed)
    config = model.config

    def sequence(length: int) -> Sequence:
        return Sequence(
            draw.integers(3, config.vocab_size, length).tolist(),
            draw.integers(0, max(config.type_vocab_size, 1), length).tolist(),
            language_ids=[int(draw.integers(config.num_languages))] * length if config.num_languages else None,
        )

    return pack([sequence(length) for length in lengths])


def said(engine: Forward, head: str | None, batch: Batch) -> Float[Tensor, "rows outputs"]:
    """What a task would ask of it; of a vocabulary head, the last token of each sequence."""
    if head is None:
        return engine.hidden(batch)
    rows = batch.cu_seqlens[1:] - 1 if head == "mlm" else None
    return engine.logits(head, batch, rows)


def said_by_torch(model: Model, head: str | None, batch: Batch) -> Float[Tensor, "rows outputs"]:
    return said(TorchEngine(model), head, batch)


def eager_engine(model: Model, head: str | None, folder: Path) -> tuple[PackedEngine, EagerSession]:
    save_tables(folder, model.encoder.embeddings, "fp32")
    reads = reads_of(model, head)
    session = EagerSession(Graph(model, head, reads))
    return PackedEngine(session, load_tables(folder, model.config), model.config, head, reads), session


def tables_of(model: Model) -> Tables:
    """As a bundle in float32 has them."""
    with tempfile.TemporaryDirectory() as folder:
        save_tables(Path(folder), model.encoder.embeddings, "fp32")
        return load_tables(Path(folder), model.config)
