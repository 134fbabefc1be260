"""`encodery export` of a model that translates: two graphs, verified against it, by the engine that is fastest."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from encodery.batch import Batch, pack
from encodery.deploy.building import Tell
from encodery.deploy.bundle import KEY, BundleInfo, open_translator
from encodery.deploy.choose import Candidate, Measured, latencies, measure, thread_counts
from encodery.deploy.recording import batches
from encodery.deploy.settings import ExportSettings
from encodery.deploy.step_graph import trace_translator
from encodery.deploy.torch_engine import TorchEngine
from encodery.deploy.translator_export import (
    TOGETHER,
    Searched,
    compare_searches,
    compare_steps,
    complaint,
    complaint_of_search,
    write_graphs,
    write_tables,
)
from encodery.deploy.verify import EXTREMES, Parity, chosen
from encodery.errors import UserError
from encodery.families.folder import save_description
from encodery.model.search import Hypothesis
from encodery.model.translator import HEAD, Translator
from encodery.serve.predictor import Predictor
from encodery.stages.exporting import MIN_TEXTS, SCORES, Exported, load_for_export
from encodery.stages.gate import Gate, compare_scores
from encodery.stages.verification import Text
from encodery.tasks.metrics import Sums
from encodery.tasks.translation import Translation

LENGTHS = (8, 16, 32)
"""Words or parts of words of the texts that are timed."""


class InShares(Translation):
    """The task with its scores as shares, not of 100, which a gate counts points of."""

    def measure(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Any]) -> Sums:
        """As `Translation`, a hundredth of it."""
        measured = super().measure(predictions, examples)
        return replace(measured, formula=lambda sums: {k: v / 100 for k, v in measured.formula(sums).items()})


@dataclass
class TranslatorExport:
    """The export of one model folder into an empty folder."""

    predictor: Predictor
    settings: ExportSettings
    text: Text
    into: Path
    tell: Tell

    @property
    def task(self) -> Translation:
        """What the model does."""
        assert isinstance(self.predictor.task, Translation)
        return self.predictor.task

    @property
    def model(self) -> Translator:
        """In PyTorch."""
        assert isinstance(self.predictor.folder.model, Translator)
        return self.predictor.folder.model

    def run(self, model_path: Path) -> Exported:
        """Write the bundle.

        Raises:
            UserError: an engine is not installed, or none says what the model says.
        """
        programs = trace_translator(self.model.eval())
        write_tables(self.model, self.into)
        for engine in self.settings.engines:
            write_graphs(self.model, programs, engine, self.into / engine)
        measured = self._measured()
        info, parity, searched, gate = self._first_good(measured)
        for path in sorted((self.into / info.engine).rglob("*")):
            if path.is_file():
                path.rename(self.into / path.relative_to(self.into / info.engine))
        for engine in self.settings.engines:
            shutil.rmtree(self.into / engine)
        exported = replace(self._exported(info, parity, gate, measured, model_path), searched=searched)
        bundle = info.model_dump(exclude_none=True)
        folder = self.predictor.folder
        said = {**folder.info, "task": self.task.name, KEY: bundle, SCORES: exported.facts}
        save_description(self.into, replace(folder, info=said))
        return exported

    def _infos(self) -> list[BundleInfo]:
        return [
            BundleInfo(engine=engine, dtype="fp32", head=HEAD, threads=threads)
            for engine in self.settings.engines
            for threads in thread_counts()
        ]

    def _open(self, info: BundleInfo, graphs: Path | None = None) -> Any:
        return open_translator(self.into, self.predictor.folder, info, graphs or self.into / info.engine)

    def _measured(self) -> list[Measured]:
        candidates = [Candidate(info, partial(self.task.outputs, self._open(info))) for info in self._infos()]
        return measure(candidates, self._texts())

    def _texts(self) -> dict[int, Batch]:
        """A text of each length, of arbitrary tokens."""
        source, target = self.task.directions.pairs[0]
        size, texts = self.task.tokenizer.vocab_size, {}
        for length in (n for n in LENGTHS if n <= self.task.reading.max_seqlen):
            example = self.task.read("a text", {"text": "a"}, None).between(source, target)
            (sequence,) = self.task.encode(example).sequences
            assert sequence.source is not None
            first, *_, last = sequence.source.input_ids
            ids = [first, *((7 * n + 11) % size for n in range(length - 2)), last]
            spoken = sequence.source.language_ids
            read = replace(
                sequence.source,
                input_ids=ids,
                token_type_ids=[0] * length,
                language_ids=None if spoken is None else [spoken[0]] * length,
            )
            texts[length] = pack([replace(sequence, source=read)])
        return texts

    def _first_good(self, measured: Sequence[Measured]) -> tuple[BundleInfo, Parity, Searched | None, Gate | None]:
        complaints: dict[str, str] = {}
        for row in measured:
            if row.info.engine in complaints:
                continue
            engine = self._open(row.info)
            parity = compare_steps(self.model, engine, self._sequences)
            searched = self._searched(engine)
            gate = self._gate(engine)
            found = (
                complaint(parity)
                or (complaint_of_search(searched) if searched else None)
                or (gate.complaint(self.settings.max_metric_drop) if gate else None)
            )
            if found is None:
                return row.info, parity, searched, gate
            complaints[row.info.engine] = found
            self.tell(f"{row.info.engine}: {found}")
        why = "; ".join(f"{name}: {why}" for name, why in complaints.items())
        raise UserError(f"nothing was written: {why}")

    @cached_property
    def _sequences(self) -> list[Any]:
        """Real pairs, and what is hard about text."""
        source, target = self.task.directions.pairs[0]
        hard = [self.task.read("an extreme text", {"text": t}, None).between(source, target) for t in EXTREMES]
        return [sequence for example in (*self._real, *hard) for sequence in self.task.encode(example).sequences]

    @cached_property
    def _real(self) -> list[Any]:
        """The texts that were given, or some of them."""
        return chosen([*self.text.dev] or [*self.text.calibration])

    def _searched(self, engine: Any) -> Searched | None:
        """Whether the engine finds the same translations of the texts as the model, all of each list; None without
        texts."""
        if not self._real:
            return None
        return compare_searches(self.task.generation.num_beams, self._found_by_model, self._lists(engine))

    @cached_property
    def _found_by_model(self) -> list[list[Hypothesis]]:
        return self._lists(TorchEngine(self.model))

    def _lists(self, engine: Any) -> list[list[Hypothesis]]:
        """As many translations of each text as there are beams."""
        task, generation = self.task, self.task.generation
        listed = generation.model_copy(update={"num_return_sequences": generation.num_beams})
        whole = Translation(task.tokenizer, task.directions, task.reading, task.languages, listed)
        sequences = [sequence for example in self._real for sequence in task.encode(example).sequences]
        return [found for batch in batches(sequences, TOGETHER) for found in whole.outputs(engine, batch)]

    def _gate(self, engine: Any) -> Gate | None:
        if not self.text.dev:
            return None
        folder, task = self.predictor.folder, self.task
        said = Predictor(folder, task, engine=engine).predict_examples(self.text.dev)
        judge = InShares(task.tokenizer, task.directions, task.reading, task.languages)
        return compare_scores(judge, self._said_by_model, said, self.text.dev)

    @cached_property
    def _said_by_model(self) -> list[dict[str, Any]]:
        return Predictor(self.predictor.folder, self.task).predict_examples(self.text.dev)

    def _exported(
        self, info: BundleInfo, parity: Parity, gate: Gate | None, measured: Sequence[Measured], model: Path
    ) -> Exported:
        engines = (TorchEngine(self.model), self._open(info, self.into))
        rows = latencies([partial(self.task.outputs, engine) for engine in engines], self._texts())
        sizes = {
            "model": sum(path.stat().st_size for path in model.glob("*.safetensors")),
            "bundle": sum(path.stat().st_size for path in self.into.rglob("*") if path.is_file()),
        }
        notes = list(self.text.notes)
        if gate is None:
            notes.append("BLEU was not compared: no --data was given; only parity was verified")
        if not self._real:
            notes.append("translations were not compared: no text was given; give --data")
        if max(len(self.text.dev), len(self.text.calibration)) < MIN_TEXTS:
            notes.append(f"fewer than {MIN_TEXTS} real texts were compared; give more with --data")
        latency = {"torch fp32": rows[0], f"{info.engine} fp32": rows[1]}
        return Exported(info, "fp32", parity, gate, measured, latency, sizes, notes=tuple(notes))


def export_translator(model: Path, into: Path, settings: ExportSettings, text: Text, tell: Tell) -> Exported:
    """Write a bundle of a folder whose model translates into an empty folder, verified.

    Raises:
        UserError: `dtype` is not fp32, an engine is not installed, or none says what the model says.
    """
    if settings.dtype != "fp32":
        raise UserError(f"--dtype {settings.dtype}: a model that translates is exported in fp32; give --dtype fp32")
    return TranslatorExport(load_for_export(model), settings, text, into, tell).run(model)
