"""The recipe: one TOML file that says everything about a run. It only composes the tables that the parts own.

Known to `stages` and `cli` alone. Relative paths in a recipe are relative to the recipe's own folder.
"""

import importlib.util
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt, model_validator

from encodery.config import Config, apply_override
from encodery.corpus.readers import CorpusInput
from encodery.data.alpha import AS_IT_IS, Alpha
from encodery.data.columns import Fields
from encodery.data.splits import Files
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.adapter import LoraTable
from encodery.families.model_table import ModelTable
from encodery.families.vocabulary import ExtendTable, TrimTable
from encodery.objectives.objective import ObjectiveConfig
from encodery.objectives.seqlen_warmup import SeqlenWarmup
from encodery.tasks.classification import TextClassificationConfig
from encodery.tasks.tables import TaskTable
from encodery.text.tokenizer import TokenizerSpec
from encodery.train.config import TrainerConfig
from encodery.train.space import SearchTable, check_space, with_values

SCRATCH = "scratch"
PRETRAIN = "pretrain"
TRIM = "trim"
EXTEND = "extend"
BASES = (PRETRAIN, TRIM, EXTEND)
"""The stages that leave a model to start from, in the order in which they run."""


def _plain_name(name: str) -> str:
    if not name or not all(c.isalnum() or c in "-_." for c in name) or name.startswith("."):
        raise ValueError("letters, digits, '-', '_' and '.' are allowed (it becomes a folder's name)")
    return name


Name = Annotated[str, AfterValidator(_plain_name)]


class CorpusTable(Config):
    """`[corpus]`: the text, and the part of it that is held out."""

    inputs: tuple[CorpusInput, ...] = Field(min_length=1)
    valid_inputs: tuple[CorpusInput, ...] = ()
    """Text to measure the validation loss on; a part of `inputs` if not given."""
    valid_fraction: float = Field(default=0.02, gt=0.0, lt=0.5)
    """Share of the documents held out, chosen by their content, when there are no `valid_inputs`."""


class PretrainTable(TrainerConfig):
    """`[pretrain]`: the objective, how long, and how."""

    objective: ObjectiveConfig = ObjectiveConfig()
    max_seqlen: int = Field(default=128, ge=8)
    seqlen_warmup: SeqlenWarmup | None = None
    """Short sequences first: a fresh model learns its first grammar from them several times as fast."""
    tokens_per_step: PositiveInt = 8192
    steps: PositiveInt
    valid_max_tokens: PositiveInt = 100_000
    """The validation loss is taken over at most this many tokens, which languages share evenly."""
    alpha: Alpha = Field(default=AS_IT_IS, exclude_if=lambda alpha: alpha == AS_IT_IS)
    """A language's share of the tokens, raised to this power, gives its share of what is read: a number,
    `{ start, end }` over the steps, or `[[step, alpha], ...]`. 1 reads the text as it comes."""
    on_missing_shard: Literal["error", "skip"] = Field(default="error", exclude_if=lambda value: value == "error")
    """`skip` goes on without token shards that are missing or truncated, and counts them."""

    @model_validator(mode="after")
    def _warmup_is_shorter(self) -> "PretrainTable":
        warmup = self.seqlen_warmup
        if warmup and not (warmup.max_seqlen < self.max_seqlen and warmup.steps < self.steps):
            raise ValueError(
                f"seqlen_warmup = {{ max_seqlen = {warmup.max_seqlen}, steps = {warmup.steps} }} must be shorter "
                f"than max_seqlen = {self.max_seqlen} and end before steps = {self.steps}"
            )
        return self

    @model_validator(mode="after")
    def _best_is_measured(self) -> "PretrainTable":
        terms = ("mlm", "nsp") if self.objective.nsp else ("mlm",)
        metrics = [f"{term}_{what}" for term in terms for what in ("loss", "accuracy")]
        if self.best_metric not in (None, *metrics):
            raise ValueError(f"best_metric = {self.best_metric!r:.80}; one of {', '.join(metrics)} is allowed")
        return self


class FinetuneTable(TrainerConfig):
    """`[finetune.NAME]`: one task, its labelled files, and where the weights come from."""

    task: TaskTable = TextClassificationConfig()
    source: str = Field(default=PRETRAIN, alias="from")
    """`pretrain`, `trim`, `extend`, `scratch` (the same model, fresh weights), or a model folder;
    `package:NAME/FOLDER` looks in an installed Python package."""
    train: str
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
        if self.selects and self.dev is None:
            raise ValueError('keep = "best" and early_stopping compare scores on dev data; give dev = "FILE"')
        return self


