"""What must hold for every registered family: maps that cover everything once, both ways."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import Family, config_from_theirs, config_to_theirs
from encodery.families.name_map import canonical_name, has_pooler, names, state_to_theirs
from encodery.model.config import EncoderConfig
from encodery.objectives.config import ObjectiveConfig
from encodery.text.tokenizer import parse_spec
from tests.families.conftest import Case, tiny


@pytest.fixture(params=list(FAMILIES.values()), ids=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> Family:
    assert isinstance(request.param, Family)
    return request.param


def test_a_family_is_registered_under_the_name_that_config_files_give_it() -> None:
    assert all(name == family.model_type for name, family in FAMILIES.items())


def test_every_weight_has_names_on_both_sides_and_none_has_two(case: Case) -> None:
    model = case.family.model(case.config, case.heads, num_labels=3)
    mapping = names(case.family, case.config, list(model.heads), model.pooler is not None)
    ours = {name for name, _ in model.named_parameters()}  # a tied copy is not listed twice
    absent = {"encoder.embeddings.token_type.weight"}  # where there are no types
    if case.config.norm == "pre" and case.config.embedding_norm:
        absent |= {f"encoder.layers.0.attention_norm.{kind}" for kind in ("weight", "bias")}
    assert set(mapping) - ours <= absent
    assert ours <= set(mapping)
    theirs = [part for parts in mapping.values() for part in parts]
    assert len(set(theirs)) == len(theirs)
    state = {
        name.removeprefix(case.family.base_prefix): t.shape for name, t in state_to_theirs(case.family, model).items()
    }
    listed = ((case.family.tied.get(name, name), p.shape) for name, p in case.build().named_parameters())
    expected = {name.removeprefix(case.family.base_prefix): shape for name, shape in listed}
    if not case.heads:  # built without a pooler above
        expected = {name: shape for name, shape in expected.items() if not name.startswith("pooler")}
    assert state == expected


def any_config(family: Family) -> EncoderConfig:
    """Every field that the family's config.json can hold away from its default."""
    fields = {
        "vocab_size": 103,
        "hidden_size": 44,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 41,
        "hidden_act": "relu",
        "hidden_dropout_prob": 0.23,
        "attention_probs_dropout_prob": 0.29,
        "position": "sinusoidal",
        "embedding_dropout": 0.41,
        "norm_bias": True,
        "attention_bias": True,
        "mlp_bias": True,
        "global_attn_every_n_layers": 2,
        "attention_window": 8,
        "max_position_embeddings": 31,
        "rope_theta": 101.0,
        "local_rope_theta": 103.0,
        "type_vocab_size": 3,
        "num_languages": 7,
        "use_language_embeddings": False,
        "layer_norm_eps": 1e-7,
        "initializer_range": 0.03,
        "embed_init_std": 0.07,
        "classifier_dropout": 0.31,
        "classifier_pooling": "mean",
        "classifier_activation": "relu",
        "classifier_bias": True,
        "decoder_bias": False,
        "qa_dropout": 0.37,
        "pad_token_id": 5,
        "start_n_top": 7,
        "end_n_top": 11,
    }
    derived = {"position_offset", "attention_out_dropout"}
    fixed = {"norm", "embedding_norm", "gated_mlp"}
    assert set(fields) | derived | fixed == set(EncoderConfig.model_fields)
    return family.encoder({name: fields[name] for name in family.config_map}, family.model_type)


def test_a_config_survives_the_way_there_and_back(case: Case) -> None:
    config = any_config(case.family)
    theirs = config_to_theirs(case.family, config, case.heads)
    assert config_from_theirs(case.family, theirs, "config.json") == config
    assert theirs["model_type"] == case.family.model_type
    assert theirs["architectures"] == [case.architecture]


def test_a_config_is_read_by_transformers_without_loss(family: Family, tmp_path: Path) -> None:
    theirs = config_to_theirs(family, any_config(family), ())
    transformers.AutoConfig.for_model(**theirs).save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    assert config_from_theirs(family, written, "config.json") == any_config(family)


def test_what_a_config_leaves_out_is_as_in_transformers(family: Family) -> None:
    theirs = transformers.AutoConfig.for_model(family.model_type).to_dict()
    known = {family.their_key(name) for name in family.config_map}
    renamed = {new if isinstance(new, str) else new.key for new in family.new_keys.values()}
    assert known <= set(theirs) | renamed
    expected = config_from_theirs(family, theirs, "config.json")
    sizes = {"vocab_size": theirs["vocab_size"]}
    found = config_from_theirs(family, sizes, "config.json")
    assert found == expected


