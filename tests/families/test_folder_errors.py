"""Folders that cannot be read as they are: what is wrong, in which file, and what is allowed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from encodery.families import FAMILIES
from encodery.families.folder import load_folder
from encodery.text.tokenizer import Tokenizer
from tests.families.conftest import LABELS, Case, complaint, edit_config, edit_weights, save_theirs

FAMILIES_ARE = "one of bert, distilbert, roberta, xlm, xlm-roberta, xlm-roberta-xl, modernbert is"


def drop(*names: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda state: {name: tensor for name, tensor in state.items() if name not in names}


def test_missing_and_unknown_weights_are_listed_side_by_side(bert_folder: Path) -> None:
    old = "bert.encoder.layer.1.attention.self.key.bias"
    edit_weights(bert_folder, lambda state: {n.replace("self.key.bias", "self.k.bias"): t for n, t in state.items()})
    assert complaint(bert_folder) == (
        "FOLDER/model.safetensors: the weights do not fit a bert of 2 layers; "
        f"missing: {old.replace('.1.', '.0.')}, {old}; "
        "not known: bert.encoder.layer.0.attention.self.k.bias, bert.encoder.layer.1.attention.self.k.bias"
    )


def test_long_lists_are_cut(bert_folder: Path) -> None:
    edit_config(bert_folder, num_hidden_layers=5)
    message = complaint(bert_folder)
    assert "a bert of 5 layers; missing: bert.encoder.layer.2.attention.output.LayerNorm.bias, " in message
    assert message.endswith(" and 40 more; not known: nothing")
    edit_config(bert_folder, num_hidden_layers=1)
    message = complaint(bert_folder)
    assert "a bert of 1 layers; missing: nothing; not known: bert.encoder.layer.1." in message
    assert message.endswith(" and 8 more")


@pytest.mark.parametrize(
    "lost", [("classifier.bias",), ("classifier.bias", "classifier.weight"), ("bert.pooler.dense.weight",)], ids=str
)
def test_a_head_that_the_config_announces_must_be_there(bert_folder: Path, lost: tuple[str, ...]) -> None:
    edit_weights(bert_folder, drop(*lost))
    assert complaint(bert_folder) == (
        "FOLDER/model.safetensors: the weights do not fit a bert of 2 layers; "
        f"missing: {', '.join(lost)}; not known: nothing"
    )


def test_half_a_head_is_never_completed_at_random(bert_folder: Path) -> None:
    edit_weights(bert_folder, drop("classifier.bias"))
    assert "missing: classifier.bias;" in complaint(bert_folder, heads=("sequence",), labels=LABELS)
    edit_weights(bert_folder, drop("classifier.weight"))
    assert load_folder(bert_folder, ("sequence",), LABELS).fresh == (
        "heads.sequence.out.weight",
        "heads.sequence.out.bias",
    )


def test_the_same_weight_twice(bert_folder: Path) -> None:
    name = "bert.embeddings.LayerNorm.weight"
    edit_weights(bert_folder, lambda state: state | {"bert.embeddings.LayerNorm.gamma": state[name].clone()})
    message = complaint(bert_folder)
    assert message.endswith("are the same weight")
    assert name in message
    assert "bert.embeddings.LayerNorm.gamma" in message


@pytest.mark.parametrize(
    ("name", "shape", "wanted"),
    [
        ("bert.embeddings.word_embeddings.weight", (100, 42), (101, 42)),
        ("bert.encoder.layer.1.attention.self.value.weight", (41, 42), (42, 42)),
        ("bert.encoder.layer.0.intermediate.dense.bias", (36,), (37,)),
        ("classifier.weight", (2, 42), (3, 42)),
        ("bert.pooler.dense.bias", (), (42,)),
    ],
)
def test_a_wrong_shape(bert_folder: Path, name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    edit_weights(bert_folder, lambda state: state | {name: torch.zeros(shape)})
    expected = f"FOLDER/model.safetensors: {name} has shape {shape}, but config.json asks for {wanted}"
    assert complaint(bert_folder) == expected


def test_joined_weights_whose_sizes_only_add_up(bert_folder: Path) -> None:
    def shift(state: dict[str, Tensor]) -> dict[str, Tensor]:
        prefix = "bert.encoder.layer.0.attention.self."
        return state | {f"{prefix}query.bias": torch.zeros(41), f"{prefix}key.bias": torch.zeros(43)}

    edit_weights(bert_folder, shift)
    assert "layer.0.attention.self.query.bias has shape (41,), but config.json asks for (42,)" in complaint(
        bert_folder
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model_type": "gpt2"}, f"model_type = 'gpt2' is not supported; {FAMILIES_ARE}"),
        ({"model_type": None}, f"model_type = None is not supported; {FAMILIES_ARE}"),
        ({"model_type": ["bert"]}, f"model_type = ['bert'] is not supported; {FAMILIES_ARE}"),
        (
            {"architectures": ["BertLMHeadModel"]},
            "architectures = ['BertLMHeadModel'] is not supported; one of BertModel, BertForMaskedLM, "
            "BertForNextSentencePrediction, BertForPreTraining, BertForSequenceClassification, "
            "BertForTokenClassification, BertForQuestionAnswering, BertForMultipleChoice is",
        ),
        (
            {"architectures": None},
            "architectures = [None] is not supported; one of BertModel, BertForMaskedLM, "
            "BertForNextSentencePrediction, BertForPreTraining, BertForSequenceClassification, "
            "BertForTokenClassification, BertForQuestionAnswering, BertForMultipleChoice is",
        ),
        (
            {"position_embedding_type": "relative_key"},
            "position_embedding_type = 'relative_key' is not supported; only 'absolute' is",
        ),
        ({"is_decoder": True}, "is_decoder = True is not supported; only False is"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings = False is not supported; only True is"),
        ({"hidden_act": "silu"}, "hidden_act = 'silu': input should be 'gelu', 'gelu_new' or 'relu'"),
        ({"vocab_size": None}, "missing key 'vocab_size'"),
        ({"vocab_size": 10**12}, "vocab_size = 1000000000000: input should be less than or equal to 16777216"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers = 1000000, but the weights hold only 41 tensors"),
        ({"hidden_size": 43}, "hidden_size = 43 cannot be shared by num_attention_heads = 3; choose a divisor"),
        (
            {"id2label": {"0": "a", "2": "b"}},
            "id2label = {'0': 'a', '2': 'b'}; its keys must be the numbers 0 to n-1",
        ),
        ({"id2label": ["a", "b"]}, "id2label = ['a', 'b']; its keys must be the numbers 0 to n-1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_config_that_cannot_be_honoured(bert_folder: Path, changes: dict[str, Any], expected: str) -> None:
    edit_config(bert_folder, **changes)
    assert complaint(bert_folder) == f"FOLDER/config.json: {expected}"


@pytest.mark.parametrize("name", ["vocab_size", "max_position_embeddings", "intermediate_size", "type_vocab_size"])
def test_memory_for_impossible_sizes_is_never_taken(bert_folder: Path, name: str) -> None:
    edit_config(bert_folder, **{name: 1 << 24})
    message = complaint(bert_folder)
    assert message.startswith("FOLDER/model.safetensors: bert.")
    assert "but config.json asks for (16777216," in message


def test_a_config_that_is_not_json(bert_folder: Path) -> None:
    (bert_folder / "config.json").write_text("{'model_type': 'bert'}")
    assert complaint(bert_folder).startswith("FOLDER/config.json: not valid JSON (")
    (bert_folder / "config.json").unlink()
    assert complaint(bert_folder) == "FOLDER/config.json: no such file"


def test_no_folder(tmp_path: Path) -> None:
    expected = "FOLDER: no such folder; a model folder has config.json, model.safetensors and a tokenizer"
    assert complaint(tmp_path / "none") == expected


def test_a_tokenizer_of_another_model(bert: Case, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = save_theirs(bert.build(vocab_size=89), tokenizer, tmp_path / "theirs")
    assert complaint(folder) == (
        "FOLDER: the tokenizer has 97 tokens, but config.json's vocab_size is 89; the two belong to different models"
    )


def test_no_tokenizer(bert_folder: Path) -> None:
    for name in ("tokenizer.json", "vocab.txt"):
        (bert_folder / name).unlink()
    assert "no tokenizer in it" in complaint(bert_folder)


@pytest.mark.parametrize("number", [5, -1, "1", None, True, 1.0])
def test_a_language_without_a_vector(tokenizer: Tokenizer, tmp_path: Path, number: object) -> None:
    case = Case(FAMILIES["xlm"], frozenset({"mlm"}))
    folder = save_theirs(case.build(), tokenizer, tmp_path / "theirs")
    edit_config(folder, lang2id={"de": 3, "en": number})
    assert complaint(folder) == (
        f"FOLDER/config.json: lang2id holds {number!r}; it must give each language a number below 5"
    )


def test_the_languages_of_a_folder(tokenizer: Tokenizer, tmp_path: Path) -> None:
    case = Case(FAMILIES["xlm"], frozenset({"mlm"}))
    folder = save_theirs(case.build(), tokenizer, tmp_path / "theirs")
    assert load_folder(folder).languages == {}
    edit_config(folder, lang2id={"de": 3, "en": 0})
    assert load_folder(folder).languages == {"de": 3, "en": 0}
    edit_config(folder, lang2id=["de", "en"])
    assert complaint(folder).startswith("FOLDER/config.json: lang2id holds ['de', 'en']; ")
    plain = Case(FAMILIES["bert"], frozenset({"mlm"}))
    assert load_folder(save_theirs(plain.build(), tokenizer, tmp_path / "bert")).languages is None


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_link_out_of_the_folder(bert_folder: Path, tmp_path: Path, name: str) -> None:
    (bert_folder / name).rename(tmp_path / "elsewhere")
    (bert_folder / name).symlink_to(tmp_path / "elsewhere")
    assert complaint(bert_folder) == (
        f"FOLDER/{name}: a symbolic link that leads out of the folder; put the file itself there"
    )
    (bert_folder / name).unlink()
    (tmp_path / "elsewhere").rename(bert_folder / "inside")
    (bert_folder / name).symlink_to("inside")
    assert load_folder(bert_folder).fresh == ()


def test_the_cache_of_the_hub_is_made_of_links(bert_folder: Path, tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "models--x" / "snapshots" / "0123abc", tmp_path / "models--x" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, path in enumerate(sorted(bert_folder.iterdir())):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(Path("../../blobs") / str(number))
    assert load_folder(snapshot).fresh == ()
    (snapshot / "README.md").symlink_to("/etc/hostname")
    assert complaint(snapshot) == (
        "FOLDER/README.md: a symbolic link that leads out of the folder; put the file itself there"
    )


def test_a_link_to_a_folder_may_be_given(bert_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(bert_folder)
    assert load_folder(tmp_path / "latest").fresh == ()


def test_a_file_in_the_place_of_a_folder(bert_folder: Path) -> None:
    assert complaint(bert_folder / "config.json") == (
        "FOLDER: a file, not a folder; a model folder has config.json, model.safetensors and a tokenizer"
    )


def test_an_empty_folder(tmp_path: Path) -> None:
    assert complaint(tmp_path) == "FOLDER/config.json: no such file"
