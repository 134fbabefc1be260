"""Model folders: read from `transformers`, written for `transformers`, bit for bit; and what can be wrong."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor

from encodery.artifact import publish
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, load_folder, save_folder
from encodery.model.heads import Model
from encodery.text.tokenizer import Tokenizer
from tests.families.conftest import (
    HIDDEN,
    LABELS,
    WEIGHTS,
    Case,
    assert_same_outputs,
    by_heads,
    complaint,
    edit_weights,
    example_batch,
    our_outputs,
    save_theirs,
    their_inputs,
    their_outputs,
    tiny,
)

AUTO_CLASSES = {
    frozenset(): "AutoModel",
    frozenset({"mlm"}): "AutoModelForMaskedLM",
    frozenset({"nsp"}): "AutoModelForNextSentencePrediction",
    frozenset({"mlm", "nsp"}): "AutoModelForPreTraining",
    frozenset({"sequence"}): "AutoModelForSequenceClassification",
    frozenset({"token"}): "AutoModelForTokenClassification",
    frozenset({"span"}): "AutoModelForQuestionAnswering",
    frozenset({"beam"}): "XLMForQuestionAnswering",  # no automatic class leads to it
    frozenset({"choice"}): "AutoModelForMultipleChoice",
}


def reopen(folder: Path, case: Case) -> Any:
    """As `transformers` opens it for the task; nothing may be missing or left over."""
    auto = getattr(transformers, AUTO_CLASSES[case.heads])
    model, info = auto.from_pretrained(folder, output_loading_info=True)
    assert type(model).__name__ == case.architecture
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    return model.eval()


one_of_each_family = pytest.mark.parametrize(
    "case", [Case(family, frozenset({"mlm"})) for family in FAMILIES.values()], ids=by_heads
)


def test_outputs_equal_those_of_transformers(case: Case, folder: Path) -> None:
    loaded = load_folder(folder)
    assert loaded.fresh == ()
    assert frozenset(loaded.model.heads) == case.heads
    batch = example_batch()
    assert_same_outputs(our_outputs(loaded.model, batch), their_outputs(reopen(folder, case), case, batch))


def test_weights_survive_the_way_there_and_back_bit_for_bit(case: Case, folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for source, target in ((folder, first), (first, second)):
        target.mkdir()
        save_folder(target, load_folder(source))
    theirs = reopen(first, case)
    expected, found = case.build().state_dict(), theirs.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (first / WEIGHTS).read_bytes() == (second / WEIGHTS).read_bytes()
    assert (first / "config.json").read_text() == (second / "config.json").read_text()
    batch = example_batch()
    assert_same_outputs(our_outputs(load_folder(first).model, batch), their_outputs(theirs, case, batch))


@one_of_each_family
def test_the_automatic_classes_open_what_is_saved(case: Case, folder: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    save_folder(ours, load_folder(folder))
    config = transformers.AutoConfig.from_pretrained(ours)
    assert config.architectures == [case.architecture]
    inputs = their_inputs(case.config, example_batch())
    hidden = transformers.AutoModel.from_pretrained(ours).eval().double()(**inputs).last_hidden_state
    mask = inputs["attention_mask"].bool()
    model = load_folder(ours).model.eval()
    torch.testing.assert_close(model.encoder(example_batch()).double(), hidden[mask], atol=1e-5, rtol=0.0)
    theirs = transformers.AutoTokenizer.from_pretrained(ours)
    text, pair = "sun mare  Lento", "una rosa"
    encoding = load_folder(ours).tokenizer.encode(text, pair)
    assert theirs(text, pair)["input_ids"] == encoding.input_ids
    assert theirs(text, pair, return_token_type_ids=True)["token_type_ids"] == encoding.token_type_ids


@one_of_each_family
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_checkpoints_are_read_exactly(
    case: Case, tokenizer: Tokenizer, tmp_path: Path, dtype: torch.dtype
) -> None:
    theirs = case.build().to(dtype)
    loaded = load_folder(save_theirs(theirs, tokenizer, tmp_path / "theirs"))
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    target = tmp_path / "ours"
    target.mkdir()
    save_folder(target, loaded)
    found = reopen(target, case).state_dict()
    assert all(torch.equal(found[name], tensor.float()) for name, tensor in theirs.state_dict().items())


@one_of_each_family
def test_a_checkpoint_in_several_files(case: Case, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = save_theirs(case.build(), tokenizer, tmp_path / "theirs", max_shard_size="20KB")
    assert len(list(folder.glob("*.safetensors"))) > 2
    batch = example_batch()
    expected = their_outputs(case.build(), case, batch)
    assert_same_outputs(our_outputs(load_folder(folder).model, batch), expected)


def test_a_pooler_that_no_head_reads_is_passed_over(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Early releases of transformers saved one in every file."""
    case = Case(FAMILIES["roberta"], frozenset({"sequence"}))
    folder = save_theirs(case.build(), tokenizer, tmp_path / "theirs")
    names = case.family.pooler_map.values()
    edit_weights(folder, lambda state: state | {str(name): torch.zeros(HIDDEN) for name in names})
    loaded = load_folder(folder)
    assert (loaded.model.pooler, loaded.fresh) == (None, ())