def test_what_follows_from_another_field_is_never_stated_otherwise(family: Family) -> None:
    config = tiny(family)
    for name, rule in family.follows.items():
        assert getattr(config, name) == rule.value(config)
        other = rule.value(config) + (1 if isinstance(rule.value(config), int) else 0.5)
        with pytest.raises(UserError) as error:
            tiny(family, **{name: other})
        assert str(error.value) == (
            f"{family.model_type}: {name} = {other} does not exist in {family.model_type}; {rule.value(config)} does"
        )


def test_names_are_made_canonical_once(family: Family) -> None:
    mapping = names(family, tiny(family), list(family.heads), True)
    for part in (part for parts in mapping.values() for part in parts):
        assert canonical_name(family, part) == part
        if part.startswith(family.base_prefix):
            assert canonical_name(family, part.removeprefix(family.base_prefix)) == part


def test_a_pooler_is_there_where_a_head_stands_on_it(case: Case) -> None:
    pooled = any(case.family.heads[head].shape.pooled for head in case.heads)
    assert (case.family.model(case.config, case.heads, num_labels=2).pooler is not None) == pooled
    assert bool(case.family.pooler_map) >= pooled


def test_every_family_has_the_heads_that_tasks_need(family: Family) -> None:
    assert {"mlm", "sequence", "token", "span", "choice"} <= set(family.heads)
    assert ("nsp" in family.heads) == family.objective["nsp"]
    for heads in ({"mlm"}, {"sequence"}, {"token"}, {"span"}, {"choice"}, set()):
        assert frozenset(heads) in family.architectures


def test_a_head_that_the_family_lacks() -> None:
    with pytest.raises(UserError) as error:
        FAMILIES["roberta"].model(tiny(FAMILIES["roberta"]), ("nsp",))
    assert str(error.value) == "roberta has no head 'nsp'; it has mlm, sequence, token, span, choice"


def test_heads_that_no_class_holds_together() -> None:
    with pytest.raises(UserError) as error:
        config_to_theirs(FAMILIES["xlm"], tiny(FAMILIES["xlm"]), ("span", "mlm"))
    assert str(error.value) == (
        "xlm has no class with the heads mlm+span; there are none, mlm, sequence, token, span, beam, choice"
    )


def test_the_objective_is_a_real_table(family: Family) -> None:
    ObjectiveConfig.parse(family.objective, family.model_type)


def test_presets_are_whole_encoders(family: Family) -> None:
    for name in family.presets:
        config = family.encoder(family.preset(name), name)
        assert config.hidden_size % config.num_attention_heads == 0
        assert config.num_positions == (8192 if config.position == "rope" else 512)


def test_a_preset_with_changes(family: Family) -> None:
    name = next(iter(family.presets))
    changed: dict[str, Any] = family.preset(name, num_hidden_layers=3, layer_norm_eps=1e-6)
    assert changed == {**family.presets[name], "num_hidden_layers": 3, "layer_norm_eps": 1e-6}


def test_a_preset_that_does_not_exist() -> None:
    with pytest.raises(UserError) as error:
        FAMILIES["bert"].preset("huge")
    assert str(error.value) == (
        "bert has no preset 'huge'; choose one of tiny, mini, small, medium, base, large, multilingual, "
        "or give the sizes field by field"
    )


def test_joined_weights_are_split_in_the_order_of_their_names() -> None:
    model = FAMILIES["bert"].model(tiny(FAMILIES["bert"]), ())
    with torch.no_grad():
        model.encoder.layers[1].attention.qkv.bias.copy_(torch.arange(126))  # type: ignore[union-attr, operator]
    state = state_to_theirs(FAMILIES["bert"], model)
    prefix = "bert.encoder.layer.1.attention.self"
    assert state[f"{prefix}.query.bias"].tolist() == list(range(42))
    assert state[f"{prefix}.key.bias"].tolist() == list(range(42, 84))
    assert state[f"{prefix}.value.bias"].tolist() == list(range(84, 126))


def test_a_pooler_is_recognised_with_and_without_prefix() -> None:
    bert = FAMILIES["bert"]
    assert has_pooler(bert, ["pooler.dense.weight", "pooler.dense.bias", "embeddings.LayerNorm.weight"])
    assert has_pooler(bert, ["bert.pooler.dense.weight", "bert.pooler.dense.bias"])
    assert not has_pooler(bert, ["bert.pooler.dense.weight", "bert.embeddings.LayerNorm.weight"])


def test_the_vocabulary_is_a_real_table(family: Family) -> None:
    assert parse_spec(family.tokenizer, family.model_type).type == family.tokenizer["type"]
