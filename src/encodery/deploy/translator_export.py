"""A translator as graph files of an engine, and whether these say what the model says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from encodery import batch as packed
from encodery.batch import Batch
from encodery.deploy import onnx, openvino
from encodery.deploy.bundle import STEP, EngineName
from encodery.deploy.graph import input_names
from encodery.deploy.quantize import cosines
from encodery.deploy.recording import batches
from encodery.deploy.step_graph import STEP_INPUTS, Programs
from encodery.deploy.tables import save_tables
from encodery.deploy.translator_engine import TranslatorEngine
from encodery.deploy.verify import ALONE, Parity, Values
from encodery.model.incremental import Memory
from encodery.model.search import Hypothesis, Steps
from encodery.model.translator import Translator

Begin = Callable[[Batch], Steps]
"""Reads sources; what decodes one translation of each."""
TOGETHER = 32
LIMIT = 1e-4
"""Of the differences, as a share of the numbers, root mean square."""
SCORES = 1e-5
"""How far the scores of equally good translations are apart at most: rounding decides which comes first."""
OTHERWISE = 0.02
"""Of the texts, so many may be translated otherwise: what rounding decides early may lead elsewhere."""


@dataclass(frozen=True)
class Searched:
    """How alike the n-best lists of two searches are."""

    num_beams: int
    texts: int
    same: int
    """Texts of which all translations of the list are the same tokens in the same order."""
    ties: int
    """Texts of which they are not, and equally good, rank by rank."""

    @property
    def otherwise(self) -> int:
        """All other texts."""
        return self.texts - self.same - self.ties


def write_tables(model: Translator, into: Path) -> None:
    """The tables of both sides, which all engines share."""
    (into / STEP).mkdir()
    save_tables(into, model.encoder.embeddings, "fp32")
    save_tables(into / STEP, model.decoder.embeddings, "fp32")


def write_graphs(model: Translator, programs: Programs, engine: EngineName, into: Path) -> None:
    """Both graphs of an engine, into a new folder.

    Raises:
        UserError: a package that the engine needs is not installed.
    """
    (into / STEP).mkdir(parents=True)
    names = input_names(model.config, "tokens")
    for program, inputs, folder in ((programs.source, names, into), (programs.step, STEP_INPUTS, into / STEP)):
        if engine == "openvino":
            openvino.save(openvino.convert(program, inputs), folder)
        else:
            onnx.save(program, inputs, folder / onnx.GRAPH)


def compare_steps(model: Translator, engine: TranslatorEngine, sequences: Sequence[packed.Sequence]) -> Parity:
    """Model and engine, both led along the translations that the sequences hold, token by token."""

    def begin(batch: Batch) -> Steps:
        assert batch.source is not None
        return Memory(model, batch.source, 1, batch.max_seqlen)

    def begin_engine(batch: Batch) -> Steps:
        assert batch.source is not None
        return engine.begin(batch.source, 1)

    with torch.no_grad():
        expected = logits_of(begin, sequences, TOGETHER)
    found = logits_of(begin_engine, sequences, TOGETHER)
    alone = logits_of(begin_engine, sequences[:ALONE], 1)
    apart = alone - logits_of(begin_engine, sequences[:ALONE], ALONE)
    near = cosines(expected, found)
    scale = float(np.sqrt((expected.astype(np.float64) ** 2).mean()))
    off = (expected - found).astype(np.float64)
    return Parity(
        sequences=len(sequences),
        largest_difference=float(np.abs(off).max()),
        relative_error=float(np.sqrt((off**2).mean())) / scale,
        cosine=float(near.mean()),
        lowest_cosine=float(near.min()),
        packed_difference=float(np.abs(apart).max()) / scale,
    )


def logits_of(begin: Begin, sequences: Sequence[packed.Sequence], together: int) -> Values:
    """What comes behind every token of the sequences, batch by batch."""
    return np.concatenate([part for batch in batches(sequences, together) for part in _led(begin, batch)])


def _led(begin: Begin, batch: Batch) -> list[Values]:
    """The logits of each sequence of a batch; those that end leave the others."""
    steps = begin(batch)
    lengths, starts = np.array(batch.seqlens()), batch.first_tokens.long()
    found: list[list[Values]] = [[] for _ in lengths]
    places = torch.arange(len(lengths))
    for step in range(batch.max_seqlen):
        tokens = starts[places] + step
        spoken = None if batch.language_ids is None else batch.language_ids[tokens]
        for place, row in zip(places.tolist(), steps.logits(batch.input_ids[tokens], spoken).numpy(), strict=True):
            found[place].append(row.copy())
        done = torch.from_numpy(lengths[places.numpy()] == step + 1)
        if bool(done.any()):
            places = places[steps.leave(done)]
        if not len(places):
            break
    return [np.stack(rows) for rows in found]


def complaint(parity: Parity) -> str | None:
    """What is too far apart, in words; None if nothing is."""
    if not all(np.isfinite([parity.largest_difference, parity.relative_error, parity.cosine])):
        return "some numbers that the exported graphs give are not finite"
    if parity.relative_error > LIMIT:
        return (
            f"the numbers differ by {parity.relative_error:.2g} of their size, at most {LIMIT:g} is allowed in fp32"
        )
    return None


def compare_searches(
    num_beams: int, expected: Sequence[Sequence[Hypothesis]], found: Sequence[Sequence[Hypothesis]]
) -> Searched:
    """The n-best lists of the same texts, by the model and by an engine."""
    both = [*zip(expected, found, strict=True)]
    same = [_tokens(ours) == _tokens(theirs) for ours, theirs in both]
    ties = sum(not alike and _equally_good(*lists) for alike, lists in zip(same, both, strict=True))
    return Searched(num_beams, len(both), sum(same), ties)


def _tokens(listed: Sequence[Hypothesis]) -> list[tuple[int, ...]]:
    return [each.token_ids for each in listed]


def _equally_good(ours: Sequence[Hypothesis], theirs: Sequence[Hypothesis]) -> bool:
    return len(ours) == len(theirs) and all(
        abs(a.score - b.score) <= SCORES for a, b in zip(ours, theirs, strict=True)
    )


def complaint_of_search(searched: Searched) -> str | None:
    """What is searched otherwise, in words; None if no more is than rounding explains: a single text, or 2 %."""
    if searched.otherwise <= max(1.0, OTHERWISE * searched.texts):
        return None
    return (
        f"with num_beams = {searched.num_beams} it translates {searched.otherwise} of {searched.texts} texts "
        "otherwise than the model does"
    )