def test_the_encoder_of_any_checkpoint_loads_alone(case: Case, folder: Path) -> None:
    loaded = load_folder(folder, heads=())
    model = transformers.AutoModel.from_pretrained(folder).eval()
    batch = example_batch()
    assert_same_outputs(
        our_outputs(loaded.model, batch), their_outputs(model, replace(case, heads=frozenset()), batch)
    )


def test_a_new_head_on_any_checkpoint_starts_fresh(case: Case, folder: Path) -> None:
    loaded = load_folder(folder, heads=("sequence",), labels=("no", "yes"), seed=5)
    assert loaded.labels == ("no", "yes")
    assert {"heads.sequence.out.weight", "heads.sequence.out.bias"} <= set(loaded.fresh)
    assert not any(name.startswith("encoder.") for name in loaded.fresh)
    weight = loaded.model.state_dict()["heads.sequence.out.weight"]
    assert weight.shape == (2, case.config.hidden_size)
    assert weight.std().item() == pytest.approx(case.config.initializer_range, rel=0.3)
    again = load_folder(folder, heads=("sequence",), labels=("no", "yes"), seed=5).model.state_dict()
    other = load_folder(folder, heads=("sequence",), labels=("no", "yes"), seed=7).model.state_dict()
    assert torch.equal(weight, again["heads.sequence.out.weight"])
    assert not torch.equal(weight, other["heads.sequence.out.weight"])


def test_the_head_stays_when_the_labels_are_the_same(bert_folder: Path) -> None:
    kept = load_folder(bert_folder, ("sequence",), LABELS)
    assert kept.fresh == ()
    expected = load_file(bert_folder / WEIGHTS)["classifier.weight"]
    assert torch.equal(kept.model.state_dict()["heads.sequence.out.weight"], expected)
    reordered = load_folder(bert_folder, ("sequence",), LABELS[::-1])
    assert reordered.fresh == ("heads.sequence.out.weight", "heads.sequence.out.bias")


def test_labels_travel_in_the_config(bert: Case, bert_folder: Path, tmp_path: Path) -> None:
    loaded = load_folder(bert_folder)
    assert loaded.labels == LABELS
    ours = tmp_path / "ours"
    ours.mkdir()
    save_folder(ours, loaded)
    written = json.loads((ours / "config.json").read_text())
    assert written["id2label"] == {"0": "bad", "1": "good", "2": "neither"}
    assert written["label2id"] == {"bad": 0, "good": 1, "neither": 2}
    assert written["problem_type"] == "single_label_classification"
    assert reopen(ours, bert).config.id2label == dict(enumerate(LABELS))


