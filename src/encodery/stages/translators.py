"""The model with a decoder that a translation starts from."""

from dataclasses import replace

from encodery.config import read_json
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.encoder_decoder import build_translator, decoder_family, is_translator
from encodery.families.folder import ModelFolder, load_folder
from encodery.model.translator import HEAD, Translator, translator_from
from encodery.recipe import SCRATCH, FinetuneTable
from encodery.stages.engine import Run, base_folder
from encodery.stages.pretraining import settings_of
from encodery.tasks.directions import Directions
from encodery.tasks.translation import TranslationConfig
from encodery.text.tokenizer import Tokenizer

VOCABULARY = "mlm"
"""The head whose weights the decoder's first words come from."""


def start_translator(run: Run, table: FinetuneTable, directions: Directions, seed: int) -> ModelFolder:
    """A translator: fresh, from a folder that holds one, or with encoder and decoder both from a pretrained model.

    Raises:
        UserError: the folder has no head over the vocabulary for a decoder to begin with.
    """
    task = table.task
    assert isinstance(task, TranslationConfig)
    _check_switches(table)
    if table.source == SCRATCH:
        return _fresh(run, task, directions, seed)
    path = base_folder(run, table.source)
    if (path / "config.json").is_file() and is_translator(read_json(path / "config.json")):
        folder = load_folder(path)
        assert isinstance(folder.model, Translator)
        return replace(folder, model=with_dropout(folder.model, task.dropout))
    folder = load_folder(path, (VOCABULARY,), seed=seed)
    decoder_family(folder.family)  # one without is refused now, not after training
    if folder.fresh:
        raise UserError(
            f"finetune: {table.source} has no decoder, and no head over the vocabulary for one to begin with; start "
            "from a model that was pretrained by masked, causal or translation LM"
        )
    model = translator_from(folder.model, folder.model, VOCABULARY, task.cross_attention, seed)
    return replace(folder, model=with_dropout(model, task.dropout))


def _fresh(run: Run, task: TranslationConfig, directions: Directions, seed: int) -> ModelFolder:
    """Of the recipe's sizes, encoder and decoder alike, and its tokenizer."""
    tokenizer = Tokenizer.load(run.artifact("tokenizer"))
    family = FAMILIES[run.recipe.model.family]
    config = run.recipe.model.encoder(tokenizer.vocab_size, tokenizer.pad_token_id)
    model = build_translator(family, config, config)
    model.initialize(seed)
    lang2id = None
    if config.has_language_embeddings:
        names = sorted(directions.languages)
        if len(names) > config.num_languages:
            raise UserError(
                f"finetune: the pairs are in {len(names)} languages ({', '.join(names)}), but "
                f"model.config.num_languages = {config.num_languages}; raise it"
            )
        lang2id = {name: number for number, name in enumerate(names)}
    return ModelFolder(family, with_dropout(model, task.dropout), tokenizer, settings=settings_of(lang2id))


def with_dropout(model: Translator, dropout: float | None) -> Translator:
    """The same weights with another dropout of hidden states and attention; None leaves it as it is."""
    if dropout is None:
        return model
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    encoder, decoder = (config.model_copy(update=rates) for config in (model.config, model.decoder_config))
    changed = Translator(encoder, decoder, model.shapes[HEAD])
    changed.load_state_dict(model.state_dict())
    return changed


def _check_switches(table: FinetuneTable) -> None:
    """Raises `UserError` for what other tasks have and translation has not."""
    given = {
        "lora": table.lora is not None,
        "reinit_pooler": table.reinit_pooler,
        "reinit_layers": table.reinit_layers > 0,
        "teacher": table.teacher is not None,
    }
    if stated := [key for key, is_given in given.items() if is_given]:
        raise UserError(f"finetune: {stated[0]} is not for translation, whose model is trained whole; leave it out")
