"""What must hold for every registered family: maps that cover everything once, both ways."""

from typing import Any

import pytest
import torch

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import (
    Family,
    canonical_name,
    config_from_theirs,
    config_to_theirs,
    has_pooler,
    names,
    state_to_theirs,
)
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.objectives.objective import ObjectiveConfig
from encodery.text.tokenizer import parse_spec
from tests.families.conftest import TINY, Case


@pytest.fixture(params=list(FAMILIES.values()), ids=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> Family:
    assert isinstance(request.param, Family)
    return request.param


def test_a_family_is_registered_under_the_name_that_config_files_give_it() -> None:
    assert all(name == family.model_type for name, family in FAMILIES.items())


def test_every_weight_has_names_on_both_sides_and_none_has_two(case: Case) -> None:
    model = Model(TINY, case.heads, num_labels=3)
    mapping = names(case.family, TINY, list(model.heads), model.pooler is not None)
    ours = {name for name, _ in model.named_parameters()}  # a tied copy is not listed twice
    assert set(mapping) == ours
    theirs = [part for parts in mapping.values() for part in parts]
    assert len(set(theirs)) == len(theirs)
    state = {
        name.removeprefix(case.family.base_prefix): t.shape for name, t in state_to_theirs(case.family, model).items()
    }
    expected = {n.removeprefix(case.family.base_prefix): p.shape for n, p in case.build().named_parameters()}
    if not case.heads:  # built without a pooler above
        expected = {name: shape for name, shape in expected.items() if not name.startswith("pooler")}
    assert state == expected


def test_a_config_survives_the_way_there_and_back(case: Case) -> None:
    config = EncoderConfig(
        vocab_size=103,
        hidden_size=34,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=41,
        hidden_act="gelu_new",
        hidden_dropout_prob=0.23,
        attention_probs_dropout_prob=0.29,
        max_position_embeddings=31,
        type_vocab_size=3,
        layer_norm_eps=1e-7,
        initializer_range=0.03,
        pad_token_id=5,
    )
    theirs = config_to_theirs(case.family, config, case.heads)
    assert config_from_theirs(case.family, theirs, "config.json") == config
    assert theirs["model_type"] == case.family.model_type
    assert theirs["architectures"] == [case.architecture]


def test_names_are_made_canonical_once(family: Family) -> None:
    mapping = names(family, TINY, list(family.heads), True)
    for part in (part for parts in mapping.values() for part in parts):
        assert canonical_name(family, part) == part
        if part.startswith(family.base_prefix):
            assert canonical_name(family, part.removeprefix(family.base_prefix)) == part


def test_heads_that_stand_on_the_pooler_get_one(family: Family) -> None:
    for name, head in family.heads.items():
        assert (Model(TINY, (name,), num_labels=2).pooler is not None) == head.pooled


def test_defaults_are_those_of_real_tables(family: Family) -> None:
    assert parse_spec(family.tokenizer, family.model_type).type == family.tokenizer["type"]
    ObjectiveConfig.parse(family.objective, family.model_type)


def test_presets_are_whole_encoders(family: Family) -> None:
    for name in family.presets:
        config = EncoderConfig.parse({"vocab_size": 30_522, **family.preset(name)}, name)
        assert config.hidden_size % config.num_attention_heads == 0


def test_a_preset_with_changes(family: Family) -> None:
    name = next(iter(family.presets))
    changed: dict[str, Any] = family.preset(name, num_hidden_layers=3, layer_norm_eps=1e-6)
    assert changed == {**family.presets[name], "num_hidden_layers": 3, "layer_norm_eps": 1e-6}


def test_a_preset_that_does_not_exist() -> None:
    with pytest.raises(UserError) as error:
        FAMILIES["bert"].preset("huge")
    assert str(error.value) == (
        "bert has no preset 'huge'; choose one of tiny, mini, small, medium, base, large, "
        "or give the sizes field by field"
    )


def test_joined_weights_are_split_in_the_order_of_their_names() -> None:
    model = Model(TINY, ())
    with torch.no_grad():
        model.encoder.layers[1].attention.qkv.bias.copy_(torch.arange(99))  # type: ignore[union-attr, operator]
    state = state_to_theirs(FAMILIES["bert"], model)
    prefix = "bert.encoder.layer.1.attention.self"
    assert state[f"{prefix}.query.bias"].tolist() == list(range(33))
    assert state[f"{prefix}.key.bias"].tolist() == list(range(33, 66))
    assert state[f"{prefix}.value.bias"].tolist() == list(range(66, 99))


def test_a_pooler_is_recognised_with_and_without_prefix() -> None:
    bert = FAMILIES["bert"]
    assert has_pooler(bert, ["pooler.dense.weight", "pooler.dense.bias", "embeddings.LayerNorm.weight"])
    assert has_pooler(bert, ["bert.pooler.dense.weight", "bert.pooler.dense.bias"])
    assert not has_pooler(bert, ["bert.pooler.dense.weight", "bert.embeddings.LayerNorm.weight"])
