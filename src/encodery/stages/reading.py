"""What pretraining reads: the recipe's objective over token shards, in stretches of one length each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from encodery.batch import Batch
from encodery.data.pairs import languages_of_pairs
from encodery.data.schedule import Knots, knots_of, rates_at
from encodery.data.shard_format import read_manifest
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, load_folder, read_sizes
from encodery.model.config import EncoderConfig
from encodery.objectives.mixing import Objective, build_objective
from encodery.objectives.phases import Course
from encodery.objectives.seqlen_warmup import warmed_up
from encodery.objectives.smoothing import Smoothing
from encodery.objectives.vocabulary import Vocabulary
from encodery.recipe import PRETRAIN, PROBE, PretrainTable
from encodery.recipe.teaching import TOKENIZER, DistillTable
from encodery.stages.engine import Run, base_folder, tokenizer_folder
from encodery.stages.parallel import PARALLEL
from encodery.stages.skipping import SHARDS, open_shards
from encodery.text.tokenizer import Tokenizer

TRAIN, VALID = "train", "valid"
OWN_SHARDS = "distill_shards"


def shards_of(table: PretrainTable | DistillTable) -> str:
    """The stage whose shards are read: those of this run's vocabulary, or some of the student's own."""
    return SHARDS if isinstance(table, PretrainTable) or table.vocabulary in (TOKENIZER, PRETRAIN) else OWN_SHARDS


class Reading:
    """A recipe's text as its `[pretrain]` or `[distill]` reads it, by one tokenizer."""

    def __init__(
        self,
        run: Run,
        table: PretrainTable | DistillTable,
        tokenizer: Tokenizer,
        lang2id: Mapping[str, int] | None = None,
    ) -> None:
        self.table = table
        self.objective = table.objective if isinstance(table, PretrainTable) else table.objective.text
        self._run = run
        self._vocabulary = vocabulary_of(tokenizer)
        self._lang2id = lang2id
        self._warmup = table.seqlen_warmup if isinstance(table, PretrainTable) else None
        probes = isinstance(table, PretrainTable) and run.recipe.corpus and run.recipe.corpus.probe_inputs
        names = (TRAIN, VALID, PROBE) if probes else (TRAIN, VALID)
        self.shards = {name: open_shards(run, table, name, shards_of(table)) for name in names}
        splits = (TRAIN, VALID) if "tlm" in self.objective.names else ()
        self.pairs = {split: open_shards(run, self.table, split, PARALLEL) for split in splits}

    @property
    def opened(self) -> dict[str, Shards]:
        """All shards that are read, by what the log and the metrics call them."""
        return {**self.shards, **{f"{PARALLEL}/{split}": shards for split, shards in self.pairs.items()}}

    def course(self) -> Course[Objective]:
        """What the steps of the training are read from."""
        table = self.table
        alpha = knots_of(table.alpha, table.total_steps)
        return Course(table.stretches, lambda length, tokens: self._objective(TRAIN, length, tokens, alpha))

    def batch(self, course: Course[Objective], step: int) -> Batch:
        """The batch of a training step; those of the warm-up begin at any position."""

        def read(step: int) -> Batch:
            objective, own_step = course.at(step)
            return objective.batch(own_step)

        if self._warmup is None:
            return read(step)
        return warmed_up(read, read, self._warmup.steps, self.table.max_seqlen, self._run.recipe.seed)(step)

    def held_out(self, split: str) -> Objective:
        """Text to measure on, of the length that most of the training has."""
        return self._objective(split, self.table.max_seqlen, self.table.tokens_per_step, None)

    def hidden_entropy(self) -> float | None:
        """Of the held-out tokens that are hidden, where rare ones are more often; None where all are alike."""
        mlm, last = self.objective.mlm, self.table.total_steps - 1
        if not mlm.sample_alpha:
            return None
        smoothing = Smoothing(self.shards[VALID].token_counts, self._vocabulary.is_special(), mlm.sample_alpha)
        return smoothing.entropy(rates_at(mlm.mask_probability, np.array([last]), last + 1).item())

    def _objective(self, split: str, max_seqlen: int, tokens_per_step: int, alpha: Knots | None) -> Objective:
        return build_objective(
            config=self.objective if split != PROBE else self.objective.masked_alone,
            shards=self.shards[split],
            parallel=self.pairs.get(split),
            vocabulary=self._vocabulary,
            max_seqlen=max_seqlen,
            tokens_per_step=tokens_per_step,
            seed=self._run.recipe.seed,
            lang2id=self._lang2id,
            num_steps=self.table.total_steps,
            alpha=alpha,
            shuffle=self.table.shuffle if split == TRAIN else None,
        )


