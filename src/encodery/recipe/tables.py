"""The tables of a recipe that say what is read and what is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from encodery.config import Config
from encodery.corpus.clean_table import CleanTable
from encodery.corpus.pair_filter import PairFilterTable
from encodery.corpus.parallel import ParallelInput
from encodery.corpus.readers import CorpusInput
from encodery.data.columns import Fields
from encodery.data.remote_shards import ShardsTable
from encodery.data.schedule import changes
from encodery.data.splits import Files
from encodery.errors import UserError
from encodery.families.adapter import LoraTable
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.phases import Stretch
from encodery.objectives.seqlen_warmup import SeqlenWarmup
from encodery.recipe.monolingual import MonolingualTable, check_monolingual
from encodery.recipe.reading_table import ReadingTable
from encodery.recipe.stuck import StuckTable
from encodery.recipe.teaching import DISTILL, TaughtTable
from encodery.tasks.classification import TextClassificationConfig
from encodery.tasks.tables import TaskTable
from encodery.train.space import with_values

PROBE = "probe"
"""Part of the corpus of which the loss is measured only."""
PROBE_METRICS = tuple(f"{PROBE}_mlm_{what}" for what in ("loss", "accuracy"))
SCRATCH = "scratch"
PRETRAIN = "pretrain"
TRIM = "trim"
EXTEND = "extend"
BASES = (PRETRAIN, TRIM, EXTEND, DISTILL)
"""The stages that leave a model to start from, in the order in which they run."""


class CorpusTable(Config):
    """`[corpus]`: the text, how it is cleaned, and the part of it that is held out."""

    inputs: tuple[CorpusInput, ...] = Field(default=(), min_length=1)
    shards: ShardsTable | None = Field(default=None, exclude_if=lambda table: table is None)
    """Text that is token shards already, in place of `inputs`."""
    valid_inputs: tuple[CorpusInput, ...] = ()
    """Text to measure the validation loss on; a part of `inputs` if not given."""
    probe_inputs: tuple[CorpusInput, ...] = Field(default=(), exclude_if=lambda inputs: not inputs)
    """Text of another kind, of which the loss is measured only: what a model forgets shows here."""
    valid_fraction: float = Field(default=0.02, gt=0.0, lt=0.5)
    """Share of the documents held out, chosen by their content, when there are no `valid_inputs`."""
    parallel: tuple[ParallelInput, ...] = Field(default=(), exclude_if=lambda inputs: not inputs)
    """Aligned sentences of two languages, for `tlm`."""
    valid_parallel: tuple[ParallelInput, ...] = Field(default=(), exclude_if=lambda inputs: not inputs)
    """Aligned sentences to measure on; `valid_fraction` of `parallel` if not given."""
    clean_parallel: PairFilterTable | None = Field(default=None, exclude_if=lambda table: table is None)
    """Which of the aligned sentences are left out; without it, those with a side that is missing or empty."""
    clean: CleanTable | None = Field(default=None, exclude_if=lambda table: table is None)
    """What is done to `inputs` before they are read; they are read as they are without it."""

    @model_validator(mode="after")
    def _is_text_or_shards(self) -> "CorpusTable":
        if self.clean_parallel is not None and not self.parallel:
            raise ValueError("clean_parallel has nothing to clean: add a [[corpus.parallel]] table")
        if self.shards is None and not self.inputs:
            raise ValueError('inputs are missing: give inputs = [{ path = "text" }]')
        others = (*self.read, *((self.clean,) if self.clean else ()))
        if self.shards is not None and others:
            raise ValueError(
                f"shards = {self.shards.path!r:.80} stands in place of inputs, valid_inputs, probe_inputs and clean; "
                "give the one or the other"
            )
        return self

    @property
    def names_languages(self) -> bool:
        """Whether any of the text to learn from is known to be in a language; shards say that when they are read."""
        return self.clean is not None or self.shards is not None or names_languages(self.inputs)

    @property
    def read(self) -> tuple[CorpusInput, ...]:
        """All text that becomes token shards."""
        return (*self.inputs, *self.valid_inputs, *self.probe_inputs)


class PretrainTable(ReadingTable):
    """`[pretrain]`: the objective, how long, and how."""

    objective: ObjectiveConfig = ObjectiveConfig()
    source: str | None = Field(default=None, alias="from", exclude_if=lambda source: source is None)
    """A model folder to continue from, with its tokenizer, in place of fresh weights; `package:NAME/FOLDER` looks in
    an installed Python package."""
    seqlen_warmup: SeqlenWarmup | None = None
    """Short sequences first: a fresh model learns its first grammar from them several times as fast."""

    @property
    def stretches(self) -> list[Stretch]:
        """Steps of one kind: the warm-up, what follows it, the phases."""
        parts = super().stretches
        if (warmup := self.seqlen_warmup) is None:
            return parts
        short = Stretch(0, warmup.max_seqlen, self.tokens_per_step)
        return [short, replace(parts[0], first=warmup.steps), *parts[1:]]

    @property
    def _schedules(self) -> Mapping[str, bool]:
        """What may change over the steps, and whether it does."""
        masks = changes(self.objective.mlm.mask_probability)
        return {**super()._schedules, "objective.mlm.mask_probability": masks}

    @model_validator(mode="after")
    def _phases_are_in_order(self) -> "PretrainTable":
        parts = self.stretches
        if any(after.first <= before.first for before, after in pairwise(parts)):
            raise ValueError(
                f"phases start at step {parts[2].first}, but seqlen_warmup ends at step {parts[1].first}; start them "
                "later"
            )
        return self

    @model_validator(mode="after")
    def _every_turn_comes(self) -> "PretrainTable":
        objective = self.objective
        ends = list(accumulate(phase.steps for phase in objective.schedule))
        ends = ends if objective.weights else ends[:-1]  # behind the schedule only weights follow
        if ends and ends[-1] >= self.total_steps:
            what = "weights hold" if objective.weights else "the last phase begins"
            raise ValueError(
                f"objective.schedule: {what} after {ends[-1]:,} steps, and the run has steps = {self.steps}; raise "
                "steps, or shorten the phases"
            )
        return self

    @model_validator(mode="after")
    def _warmup_is_shorter(self) -> "PretrainTable":
        warmup = self.seqlen_warmup
        if warmup and not (warmup.max_seqlen < self.max_seqlen and warmup.steps < self.total_steps):
            raise ValueError(
                f"seqlen_warmup = {{ max_seqlen = {warmup.max_seqlen}, steps = {warmup.steps} }} must be shorter "
                f"than max_seqlen = {self.max_seqlen} and end before steps = {self.steps}"
            )
        return self

    @model_validator(mode="after")
    def _best_is_measured(self) -> "PretrainTable":
        terms = (*self.objective.names, "nsp") if self.objective.nsp else self.objective.names
        metrics = [f"{term}_{what}" for term in terms for what in ("loss", "accuracy")]
        if self.best_metric not in (None, *metrics, *PROBE_METRICS):
            raise ValueError(
                f"best_metric = {self.best_metric!r:.80}; one of {', '.join(metrics)} is allowed, and with "
                f"corpus.probe_inputs {', '.join(PROBE_METRICS)}"
            )
        return self


class FinetuneTable(TaughtTable):
    """`[finetune.NAME]`: one task, its labelled files, and where the weights come from."""

    task: TaskTable = TextClassificationConfig()
    source: str = Field(default=PRETRAIN, alias="from")
    """`pretrain`, `trim`, `extend`, `distill`, `scratch` (the same model, fresh weights), or a model folder;
    `package:NAME/FOLDER` looks in an installed Python package."""
    train: Files = Field(default=None, exclude_if=lambda files: files is None)
    """Not needed where `monolingual` text is learned from."""
    monolingual: MonolingualTable | None = Field(default=None, exclude_if=lambda table: table is None)
    """Learn to translate from the text of `[corpus]`, too."""
    stuck: StuckTable | None = Field(default=None, exclude_if=lambda table: table is None)
    """When a run that learns to translate is given up; as the defaults say if not given."""
    max_train_samples: PositiveInt | None = Field(default=None, exclude_if=lambda most: most is None)
    """Of each training file only the first so many examples: what more data is worth."""
    dev: Files = None
    test: Files = None
    fields: Mapping[str, str] = Field(default_factory=dict)
    """The columns that hold what the task's records are made of, where they are called otherwise."""
    epochs: PositiveInt = 3
    tokens_per_step: PositiveInt = 1024
    reinit_pooler: bool = False
    """Draw the pooler anew: it was pretrained for another question (Zhang et al. 2021)."""
    reinit_layers: NonNegativeInt = 0
    """Draw this many of the last layers anew."""
    lora: LoraTable | None = Field(default=None, exclude_if=lambda table: table is None)
    """Train an adapter of the encoder in place of its weights (Hu et al. 2021)."""
    seeds: tuple[int, ...] = Field(default=(1,), min_length=1)
    """One model each; the report gives mean and spread."""

    @property
    def columns(self) -> Fields:
        """`fields`, as the task has them."""
        return self.task.kind.fields.parse(self.fields, "fields")

    @model_validator(mode="after")
    def _there_is_something_to_learn_from(self) -> "FinetuneTable":
        check_monolingual(self.monolingual, self.task.type, self.train is not None, self.model_fields_set)
        if self.monolingual and self.parallel == "fsdp":
            raise ValueError(
                'parallel = "fsdp": text is translated by the whole model within the step; set parallel = "ddp"'
            )
        if self.stuck and self.task.type != "translation":
            raise ValueError(f"stuck: translations are looked at so, and the task is {self.task.type}; leave it out")
        return self

    @model_validator(mode="after")
    def _fields_and_steps_suit_the_task(self) -> "FinetuneTable":
        self.task.check_step(self.tokens_per_step, self.micro_batch_tokens)
        try:
            self.columns  # noqa: B018
        except UserError as error:
            raise ValueError(str(error)) from None
        return self

    def with_values(self, values: Mapping[str, Any]) -> "FinetuneTable":
        """The table with other values at dotted keys ("optimizer.lr").

        Raises:
            UserError: there is no such key, or it cannot have the value.
        """
        return FinetuneTable.parse(with_values(self.model_dump(by_alias=True), values), "search.space")

    @model_validator(mode="after")
    def _seeds_differ(self) -> "FinetuneTable":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds = {list(self.seeds)} repeats a seed")
        return self

    @model_validator(mode="after")
    def _adapters_stand_on_trained_layers(self) -> "FinetuneTable":
        if self.lora and (self.source == SCRATCH or self.reinit_layers):
            raise ValueError(
                'lora leaves the encoder as it is, and from = "scratch" or reinit_layers would leave it untrained; '
                "start from a model, or drop lora"
            )
        return self

    @model_validator(mode="after")
    def _best_is_measured(self) -> "FinetuneTable":
        if self.selects and self.dev is None and self.monolingual is None:
            raise ValueError('keep = "best" and early_stopping compare scores on dev data; give dev = "FILE"')
        return self


def names_languages(inputs: Sequence[CorpusInput]) -> bool:
    """Whether any of the text says its language."""
    return any(entry.language or entry.language_field for entry in inputs)
