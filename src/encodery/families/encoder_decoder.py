"""A translator in the layout that `transformers` calls encoder-decoder: two models of one family in one folder.

`config.json` has a table for each, and their weights stand behind `encoder.` and `decoder.`: those of a bare encoder,
and of a decoder with its head over the vocabulary. So each side is read and written as a model of its own, by the
family's names, to which the decoder adds those of cross-attention.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import Family, config_from_theirs, config_to_theirs
from encodery.families.name_map import Assignment, assign, fill, state_to_theirs
from encodery.families.weights import WeightFiles
from encodery.model.config import EncoderConfig
from encodery.model.heads import HeadShape, Model
from encodery.model.skeleton import shapes_only
from encodery.model.translator import HEAD, Translator

MODEL_TYPE = "encoder-decoder"
ARCHITECTURE = "EncoderDecoderModel"
ENCODER, DECODER = "encoder", "decoder"
TOKEN_KEYS = ("decoder_start_token_id", "eos_token_id", "pad_token_id")
"""Keys beside the two tables that say how a translation begins and ends."""
DECODING = "decoding"
"""The setting of a folder that holds those of them that its `config.json` states."""


@dataclass(frozen=True)
class Pair:
    """What a `config.json` says of both sides."""

    family: Family
    encoder: EncoderConfig
    decoder: EncoderConfig

    @property
    def sizes(self) -> tuple[EncoderConfig, EncoderConfig]:
        """Of the encoder, and of the decoder."""
        return self.encoder, self.decoder

    def build(self) -> Translator:
        """A translator with the family's head over the vocabulary."""
        return build_translator(self.family, self.encoder, self.decoder)


def is_translator(config_json: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is that of an encoder with a decoder."""
    return config_json.get("model_type") == MODEL_TYPE


def side(config_json: Mapping[str, Any], name: str, source: str) -> Mapping[str, Any]:
    """One of the two tables.

    Raises:
        UserError: it is not there.
    """
    table = config_json.get(name)
    if not isinstance(table, Mapping):
        raise UserError(f"{source}: {name} = {table!r:.80}; a model of an encoder and a decoder has a table for each")
    return table


def find_pair(config_json: Mapping[str, Any], source: str) -> Pair:
    """The family of both sides, and their sizes.

    Raises:
        UserError: the sides are of families that differ, or one has no decoder here; a size is missing or impossible.
    """
    tables = side(config_json, ENCODER, source), side(config_json, DECODER, source)
    found, other = (table.get("model_type") for table in tables)
    if found != other:
        raise UserError(
            f"{source}: an encoder of {found!r:.80} with a decoder of {other!r:.80}; both must be the same"
        )
    family = FAMILIES.get(found) if isinstance(found, str) else None
    if family is None or family.decoder is None:
        raise UserError(
            f"{source}: encoder.model_type = {found!r:.80} has no decoder here; {', '.join(with_decoder())} have"
        )
    config = config_from_theirs(family, tables[0], f"{source}: {ENCODER}")
    decoder_config = config_from_theirs(decoder_family(family), tables[1], f"{source}: {DECODER}")
    if config.hidden_size != decoder_config.hidden_size:
        raise UserError(
            f"{source}: encoder.hidden_size = {config.hidden_size} and decoder.hidden_size = "
            f"{decoder_config.hidden_size}; both must be the same"
        )
    return Pair(family, config, decoder_config)


def with_decoder() -> tuple[str, ...]:
    """The families that have one."""
    return tuple(name for name, family in FAMILIES.items() if family.decoder)


def decoder_family(family: Family) -> Family:
    """What describes the family's decoder as `family` does the encoder.

    Raises:
        UserError: it has none.
    """
    own = family.decoder
    if own is None:
        raise UserError(f"{family.model_type} has no decoder; one of {', '.join(with_decoder())} has")
    return replace(
        family,
        name_map={**family.name_map, **own.name_map},
        fixed={**family.fixed, **own.fixed},
        architectures={frozenset({own.head}): own.architecture},
    )


def opens_in_transformers(family: Family) -> bool:
    """Whether `transformers` opens an encoder of the family with its decoder."""
    return family.decoder is not None and family.decoder.in_transformers


def build_translator(family: Family, config: EncoderConfig, decoder_config: EncoderConfig) -> Translator:
    """A translator with the family's head over the vocabulary."""
    return Translator(config, decoder_config, _head_shape(family))


def _head_shape(family: Family) -> HeadShape:
    own = decoder_family(family).decoder
    assert own is not None
    return family.heads[own.head].shape


def read_translator(pair: Pair, weights: WeightFiles, source: str) -> Translator:
    """The model with the weights of a folder; its sizes are compared with theirs before memory is taken.

    Raises:
        UserError: weights missing, left over or of another shape.
    """
    with shapes_only():
        translator = pair.build()
    plans = plan_translator(pair.family, translator, weights.shapes, source)
    for (prefix, plan), model in zip(plans.items(), _models(pair.family, translator), strict=True):
        fill(model, plan, lambda names, prefix=prefix: _read(weights, prefix, names))  # type: ignore[misc]
    return translator


def plan_translator(
    family: Family, translator: Translator, foreign: Mapping[str, tuple[int, ...]], source: str
) -> dict[str, Assignment]:
    """How the weights of a folder fill both sides, by the side.

    Raises:
        UserError: weights missing, left over or of another shape.
    """
    sides = {ENCODER: family, DECODER: decoder_family(family)}
    shapes: dict[str, dict[str, tuple[int, ...]]] = {name: {} for name in sides}
    for name, shape in foreign.items():
        prefix, _, rest = name.partition(".")
        if prefix not in sides:
            raise UserError(f"{source}: {name} belongs neither to the encoder nor to the decoder")
        shapes[prefix][rest] = shape
    return {
        name: assign(sides[name], model, shapes[name], f"{source}: {name}", complete=True)
        for name, model in zip(sides, _models(family, translator), strict=True)
    }


def _read(weights: WeightFiles, prefix: str, names: Collection[str]) -> dict[str, Tensor]:
    found = weights.read([f"{prefix}.{name}" for name in names])
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in found.items()}