def check_lengths(run: Run, table: PretrainTable) -> None:
    """Compare sequences with the model of the folder that is continued, before any text is read.

    Raises:
        UserError: they are longer than its positions, or the folder has no sizes.
    """
    if table.source is None:
        return
    positions = read_sizes(base_folder(run, table.source)).num_positions
    if table.longest > positions:
        key = "max_seqlen" if table.max_seqlen > positions else "the max_seqlen of phases"
        raise UserError(
            f"pretrain: sequences of {table.longest} tokens are longer than the {positions} positions of "
            f"{table.source}; lower {key}"
        )


def starting_model(run: Run) -> ModelFolder:
    """The model that pretraining begins with: fresh, or that of the folder which `from` names.

    Raises:
        UserError: the folder holds none, or its family has no such heads.
    """
    recipe, table = run.recipe, run.recipe.pretrain
    assert table is not None
    heads = ("mlm", "nsp") if table.objective.nsp else ("mlm",)
    if table.source is None:
        tokenizer = Tokenizer.load(tokenizer_folder(run))
        family = FAMILIES[recipe.model.family]
        config = recipe.model.encoder(tokenizer.vocab_size, tokenizer.pad_token_id)
        model = family.model(config, heads)
        model.initialize(recipe.seed)
        return ModelFolder(family, model, tokenizer)
    folder = load_folder(base_folder(run, table.source), heads, seed=recipe.seed)
    if folder.fresh:
        run.note(_drawn_anew(table.source, folder.fresh))
    return folder


def _drawn_anew(source: str, fresh: Sequence[str]) -> str:
    """Which parts of the model are not from the folder."""
    parts = dict.fromkeys(name.rpartition(".")[0].removeprefix("heads.") for name in fresh)
    heads = dict.fromkeys(part.partition(".")[0] for part in parts)
    return f"{source} has no weights of {' and '.join(heads)}: these {len(fresh)} are drawn anew and learned here"


def number_languages(
    run: Run, config: EncoderConfig, shards: Path, pairs: Path | None = None, table: str = "model"
) -> dict[str, int] | None:
    """A number for each language of the training text, pairs included, in the order of their names, as XLM has them.

    None where the text names none: then no vector of a language is added, nor learned.

    Raises:
        UserError: there are more languages than the model has vectors.
    """
    names = {*named_languages(shards), *(languages_of_pairs(named_languages(pairs)) if pairs else ())}
    languages = sorted(filter(None, names))
    if not languages:
        run.note(
            "corpus.inputs name no language, or the token shards are older than these: the model's "
            f"{config.num_languages} vectors of languages stay as they are drawn"
        )
        return None
    if len(languages) > config.num_languages:
        raise UserError(
            f"{table}.config.num_languages = {config.num_languages}, but the corpus has {len(languages)} languages "
            f"({', '.join(languages)}); raise num_languages"
        )
    return {language: number for number, language in enumerate(languages)}


def named_languages(shards: Path) -> tuple[str, ...]:
    """The names that a folder of shards has for its documents, also where some of the shards are gone."""
    return read_manifest(shards).languages or ()


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """What an objective must know of a tokenizer."""
    return Vocabulary(
        vocab_size=tokenizer.vocab_size,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        mask_token_id=tokenizer.mask_token_id,
        pad_token_id=tokenizer.pad_token_id,
        special_ids=tokenizer.special_ids,
        continues_word=tokenizer.continues_word,
        ends_word=tokenizer.ends_word,
    )