def test_two_labels_that_the_config_leaves_out(bert: Case, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = save_theirs(bert.build(("LABEL_0", "LABEL_1")), tokenizer, tmp_path / "theirs")
    assert "id2label" not in json.loads((folder / "config.json").read_text())
    loaded = load_folder(folder)
    assert loaded.labels == ("LABEL_0", "LABEL_1")
    assert loaded.fresh == ()


def test_what_encodery_json_says_is_kept(bert_folder: Path, tmp_path: Path) -> None:
    loaded = replace(load_folder(bert_folder), info={"task": "text-classification", "max_seqlen": 23})
    ours = tmp_path / "ours"
    ours.mkdir()
    save_folder(ours, loaded)
    info = load_folder(ours).info
    assert (info["task"], info["max_seqlen"]) == ("text-classification", 23)
    assert "encodery_version" in info
    assert load_folder(bert_folder).info == {}


def test_a_checkpoint_with_old_names_buffers_and_copies(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """As the original release of BERT was converted in 2018."""
    case = Case(FAMILIES["bert"], frozenset({"mlm", "nsp"}))
    folder = save_theirs(case.build(), tokenizer, tmp_path / "theirs")

    def age(state: dict[str, Tensor]) -> dict[str, Tensor]:
        old = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
            for name, tensor in state.items()
        }
        old["bert.embeddings.position_ids"] = torch.arange(29)[None]
        old["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"].clone()
        old["cls.predictions.decoder.bias"] = state["cls.predictions.bias"].clone()
        return old

    edit_weights(folder, age)
    assert any(name.endswith("gamma") for name in load_file(folder / WEIGHTS))
    loaded = load_folder(folder)
    assert loaded.fresh == ()
    batch = example_batch()
    assert_same_outputs(our_outputs(loaded.model, batch), their_outputs(case.build(), case, batch))


def test_a_copy_stands_in_for_the_weight_it_is_a_copy_of(tokenizer: Tokenizer, tmp_path: Path) -> None:
    case = Case(FAMILIES["bert"], frozenset({"mlm"}))
    folder = save_theirs(case.build(), tokenizer, tmp_path / "theirs")

    def rename(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            {"cls.predictions.bias": "cls.predictions.decoder.bias"}.get(name, name): tensor
            for name, tensor in state.items()
        }

    edit_weights(folder, rename)
    batch = example_batch()
    expected = their_outputs(case.build(), case, batch)
    assert_same_outputs(our_outputs(load_folder(folder).model, batch), expected)


def test_a_bare_encoder_without_its_pooler(tokenizer: Tokenizer, tmp_path: Path) -> None:
    case = Case(FAMILIES["bert"], frozenset())
    folder = save_theirs(case.build(), tokenizer, tmp_path / "theirs")
    edit_weights(folder, lambda state: {n: t for n, t in state.items() if not n.startswith("pooler.")})
    loaded = load_folder(folder)
    assert loaded.model.pooler is None
    fresh = load_folder(folder, ("sequence",), LABELS).fresh
    assert "pooler.dense.weight" in fresh


def test_a_model_without_token_types_keeps_its_weights(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = Model(tiny(FAMILIES["bert"], type_vocab_size=0), ("mlm",))
    model.initialize(3)
    save_folder(tmp_path, ModelFolder(FAMILIES["bert"], model, tokenizer))
    found = load_folder(tmp_path).model.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in model.state_dict().items())


def published(folder: Path, target: Path) -> Path:
    """Our own artifact of a folder, with the hash of every file."""
    loaded = load_folder(folder)
    with publish(target, {"stage": "finetune", "key": "0" * 64}) as into:
        save_folder(into, loaded)
    return target


@one_of_each_family
def test_a_published_model_loads_and_opens_with_transformers(case: Case, folder: Path, tmp_path: Path) -> None:
    ours = published(folder, tmp_path / "ours")
    batch = example_batch()
    expected = their_outputs(reopen(ours, case), case, batch)
    assert_same_outputs(our_outputs(load_folder(ours).model, batch), expected)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_one_flipped_bit_of_a_published_model_is_found(bert_folder: Path, tmp_path: Path, name: str) -> None:
    ours = published(bert_folder, tmp_path / "ours")
    content = bytearray((ours / name).read_bytes())
    content[len(content) * 2 // 3] ^= 1
    (ours / name).write_bytes(content)
    message = complaint(ours)
    assert message.startswith(f"FOLDER/{name}: damaged, sha256 is ")
    assert message.endswith("; restore the folder from a copy, or delete it and run again")


def test_a_published_model_that_lost_its_end(bert_folder: Path, tmp_path: Path) -> None:
    ours = published(bert_folder, tmp_path / "ours")
    content = (ours / WEIGHTS).read_bytes()
    (ours / WEIGHTS).write_bytes(content[:-1])
    assert complaint(ours).startswith(
        f"FOLDER/model.safetensors: {len(content) - 1:,} bytes instead of {len(content):,};"
    )


def test_a_copy_of_a_folder_reads_the_same(bert_folder: Path, tmp_path: Path) -> None:
    """Nothing in a folder depends on where it lies."""
    ours = published(bert_folder, tmp_path / "ours")
    moved = shutil.copytree(ours, tmp_path / "moved")
    batch = example_batch()
    first, second = (our_outputs(load_folder(path).model, batch)["sequence"] for path in (ours, moved))
    assert torch.equal(first, second)
