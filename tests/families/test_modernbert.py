"""What ModernBERT alone brings: its config in two forms, its head taken over by a new task, its places of dropout."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import config_from_theirs, config_to_theirs
from encodery.families.folder import ModelFolder, load_folder, save_folder
from encodery.families.name_map import names
from encodery.model import layers
from encodery.model.attention import attend
from encodery.model.config import EncoderConfig
from encodery.text.tokenizer import Tokenizer
from tests.families.conftest import (
    LABELS,
    Case,
    assert_same_outputs,
    complaint,
    edit_config,
    edit_weights,
    example_batch,
    our_outputs,
    save_theirs,
    their_outputs,
    tiny,
)
from tests.families.test_heads import make_visible

FAMILY = FAMILIES["modernbert"]
# Of the files as they were published with transformers 4.48: what decides about the mathematics, and what does not.
PUBLISHED: dict[str, Any] = {
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 50281,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "classifier_dropout": 0.0,
    "classifier_pooling": "mean",
    "cls_token_id": 50281,
    "decoder_bias": True,
    "deterministic_flash_attn": False,
    "embedding_dropout": 0.0,
    "eos_token_id": 50282,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "gradient_checkpointing": False,
    "hidden_activation": "gelu",
    "hidden_size": 768,
    "initializer_cutoff_factor": 2.0,
    "initializer_range": 0.02,
    "intermediate_size": 1152,
    "layer_norm_eps": 1e-05,
    "local_attention": 128,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "model_type": "modernbert",
    "norm_bias": False,
    "norm_eps": 1e-05,
    "num_attention_heads": 12,
    "num_hidden_layers": 22,
    "pad_token_id": 50283,
    "position_embedding_type": "absolute",
    "reference_compile": True,
    "sep_token_id": 50282,
    "tie_word_embeddings": True,
    "vocab_size": 50368,
}


def read(theirs: dict[str, Any]) -> EncoderConfig:
    return config_from_theirs(FAMILY, theirs, "config.json")


def refusal(**changes: Any) -> str:
    with pytest.raises(UserError) as error:
        read(PUBLISHED | changes)
    return str(error.value)


def layer_types(*numbers: int, count: int = 22) -> list[str]:
    return ["full_attention" if number in numbers else "sliding_attention" for number in range(count)]


def test_the_published_config_is_the_preset() -> None:
    config = read(PUBLISHED)
    assert config == FAMILY.encoder(FAMILY.preset("base"), "base")
    assert [number for number in range(22) if config.is_global(number)] == [0, 3, 6, 9, 12, 15, 18, 21]
    assert (config.norm, config.position, config.gated_mlp, config.embedding_norm) == ("pre", "rope", True, True)
    assert (config.rope_theta, config.local_rope_theta, config.attention_window) == (160_000.0, 10_000.0, 128)


def test_what_is_written_has_the_published_keys() -> None:
    """Those that every release of transformers reads, and other tools."""
    written = config_to_theirs(FAMILY, read(PUBLISHED), ("mlm",))
    assert {key: PUBLISHED[key] for key in written if key != "architectures"} == {
        key: value for key, value in written.items() if key != "architectures"
    }
    config = transformers.AutoConfig.for_model(**written)
    assert config.rope_parameters["full_attention"] == {"rope_type": "default", "rope_theta": 160_000.0}
    assert config.rope_parameters["sliding_attention"] == {"rope_type": "default", "rope_theta": 10_000.0}
    assert config.layer_types == layer_types(*range(0, 22, 3))


def test_the_keys_of_transformers_5_win() -> None:
    bases = {"full_attention": {"rope_theta": 1009.0}, "sliding_attention": {"rope_theta": 101.0}}
    config = read(PUBLISHED | {"rope_parameters": bases, "layer_types": layer_types(*range(0, 22, 5))})
    assert (config.rope_theta, config.local_rope_theta, config.global_attn_every_n_layers) == (1009.0, 101.0, 5)
    only = {key: value for key, value in PUBLISHED.items() if "rope" not in key and "every" not in key}
    assert read(only | {"layer_types": layer_types(*range(0, 22, 7))}).global_attn_every_n_layers == 7
    assert read(only | {"layer_types": None, "rope_parameters": None}) == read(PUBLISHED)


@pytest.mark.parametrize("wrong", [layer_types(1, 4), layer_types(0, 3, 4), ["full_attention", "other"], [], "full"])
def test_layers_in_another_order_are_refused(wrong: Any) -> None:
    assert refusal(layer_types=wrong) == (
        f"config.json: layer_types = {wrong!r:.80} is not supported; only 'full_attention' at the first and every "
        "n-th layer and 'sliding_attention' at all others is"
    )


def test_scaled_positions_are_refused() -> None:
    for kind in ("full_attention", "sliding_attention"):
        assert refusal(rope_parameters={kind: {"rope_type": "yarn", "factor": 4.0}}) == (
            f"config.json: rope_parameters.{kind}.rope_type = 'yarn' is not supported; only 'default' is"
        )


def test_a_base_that_is_no_number() -> None:
    expected = "config.json: local_rope_theta = None: input should be a valid number"
    assert refusal(local_rope_theta=None) == expected


def case_of(*heads: str) -> Case:
    return Case(FAMILY, frozenset(heads))


def outputs_agree(case: Case, tokenizer: Tokenizer, path: Path, **fields: Any) -> None:
    changed = config_to_theirs(FAMILY, tiny(FAMILY, **fields), case.heads)
    theirs = case.build(**changed)
    loaded = load_folder(save_theirs(theirs, tokenizer, path))
    assert loaded.fresh == ()
    batch = example_batch()
    assert_same_outputs(our_outputs(loaded.model, batch), their_outputs(theirs, case, batch))
    path.joinpath("ours").mkdir()
    save_folder(path / "ours", loaded)
    again = getattr(transformers, case.architecture).from_pretrained(path / "ours").eval()
    assert_same_outputs(our_outputs(loaded.model, batch), their_outputs(again, case, batch))


@torch.no_grad()
@pytest.mark.parametrize("head", ["mlm", "sequence", "token", "span", "choice"])
def test_the_published_form_without_biases(head: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    plain = dict.fromkeys(("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"), False)
    outputs_agree(case_of(head), tokenizer, tmp_path, **plain, classifier_pooling="cls", classifier_activation="gelu")


@torch.no_grad()
@pytest.mark.parametrize(
    "fields",
    [
        {"decoder_bias": False},
        {"global_attn_every_n_layers": 1},
        {"num_hidden_layers": 5, "global_attn_every_n_layers": 3},
        {"attention_window": 1},
        {"attention_window": 12},
        {"attention_window": 1009},
        {"hidden_act": "relu"},
    ],
    ids=str,
)
def test_every_setting_means_what_it_means_in_transformers(
    fields: dict[str, Any], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    outputs_agree(case_of("mlm"), tokenizer, tmp_path, **fields)


@torch.no_grad()
def test_a_new_head_keeps_what_the_heads_have_in_common(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """As in transformers: dense layer and norm come from masked LM, the classifier is new."""
    theirs = case_of("mlm").build()
    folder = save_theirs(theirs, tokenizer, tmp_path / "theirs")
    loaded = load_folder(folder, ("sequence",), LABELS)
    assert loaded.fresh == ("heads.sequence.out.weight", "heads.sequence.out.bias")
    state = loaded.model.state_dict()
    assert torch.equal(state["heads.sequence.dense.weight"], theirs.state_dict()["head.dense.weight"])
    assert torch.equal(state["heads.sequence.norm.bias"], theirs.state_dict()["head.norm.bias"])
    other = load_folder(folder, ("sequence",), LABELS, seed=5).model.state_dict()
    assert not torch.equal(state["heads.sequence.out.weight"], other["heads.sequence.out.weight"])


def test_other_labels_draw_the_classifier_alone(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = save_theirs(case_of("sequence").build(), tokenizer, tmp_path / "theirs")
    assert load_folder(folder, ("sequence",), ("no", "yes")).fresh == (
        "heads.sequence.out.weight",
        "heads.sequence.out.bias",
    )
    assert load_folder(folder, ("token",), LABELS).fresh == ("heads.token.out.weight", "heads.token.out.bias")


def test_half_of_what_is_common_is_never_completed_at_random(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = save_theirs(case_of("mlm").build(), tokenizer, tmp_path / "theirs")
    edit_weights(folder, lambda state: {name: t for name, t in state.items() if name != "head.norm.bias"})
    assert complaint(folder, heads=("sequence",), labels=LABELS).endswith(
        "missing: head.norm.bias; not known: nothing"
    )
    edit_weights(folder, lambda state: {name: t for name, t in state.items() if not name.startswith("head.")})
    fresh = load_folder(folder, ("sequence",), LABELS).fresh
    assert {name.split(".")[2] for name in fresh} == {"dense", "norm", "out"}


def test_special_tokens_are_those_of_the_tokenizer(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """A config that leaves them out has ids of the published vocabulary in transformers."""
    model = FAMILY.model(tiny(FAMILY, vocab_size=97), ("mlm",))
    save_folder(tmp_path, ModelFolder(FAMILY, model, tokenizer))
    written = json.loads((tmp_path / "config.json").read_text())
    assert {written["cls_token_id"], written["bos_token_id"]} == {tokenizer.cls_token_id}
    assert {written["sep_token_id"], written["eos_token_id"]} == {tokenizer.sep_token_id}
    edit_config(tmp_path, bos_token_id=31, initializer_cutoff_factor=3.0)
    settings = load_folder(tmp_path).settings  # what a folder says stays
    assert (settings["bos_token_id"], settings["initializer_cutoff_factor"]) == (31, 3.0)


@torch.no_grad()
def test_dropout_stands_where_transformers_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A factor that its probability decides stands in for dropout on both sides; attention's own is left out."""
    chances = {"hidden_dropout_prob": 0.23, "embedding_dropout": 0.31, "attention_probs_dropout_prob": 0.37}
    case = case_of()
    config = tiny(FAMILY, **chances)
    assert config.attention_out_dropout == 0.37
    theirs = case.build(**config_to_theirs(FAMILY, config, ()))
    ours = FAMILY.model(config, ())
    ours.load_state_dict(load_state(theirs, config))
    assert len(list(make_visible(theirs))) == 1 + 2 * config.num_hidden_layers
    monkeypatch.setattr(layers, "dropout", lambda x, p: x * (1 + p))
    monkeypatch.setattr(
        layers, "attend", lambda qkv, batch, groups, heads, p, reach: attend(qkv, batch, groups, heads, 0.0, reach)
    )
    batch = example_batch()
    found = {"hidden": ours.train().encoder(batch)}
    assert_same_outputs(found, their_outputs(theirs, case, batch))


def load_state(theirs: Any, config: EncoderConfig) -> dict[str, torch.Tensor]:
    """Their weights under our names."""
    state = theirs.state_dict()
    mapping = names(FAMILY, config, (), pooler=False)
    pairs = ((ours, theirs_name.removeprefix("model.")) for ours, (theirs_name,) in mapping.items())
    return {ours: state[name] for ours, name in pairs if name in state}
