"""A whole run: its tables, and what they ask of each other."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from encodery.config import Config
from encodery.data.languages import AS_IT_IS
from encodery.data.schedule import stated
from encodery.families import FAMILIES
from encodery.families.model_table import ModelTable
from encodery.families.vocabulary import ExtendTable, TrimTable
from encodery.recipe.exporting import ExportTable, check_exports, check_precisions
from encodery.recipe.keeping_out import with_own_tests
from encodery.recipe.tables import (
    BASES,
    EXTEND,
    PRETRAIN,
    PROBE_METRICS,
    SCRATCH,
    TRIM,
    CorpusTable,
    FinetuneTable,
    PretrainTable,
)
from encodery.recipe.teaching import DISTILL, FINETUNE, TOKENIZER, DistillTable, check_teachers, with_seed
from encodery.recipe.translating import TRANSLATE, TranslateTable, check_translations
from encodery.text.tokenizer import TokenizerSpec
from encodery.train.space import SearchTable, check_space


def _plain_name(name: str) -> str:
    if not name or not all(c.isalnum() or c in "-_." for c in name) or name.startswith("."):
        raise ValueError("letters, digits, '-', '_' and '.' are allowed (it becomes a folder's name)")
    return name


Name = Annotated[str, AfterValidator(_plain_name)]


class Recipe(Config):
    """A whole run. Each table is a stage; a table that is missing is a stage that does not run."""

    name: Name
    scale: str = Field(default="", exclude_if=lambda name: not name)
    """Which of the file's `[scales.NAME]` was laid over it, if any."""
    seed: int = 1
    output: str = "runs"
    """The run's folder is `output/name`, relative to the current directory."""
    model: ModelTable = ModelTable()
    corpus: CorpusTable | None = None
    tokenizer: TokenizerSpec | None = None
    pretrain: PretrainTable | None = None
    trim: TrimTable | None = Field(default=None, exclude_if=lambda table: table is None)
    extend: ExtendTable | None = Field(default=None, exclude_if=lambda table: table is None)
    distill: DistillTable | None = Field(default=None, exclude_if=lambda table: table is None)
    finetune: Mapping[Name, FinetuneTable] = Field(default_factory=dict)
    translate: Mapping[Name, TranslateTable] = Field(default_factory=dict, exclude_if=lambda tables: not tables)
    search: SearchTable | None = Field(default=None, exclude_if=lambda table: table is None)
    export: Mapping[Name, ExportTable] = Field(default_factory=dict, exclude_if=lambda tables: not tables)

    @property
    def translates(self) -> bool:
        """Whether pretraining reads aligned sentences."""
        return self.pretrain is not None and "tlm" in self.pretrain.objective.names

    @property
    def has_shards(self) -> bool:
        """Whether the text becomes tokens: of a vocabulary of this run, or of the model that it continues."""
        return self.corpus is not None and bool(self.tokenizer or (self.pretrain and self.pretrain.source))

    @model_validator(mode="before")
    @classmethod
    def _vocabulary_is_the_familys(cls, values: Any) -> Any:
        """A vocabulary without a `type` is of the family's kind."""
        try:
            family = FAMILIES[values.get("model", {}).get("family", "bert")]
            kind = {} if "type" in values["tokenizer"] else family.tokenizer
            return {**values, "tokenizer": {**kind, **values["tokenizer"]}}
        except (AttributeError, KeyError, TypeError):
            return values  # a table is missing or is none: said by the checks of the tables

    @model_validator(mode="before")
    @classmethod
    def _objective_is_the_familys(cls, values: Any) -> Any:
        """What the objective leaves out is as the family's paper has it."""
        try:
            family = FAMILIES[values.get("model", {}).get("family", "bert")]
            pretrain = values["pretrain"]
            usual = (
                {"nsp": False} if "from" in pretrain else family.objective
            )  # another model's family is not known yet
            objective = {**usual, **pretrain.get("objective", {})}
            return {**values, "pretrain": {**values["pretrain"], "objective": objective}}
        except (AttributeError, KeyError, TypeError):
            return values  # a table is missing or is none: said by the checks of the tables

    @model_validator(mode="before")
    @classmethod
    def _alpha_is_the_familys(cls, values: Any) -> Any:
        """Where the text names languages, they are sampled as in the family's paper."""
        try:
            family = FAMILIES[values.get("model", {}).get("family", "bert")]
            named = {"clean", "shards"} & set(values["corpus"]) or any(
                {"language", "language_field"} & set(entry) for entry in values["corpus"]["inputs"]
            )
            return {**values, "pretrain": {"alpha": family.alpha, **values["pretrain"]}} if named else values
        except (AttributeError, KeyError, TypeError):
            return values  # a table is missing or is none: said by the checks of the tables

    @model_validator(mode="before")
    @classmethod
    def _own_tests_are_kept_out(cls, values: Any) -> Any:
        return with_own_tests(values)

    @model_validator(mode="after")
    def _the_family_has_the_heads(self) -> "Recipe":
        fresh = self.pretrain and not self.pretrain.source
        if self.pretrain and fresh and self.pretrain.objective.nsp and "nsp" not in FAMILIES[self.model.family].heads:
            raise ValueError(
                f"pretrain.objective.nsp = true, but {self.model.family} has no head for next sentence prediction; "
                "set it to false"
            )
        return self

    @model_validator(mode="after")
    def _stages_have_what_they_need(self) -> "Recipe":
        if (self.tokenizer or self.pretrain) and not self.corpus:
            raise ValueError("[tokenizer] and [pretrain] need text: add a [corpus] table")
        shards = self.corpus.shards if self.corpus else None
        if shards and self.tokenizer:
            raise ValueError("[tokenizer] learns from corpus.inputs; with corpus.shards give corpus.shards.tokenizer")
        if self.pretrain and not self.pretrain.source and not self.tokenizer and not (shards and shards.tokenizer):
            key = "give corpus.shards.tokenizer" if shards else "add a [tokenizer] table"
            raise ValueError(f"[pretrain] needs a vocabulary: {key}")
        if shards and shards.tokenizer and self.pretrain and self.pretrain.source:
            raise ValueError("[pretrain] has from, which brings its tokenizer; drop corpus.shards.tokenizer")
        if self.pretrain and self.pretrain.source:
            self._check_continued(self.pretrain.source)
        if self.corpus and not self.corpus.parallel and (self.corpus.valid_parallel or self.translates):
            what = "corpus.valid_parallel" if self.corpus.valid_parallel else "tlm, which pretrain.objective has,"
            raise ValueError(f"{what} needs aligned sentences to learn from: add a [[corpus.parallel]] table")
        if self.tokenizer and self.corpus and self.tokenizer.alpha < 1.0 and not self.corpus.names_languages:
            raise ValueError(
                f"tokenizer.alpha = {self.tokenizer.alpha} balances languages, but corpus.inputs name none; give "
                "each input a language or a language_field"
            )
        if self.pretrain and self.corpus and self.pretrain.alpha != AS_IT_IS and not self.corpus.names_languages:
            raise ValueError(
                f"pretrain.alpha = {stated(self.pretrain.alpha)!r:.80} samples languages, but corpus.inputs name "
                "none; give each input a language or a language_field"
            )
        if self.distill and self.corpus and self.distill.alpha != AS_IT_IS and not self.corpus.names_languages:
            raise ValueError(
                f"distill.alpha = {stated(self.distill.alpha)!r:.80} samples languages, but corpus.inputs name none; "
                "give each input a language or a language_field"
            )
        best = self.pretrain.best_metric if self.pretrain else None
        if best in PROBE_METRICS and self.corpus and not self.corpus.probe_inputs:
            raise ValueError(f"pretrain.best_metric = {best!r} is measured on other text: give corpus.probe_inputs")
        for name, table in self.finetune.items():
            self._check_base(f"finetune.{name}", table.source, BASES)
            if table.source == SCRATCH and not self.tokenizer:
                raise ValueError(f"[finetune.{name}] starts from scratch, which needs a [tokenizer] table")
            if table.monolingual and not (self.corpus and self.corpus.names_languages and self.has_shards):
                raise ValueError(
                    f"[finetune.{name}.monolingual] needs text whose language is known, as tokens: add [corpus] with "
                    "a language for each of its inputs, and [tokenizer], or [pretrain] with from"
                )
        if self.trim:
            self._check_base(TRIM, self.trim.source, BASES[:1])
        if self.extend:
            self._check_base(EXTEND, self.extend.source, BASES[:2])
        if self.distill:
            self._check_distill(self.distill)
        return self

    def _check_continued(self, source: str) -> None:
        if source in BASES:
            raise ValueError(f"[pretrain] starts from {source}; a model folder is allowed")
        if self.tokenizer or self.model != ModelTable():
            given = "[tokenizer]" if self.tokenizer else "[model]"
            raise ValueError(f"[pretrain] has from = {source!r:.80}, which brings its own; drop {given}")

    def _check_distill(self, table: DistillTable) -> None:
        if not self.corpus:
            raise ValueError("[distill] needs text: add a [corpus] table")
        shards = self.corpus.shards
        if shards and table.vocabulary not in (TOKENIZER, PRETRAIN):
            raise ValueError(
                "[distill] reads corpus.shards as they are, in the vocabulary that they were written with; give "
                f"corpus.shards.tokenizer, and distill.tokenizer = {TOKENIZER!r}"
            )
        if table.vocabulary == TOKENIZER and not (self.tokenizer or (shards and shards.tokenizer)):
            raise ValueError(f"distill.tokenizer = {TOKENIZER!r}, but there is no [tokenizer] table")
        self._check_base(DISTILL, table.teacher, BASES[:3])
        self._check_base(f"{DISTILL}.tokenizer", table.vocabulary, BASES[:3])

    @property
    def student(self) -> ModelTable:
        """The model that `[distill]` trains."""
        return (self.distill.model if self.distill else None) or self.model

    @model_validator(mode="after")
    def _teachers_come_first(self) -> "Recipe":
        teachers = {name: (table.teacher, table.seeds) for name, table in self.finetune.items()}
        check_teachers(teachers, self.search.finetune if self.search else "")
        return self

    def artifact_of(self, stage: str) -> str:
        """The stage itself; of `finetune.NAME`, which may have several seeds, the first."""
        seeds = {name: table.seeds for name, table in self.finetune.items()}
        return with_seed(stage, seeds) if stage.startswith(FINETUNE) else stage

    def is_translation(self, file: str) -> bool:
        """Whether a training file is made by a `[translate.NAME]` of this run."""
        return file.startswith(TRANSLATE) and file.removeprefix(TRANSLATE) in self.translate

    @model_validator(mode="after")
    def _translations_come_first(self) -> "Recipe":
        check_translations(self.translate, self.finetune, self.search.finetune if self.search else "")
        return self

    def _check_base(self, table: str, source: str, allowed: Sequence[str]) -> None:
        if source in BASES and source not in allowed:
            raise ValueError(f"[{table}] starts from {source}; {' or '.join(allowed)} or a model folder is allowed")
        if source in BASES and getattr(self, source) is None:
            raise ValueError(f"[{table}] starts from {source}, but there is no [{source}] table")

    @model_validator(mode="after")
    def _exports_have_a_model(self) -> "Recipe":
        check_exports(self.export, {name: table.seeds for name, table in self.finetune.items()})
        check_precisions(self.export, {name: table.task.type for name, table in self.finetune.items()})
        return self

    @model_validator(mode="after")
    def _search_can_look_everywhere(self) -> "Recipe":
        """Every end of the space is tried on the table, so that no trial finds out."""
        if self.search is None:
            return self
        table = self.finetune.get(self.search.finetune)
        if table is None:
            have = ", ".join(self.finetune) or "none"
            raise ValueError(
                f"search.finetune = {self.search.finetune!r:.80}: no such [finetune.NAME]; there is {have}"
            )
        if table.dev is None:
            raise ValueError(
                f'[search] compares scores on dev data; give [finetune.{self.search.finetune}] dev = "FILE"'
            )
        check_space(self.search, table.with_values)
        return self

    @model_validator(mode="after")
    def _texts_fit_the_positions(self) -> "Recipe":
        positions = self.model.encoder(vocab_size=1 << 20).num_positions
        if self.pretrain and not self.pretrain.source and self.pretrain.longest > positions:
            own = self.pretrain.max_seqlen > positions
            key = "pretrain.max_seqlen" if own else "pretrain.phases: max_seqlen"
            raise ValueError(_too_long(key, self.pretrain.longest, positions))
        if self.distill and self.distill.longest > (theirs := self.student.encoder(1 << 20).num_positions):
            key = "distill.max_seqlen" if self.distill.max_seqlen > theirs else "distill.phases: max_seqlen"
            raise ValueError(_too_long(key, self.distill.longest, theirs))
        for name, table in self.finetune.items():
            ours = table.source == SCRATCH or (
                table.source == PRETRAIN and self.pretrain and not self.pretrain.source
            )
            if ours and table.task.max_seqlen > positions:
                raise ValueError(_too_long(f"finetune.{name}.task.max_seqlen", table.task.max_seqlen, positions))
        return self


def _too_long(key: str, value: int, positions: int) -> str:
    return (
        f"{key} = {value} is longer than the model's {positions} positions; lower it, "
        "or raise model.config.max_position_embeddings"
    )