def _models(family: Family, translator: Translator) -> tuple[Model, Model]:
    """Encoder and decoder as models of their own, which hold the translator's modules: only for their names."""
    assert family.decoder is not None
    head = family.decoder.head
    with shapes_only():
        encoder = Model(translator.config, ())
        decoder = Model(translator.decoder_config, {head: translator.shapes[HEAD]})
    encoder.encoder = translator.encoder
    decoder.encoder = translator.decoder  # type: ignore[assignment]
    decoder.heads[head] = translator.head
    return encoder, decoder


def translator_to_theirs(family: Family, translator: Translator) -> dict[str, Tensor]:
    """The model's weights under the names of the layout."""
    encoder, decoder = _models(family, translator)
    bare = state_to_theirs(family, encoder)
    return {
        **{f"{ENCODER}.{name.removeprefix(family.base_prefix)}": tensor for name, tensor in bare.items()},
        **{f"{DECODER}.{name}": tensor for name, tensor in state_to_theirs(decoder_family(family), decoder).items()},
    }


def translator_config_to_theirs(
    family: Family, translator: Translator, settings: Mapping[str, Any], token_ids: Mapping[str, int]
) -> dict[str, Any]:
    """A `config.json` as a dictionary; `settings` are keys that both tables keep as they are.

    Raises:
        UserError: the family has no decoder, or a field cannot be expressed.
    """
    decoding = decoder_family(family)
    assert decoding.decoder is not None
    kept = {key: value for key, value in settings.items() if key in family.kept}
    return {
        "model_type": MODEL_TYPE,
        "architectures": [ARCHITECTURE],
        "is_encoder_decoder": True,
        ENCODER: {**config_to_theirs(family, translator.config, ()), **kept},
        DECODER: {**config_to_theirs(decoding, translator.decoder_config, {decoding.decoder.head}), **kept},
        **token_ids,
        **settings.get(DECODING, {}),
    }
