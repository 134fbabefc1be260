"""The model that fine-tuning starts from."""

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, load_folder
from encodery.model.heads import Model
from encodery.recipe import SCRATCH, FinetuneTable
from encodery.stages.engine import Run, base_folder
from encodery.stages.translators import start_translator
from encodery.tasks.directions import Directions
from encodery.tasks.task import Learned
from encodery.text.tokenizer import Tokenizer

UNNAMED_LABELS = 2
"""The size of a head whose task names no labels, where it has one: that of `transformers`."""


def starting_point(run: Run, table: FinetuneTable, learned: Learned, seed: int) -> ModelFolder:
    """The model that fine-tuning starts from: of an earlier stage, fresh, or from a folder."""
    if isinstance(learned, Directions):
        return start_translator(run, table, learned, seed)
    labels = learned.labels
    if table.source == SCRATCH:
        tokenizer = Tokenizer.load(run.artifact("tokenizer"))
        family = FAMILIES[run.recipe.model.family]
        config = run.recipe.model.encoder(tokenizer.vocab_size, tokenizer.pad_token_id)
        model = family.model(config, table.task.kind.heads, len(labels) or UNNAMED_LABELS)
        model.initialize(seed)
        return ModelFolder(family, model, tokenizer, tuple(labels))
    folder = load_folder(base_folder(run, table.source), table.task.kind.heads, labels or None, seed)
    try:
        folder.model.reinitialize(table.reinit_pooler, table.reinit_layers, seed)
    except ValueError as error:
        raise UserError(
            f"finetune: reinit_pooler = {str(table.reinit_pooler).lower()}, reinit_layers = {table.reinit_layers}: "
            f"{error} ({table.source})"
        ) from None
    return folder


def check_positions(table: FinetuneTable, model: Model, name: str) -> None:
    """Raises `UserError` if the model has fewer positions than `max_seqlen`."""
    positions = model.config.num_positions
    if table.task.max_seqlen > positions:
        raise UserError(
            f"{name}.task.max_seqlen = {table.task.max_seqlen} is longer than the positions of {table.source}; "
            f"at most {positions} is allowed"
        )