class Recipe(Config):
    """A whole run. Each table is a stage; a table that is missing is a stage that does not run."""

    name: Name
    seed: int = 1
    output: str = "runs"
    """The run's folder is `output/name`, relative to the current directory."""
    model: ModelTable = ModelTable()
    corpus: CorpusTable | None = None
    tokenizer: TokenizerSpec | None = None
    pretrain: PretrainTable | None = None
    trim: TrimTable | None = Field(default=None, exclude_if=lambda table: table is None)
    extend: ExtendTable | None = Field(default=None, exclude_if=lambda table: table is None)
    finetune: Mapping[Name, FinetuneTable] = Field(default_factory=dict)
    search: SearchTable | None = Field(default=None, exclude_if=lambda table: table is None)

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
            objective = {**family.objective, **values["pretrain"].get("objective", {})}
            return {**values, "pretrain": {**values["pretrain"], "objective": objective}}
        except (AttributeError, KeyError, TypeError):
            return values  # a table is missing or is none: said by the checks of the tables

    @model_validator(mode="before")
    @classmethod
    def _alpha_is_the_familys(cls, values: Any) -> Any:
        """Where the text names languages, they are sampled as in the family's paper."""
        try:
            family = FAMILIES[values.get("model", {}).get("family", "bert")]
            named = any({"language", "language_field"} & set(entry) for entry in values["corpus"]["inputs"])
            return {**values, "pretrain": {"alpha": family.alpha, **values["pretrain"]}} if named else values
        except (AttributeError, KeyError, TypeError):
            return values  # a table is missing or is none: said by the checks of the tables

    @model_validator(mode="after")
    def _the_family_has_the_heads(self) -> "Recipe":
        if self.pretrain and self.pretrain.objective.nsp and "nsp" not in FAMILIES[self.model.family].heads:
            raise ValueError(
                f"pretrain.objective.nsp = true, but {self.model.family} has no head for next sentence prediction; "
                "set it to false"
            )
        return self

    @model_validator(mode="after")
    def _stages_have_what_they_need(self) -> "Recipe":
        if (self.tokenizer or self.pretrain) and not self.corpus:
            raise ValueError("[tokenizer] and [pretrain] need text: add a [corpus] table")
        if self.pretrain and not self.tokenizer:
            raise ValueError("[pretrain] needs a vocabulary: add a [tokenizer] table")
        if self.tokenizer and self.corpus and self.tokenizer.alpha < 1.0 and not names_languages(self.corpus.inputs):
            raise ValueError(
                f"tokenizer.alpha = {self.tokenizer.alpha} balances languages, but corpus.inputs name none; give "
                "each input a language or a language_field"
            )
        if (
            self.pretrain
            and self.corpus
            and self.pretrain.alpha != AS_IT_IS
            and not names_languages(self.corpus.inputs)
        ):
            raise ValueError(
                f"pretrain.alpha = {self.pretrain.alpha!r:.80} samples languages, but corpus.inputs name none; give "
                "each input a language or a language_field"
            )
        for name, table in self.finetune.items():
            self._check_base(f"finetune.{name}", table.source, BASES)
            if table.source == SCRATCH and not self.tokenizer:
                raise ValueError(f"[finetune.{name}] starts from scratch, which needs a [tokenizer] table")
        if self.trim:
            self._check_base(TRIM, self.trim.source, BASES[:1])
        if self.extend:
            self._check_base(EXTEND, self.extend.source, BASES[:2])
        return self

    def _check_base(self, table: str, source: str, allowed: Sequence[str]) -> None:
        if source in BASES and source not in allowed:
            raise ValueError(f"[{table}] starts from {source}; {' or '.join(allowed)} or a model folder is allowed")
        if source in BASES and getattr(self, source) is None:
            raise ValueError(f"[{table}] starts from {source}, but there is no [{source}] table")

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
        if self.pretrain and self.pretrain.max_seqlen > positions:
            raise ValueError(_too_long("pretrain.max_seqlen", self.pretrain.max_seqlen, positions))
        for name, table in self.finetune.items():
            if table.source in (PRETRAIN, SCRATCH) and table.task.max_seqlen > positions:
                raise ValueError(_too_long(f"finetune.{name}.task.max_seqlen", table.task.max_seqlen, positions))
        return self


def names_languages(inputs: Sequence[CorpusInput]) -> bool:
    """Whether any of the text says its language."""
    return any(entry.language or entry.language_field for entry in inputs)


def _too_long(key: str, value: int, positions: int) -> str:
    return (
        f"{key} = {value} is longer than the model's {positions} positions; lower it, "
        "or raise model.config.max_position_embeddings"
    )


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file and apply `a.b=c` overrides.

    Raises:
        UserError: the file is missing or no TOML, a key is unknown, or a value is not allowed.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such recipe; a recipe is a TOML file, for examples see recipes/")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None
    for override in overrides:
        apply_override(values, override)
    return Recipe.parse(values, str(path))


def resolve(path: str, base: Path) -> Path:
    """A path from a recipe: relative to `base`, or `package:NAME/FOLDER` inside an installed package (never run).

    Raises:
        UserError: the package is not installed.
    """
    if not path.startswith("package:"):
        return base / path
    name, _, rest = path.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"{path}: the package {name!r} is not installed; try: pip install {name.replace('_', '-')}")
    return Path(spec.submodule_search_locations[0]) / rest
