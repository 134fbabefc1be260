"""The graph files of a model for an engine: traced, quantised, written; and what was decided on the way."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from encodery import batch as packed
from encodery.deploy import onnx, onnx_int8, openvino, openvino_int8
from encodery.deploy.bundle import Dtype, EngineName
from encodery.deploy.graph import input_names, reads_of, trace
from encodery.deploy.packed_engine import Inputs
from encodery.deploy.quantize import (
    COSINE,
    MARGIN,
    Choice,
    Hidden,
    Quantised,
    choose_kept,
    mean_cosine,
    rows_of_texts,
    split_calls,
)
from encodery.deploy.recording import record_calls
from encodery.deploy.tables import TableType, load_tables, save_tables
from encodery.families.folder import ModelFolder
from encodery.tasks.task import Task

Tell = Callable[[str], None]
TABLE_SHARE = 1 / 3
"""How much of what the cosine may lose an int8 table of words may take."""


@dataclass(frozen=True)
class Source:
    """A model and the head of it that is exported."""

    folder: ModelFolder
    task: Task
    head: str | None

    @cached_property
    def program(self) -> torch.export.ExportedProgram:
        """The traced graph."""
        return trace(self.folder.model, self.head)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the graph's inputs."""
        model = self.folder.model
        return input_names(model.config, reads_of(model, self.head))


@dataclass(frozen=True)
class Calibration:
    """What a graph is quantised by."""

    calls: Sequence[Inputs]
    judged: Sequence[Inputs]
    reference: Hidden
    """What the head of the model in float32 reads over the judged calls, its words in float32 too."""
    table: TableType
    """What the words of the calls were rounded to."""


@dataclass(frozen=True)
class Built:
    """A graph in a folder."""

    engine: EngineName
    folder: Path
    quantised: Quantised | None = None
    choice: Choice | None = None

    def closer(self, calibration: Calibration, bound: float, tell: Tell) -> "Built | None":
        """The same with the hidden states within a narrower bound; None if no more products would be left as they
        were than already are."""
        if self.quantised is None or self.choice is None or len(self.choice.kept) == len(self.quantised.costs):
            return None
        choice = choose_kept(self.quantised, calibration.reference, bound, self.choice.harm, tell)
        if len(choice.kept) <= len(self.choice.kept):
            return None
        self.quantised.save(self.folder, choice.kept)
        return Built(self.engine, self.folder, self.quantised, choice)


def calibrate(source: Source, sequences: Sequence[packed.Sequence]) -> Calibration:
    """The calls of some texts, those to calibrate by and those to judge by, and the type of the table of words."""
    calls, judged = split_calls(_recorded(source, sequences, "fp32"))
    rounded_calls, rounded_judged = split_calls(_recorded(source, sequences, "int8"))
    reference = _hidden(source, judged)
    lost = 1 - mean_cosine(reference, _hidden(source, rounded_judged))
    if lost <= TABLE_SHARE * (1 - COSINE):
        return Calibration(rounded_calls, rounded_judged, reference, "int8")
    return Calibration(calls, judged, reference, "bf16")


def build(
    source: Source,
    engine: EngineName,
    dtype: Dtype,
    folder: Path,
    calibration: Calibration | None,
    tell: Tell,
    min_cosine: float = COSINE,
) -> Built:
    """Write the graph of a model for an engine into a folder; in int8 as many products as `min_cosine` allows.

    Raises:
        UserError: a package that the engine needs is not installed.
    """
    folder.mkdir(exist_ok=True)
    if engine == "openvino":
        graph = openvino.convert(source.program, source.names)
        if calibration is None:
            openvino.save(graph, folder, half=dtype == "bf16")
            return Built(engine, folder)
        tell("int8 for openvino: NNCF measures the ranges of activations")
        made: Quantised = openvino_int8.quantise(graph, calibration.calls, calibration.judged, calibration.reference)
    else:
        onnx.save(source.program, source.names, folder / onnx.GRAPH)
        if calibration is None:
            return Built(engine, folder)
        made = onnx_int8.OnnxInt8(folder / onnx.GRAPH, calibration.judged)
    choice = choose_kept(made, calibration.reference, 1 - MARGIN * (1 - min_cosine), tell=tell)
    made.save(folder, choice.kept)
    return Built(engine, folder, made, choice)


def _recorded(source: Source, sequences: Sequence[packed.Sequence], table: TableType) -> list[Inputs]:
    """The calls of some texts, their words as such a table has them."""
    model = source.folder.model
    with tempfile.TemporaryDirectory() as folder:
        save_tables(Path(folder), model.encoder.embeddings, table)
        tables = load_tables(Path(folder), model.config)
    return record_calls(source.task, model, source.head, sequences, tables)


def _hidden(source: Source, calls: Sequence[Inputs]) -> Hidden:
    """What the head of the model reads over calls, as PyTorch computes it."""
    module: Any = source.program.module()
    parts = []
    for inputs in calls:
        with torch.inference_mode():
            given = module(*(torch.from_numpy(inputs[name]) for name in source.names))
        values = (given[1] if isinstance(given, tuple) else given).numpy()
        parts.append(values[rows_of_texts(inputs, len(values))])
    return np.concatenate(parts)
