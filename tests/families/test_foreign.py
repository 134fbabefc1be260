"""Folders of every family that cannot be read as they are, and the ones that transformers 2 to 4 left behind."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from encodery.families import FAMILIES
from encodery.families.family import Coded, Family
from encodery.families.folder import load_folder, save_folder
from encodery.serve.predictor import load
from encodery.text.tokenizer import Tokenizer
from tests.families.conftest import (
    HIDDEN,
    LABELS,
    WEIGHTS,
    Case,
    assert_same_outputs,
    complaint,
    edit_config,
    edit_weights,
    example_batch,
    our_outputs,
    save_theirs,
    their_outputs,
)


@pytest.fixture(params=list(FAMILIES.values()), ids=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> Family:
    assert isinstance(request.param, Family)
    return request.param


@pytest.fixture
def mlm(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A masked language model of each family."""
    return save_theirs(Case(family, frozenset({"mlm"})).build(), tokenizer, tmp_path / "theirs")


def theirs_of(family: Family, ours: str, layer: int = 1) -> str:
    """Their first name of a weight of ours."""
    parts = family.name_map[ours]
    return (parts if isinstance(parts, str) else parts[0]).format(layer)


def test_missing_and_extra_weights_are_listed_side_by_side(family: Family, mlm: Path) -> None:
    name = theirs_of(family, "layers.{}.mlp.up.bias")
    edit_weights(mlm, lambda state: {n.replace(name, f"{name}s"): tensor for n, tensor in state.items()})
    assert complaint(mlm) == (
        f"FOLDER/model.safetensors: the weights do not fit a {family.model_type} of 2 layers; "
        f"missing: {name}; not known: {name}s"
    )


def test_a_layer_too_many(family: Family, mlm: Path) -> None:
    name = theirs_of(family, "layers.{}.attention.out.bias", layer=2)
    edit_weights(mlm, lambda state: state | {name: torch.zeros(HIDDEN)})
    assert complaint(mlm).endswith(f"missing: nothing; not known: {name}")


def test_a_weight_of_another_shape(family: Family, mlm: Path) -> None:
    name = theirs_of(family, "layers.{}.attention.out.weight")
    edit_weights(mlm, lambda state: state | {name: torch.zeros(31, HIDDEN)})
    assert complaint(mlm) == (
        f"FOLDER/model.safetensors: {name} has shape (31, {HIDDEN}), but config.json asks for ({HIDDEN}, {HIDDEN})"
    )


def test_memory_for_impossible_sizes_is_never_taken(family: Family, mlm: Path) -> None:
    for field in ("vocab_size", "max_position_embeddings"):
        key = family.config_map[field]
        assert isinstance(key, str)
        before = json.loads((mlm / "config.json").read_text())[key]
        edit_config(mlm, **{key: 1 << 24})
        if field == "vocab_size" or "embeddings.position.weight" in family.name_map:
            assert f"but config.json asks for (16777216, {HIDDEN})" in complaint(mlm)
        else:  # no table of them
            assert load_folder(mlm).model.config.num_positions == 1 << 24
        edit_config(mlm, **{key: 1 << 25})
        assert complaint(mlm).endswith(f"{field} = 33554432: input should be less than or equal to 16777216")
        edit_config(mlm, **{key: before})
    assert load_folder(mlm).fresh == ()


def test_tied_weights_that_are_two(family: Family, mlm: Path) -> None:
    """A copy in the file is taken as what it is a copy of; one that differs is another model."""
    for copy, original in family.tied.items():
        edit_weights(mlm, lambda state, copy=copy, original=original: state | {copy: state[original].clone()})  # type: ignore[misc]
        assert load_folder(mlm).fresh == ()
        edit_weights(mlm, lambda state, copy=copy: state | {copy: state[copy] + 1e-3})  # type: ignore[misc]
        assert complaint(mlm) == (
            f"FOLDER/model.safetensors: {copy} and {original} must be the same weight, but differ; a model trained "
            "with untied weights is not supported, load it without its vocabulary head"
        )
        assert load_folder(mlm, heads=()).fresh == ()
        edit_weights(mlm, lambda state, copy=copy: {n: t for n, t in state.items() if n != copy})  # type: ignore[misc]


def test_only_the_values_of_a_coded_key_are_allowed(family: Family, mlm: Path) -> None:
    for entry in family.config_map.values():
        if isinstance(entry, Coded):
            before = json.loads((mlm / "config.json").read_text())[entry.key]
            edit_config(mlm, **{entry.key: "perhaps"})
            assert complaint(mlm) == (
                f"FOLDER/config.json: {entry.key} = 'perhaps' is not supported; only "
                f"{' or '.join(map(repr, entry.values.values()))} is"
            )
            edit_config(mlm, **{entry.key: before})


def test_what_is_fixed_is_refused_by_name(family: Family, mlm: Path) -> None:
    for key, value in family.fixed.items():
        before = (mlm / "config.json").read_text()
        edit_config(mlm, **{key: "other"})
        assert complaint(mlm).startswith(f"FOLDER/config.json: {key} = 'other'")
        assert complaint(mlm).endswith(f"is not supported; only {value!r} is")
        (mlm / "config.json").write_text(before)


@pytest.fixture
def xlm(tokenizer: Tokenizer, tmp_path: Path) -> Path:
    return save_theirs(Case(FAMILIES["xlm"], frozenset({"mlm"})).build(), tokenizer, tmp_path / "theirs")


def test_adaptive_softmax_is_refused_in_words(xlm: Path) -> None:
    edit_config(xlm, asm=True)
    assert complaint(xlm) == (
        "FOLDER/config.json: asm = True (an adaptive softmax over the vocabulary) is not supported; only False is"
    )


def test_language_vectors_that_the_config_denies(xlm: Path) -> None:
    edit_config(xlm, use_lang_emb=False)
    assert complaint(xlm).endswith("missing: nothing; not known: transformer.lang_embeddings.weight")
    edit_config(xlm, use_lang_emb=True, n_langs=7)
    assert complaint(xlm) == (
        "FOLDER/model.safetensors: transformer.lang_embeddings.weight has shape (5, 42), "
        "but config.json asks for (7, 42)"
    )


def test_an_xlm_of_2019(xlm: Path, tmp_path: Path) -> None:
    """Old keys in its config, languages by name; what is saved has today's keys and still the languages."""
    languages = {"ar": 0, "bg": 1, "de": 2, "el": 3, "en": 4}
    values = json.loads((xlm / "config.json").read_text())
    old = {"n_words": values.pop("vocab_size"), "pad_index": values.pop("pad_token_id"), "lang2id": languages}
    (xlm / "config.json").write_text(json.dumps(values | old))
    loaded = load_folder(xlm)
    assert (loaded.model.config.vocab_size, loaded.model.config.pad_token_id) == (101, 2)
    assert loaded.settings["lang2id"] == languages
    ours = tmp_path / "ours"
    ours.mkdir()
    save_folder(ours, loaded)
    written = json.loads((ours / "config.json").read_text())
    assert (written["vocab_size"], written["pad_token_id"], written["lang2id"]) == (101, 2, languages)
    assert "n_words" not in written


@pytest.mark.parametrize("model_type", ["roberta", "xlm-roberta"])
def test_positions_follow_the_padding_token(model_type: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    case = Case(FAMILIES[model_type], frozenset({"mlm"}))
    for padding in (0, 1, 2):
        theirs = case.build(pad_token_id=padding)
        loaded = load_folder(save_theirs(theirs, tokenizer, tmp_path / str(padding)))
        assert loaded.model.config.position_offset == padding + 1
        assert loaded.model.config.num_positions == 32 - 1 - padding
        batch = example_batch()
        assert_same_outputs(our_outputs(loaded.model, batch), their_outputs(theirs, case, batch))


def test_texts_are_read_up_to_the_positions_behind_the_offset(tokenizer: Tokenizer, tmp_path: Path) -> None:
    predictor = load(build("roberta", "sequence", tokenizer, tmp_path / "theirs"))
    assert predictor.folder.model.config.max_position_embeddings == 32
    assert predictor.task.reading.max_seqlen == 29
    (prediction,) = predictor.predict(["sun " * 101])  # the last token of a window has the last row
    assert "truncated" not in prediction
    assert sum(prediction["scores"].values()) == pytest.approx(1)


def build(model_type: str, head: str, tokenizer: Tokenizer, path: Path, labels: tuple[str, ...] = LABELS) -> Path:
    return save_theirs(Case(FAMILIES[model_type], frozenset({head})).build(labels), tokenizer, path)


@pytest.mark.parametrize(
    ("model_type", "there", "wanted"),
    [
        ("bert", "token", "sequence"),
        ("bert", "choice", "sequence"),
        ("distilbert", "sequence", "token"),
        ("distilbert", "choice", "sequence"),
        ("roberta", "choice", "token"),
        ("xlm", "choice", "sequence"),
    ],
)
def test_weights_of_another_kind_of_head_are_not_taken_for_this_one(
    model_type: str, there: str, wanted: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """They have the same names, and may have the same shapes."""
    folder = build(model_type, there, tokenizer, tmp_path / "theirs", labels=("LABEL_0",))
    loaded = load_folder(folder, (wanted,), ("LABEL_0",), seed=5)
    fresh = {name for name in loaded.model.state_dict() if name.startswith("heads.")}
    assert fresh
    assert fresh <= set(loaded.fresh)
    assert not any(name.startswith("encoder.") for name in loaded.fresh)


def test_a_head_that_the_class_leaves_out_but_the_file_holds(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """As in the first releases of BERT, which announce masked LM and hold both pretraining heads."""
    case = Case(FAMILIES["bert"], frozenset({"mlm", "nsp"}))
    folder = save_theirs(case.build(), tokenizer, tmp_path / "theirs")
    edit_config(folder, architectures=["BertForMaskedLM"])
    loaded = load_folder(folder, ("mlm", "nsp"))
    assert loaded.fresh == ()
    assert_same_outputs(
        our_outputs(loaded.model, example_batch()), their_outputs(case.build(), case, example_batch())
    )


def test_a_head_that_the_family_lacks(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = build("xlm", "mlm", tokenizer, tmp_path / "theirs")
    assert (
        complaint(folder, heads=("nsp",)) == "xlm has no head 'nsp'; it has mlm, sequence, token, span, beam, choice"
    )


@pytest.mark.parametrize("problem_type", ["regression", "multi_label_classification", "single_label_classification"])
def test_what_the_logits_mean_travels_in_the_config(
    family: Family, problem_type: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    labels = ("LABEL_0",) if problem_type == "regression" else LABELS
    case = Case(family, frozenset({"sequence"}))
    theirs = case.build(labels)
    folder = save_theirs(theirs, tokenizer, tmp_path / "theirs")
    edit_config(folder, problem_type=problem_type)
    loaded = load_folder(folder)
    assert (loaded.labels, loaded.problem_type) == (labels, problem_type)
    assert_same_outputs(our_outputs(loaded.model, example_batch()), their_outputs(theirs, case, example_batch()))
    ours = tmp_path / "ours"
    ours.mkdir()
    save_folder(ours, loaded)
    written = json.loads((ours / "config.json").read_text())
    assert written["problem_type"] == problem_type
    assert list(written["id2label"].values()) == list(labels)


def test_one_label_is_a_regression(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = build("roberta", "sequence", tokenizer, tmp_path / "theirs", labels=("LABEL_0",))
    ours = tmp_path / "ours"
    ours.mkdir()
    save_folder(ours, load_folder(folder))
    assert json.loads((ours / "config.json").read_text())["problem_type"] == "regression"


def test_the_number_of_labels_alone(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = build("xlm-roberta", "sequence", tokenizer, tmp_path / "theirs")
    edit_config(folder, id2label=None, label2id=None, num_labels=3)
    assert load_folder(folder).labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    for wrong in (0, "3", 10**12):
        edit_config(folder, num_labels=wrong)
        assert complaint(folder) == (
            f"FOLDER/config.json: num_labels = {wrong!r}; a whole number from 1 to 1048576 is needed"
        )


def test_a_problem_that_is_not_known(bert_folder: Path) -> None:
    edit_config(bert_folder, problem_type="ranking")
    assert complaint(bert_folder) == (
        "FOLDER/config.json: problem_type = 'ranking' is not supported; one of regression, "
        "single_label_classification, multi_label_classification is"
    )


def test_several_labels_at_once_are_not_predicted_as_one(bert_folder: Path) -> None:
    edit_config(bert_folder, problem_type="multi_label_classification")
    (prediction,) = load(bert_folder).predict(["sun mare"])
    assert tuple(prediction["scores"]) == LABELS
    assert sum(prediction["scores"].values()) != pytest.approx(1.0)  # a sigmoid each
    assert prediction["label"] == [label for label, score in prediction["scores"].items() if score > 0.5]


def test_the_tokenizer_must_fit_the_embeddings(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> None:
    case = Case(family, frozenset({"mlm"}))
    folder = save_theirs(case.build(vocab_size=89), tokenizer, tmp_path / "theirs")
    assert complaint(folder) == (
        "FOLDER: the tokenizer has 97 tokens, but config.json's vocab_size is 89; the two belong to different models"
    )


def test_a_pickle_is_never_read(mlm: Path) -> None:
    (mlm / WEIGHTS).unlink()
    (mlm / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    assert "a pickle can run code and is never read" in complaint(mlm)


def test_an_index_that_leads_elsewhere(mlm: Path) -> None:
    state: dict[str, Tensor] = load_file(mlm / WEIGHTS)
    (mlm / WEIGHTS).rename(mlm.parent / WEIGHTS)
    table: dict[str, Any] = {"weight_map": dict.fromkeys(state, f"../{WEIGHTS}")}
    (mlm / f"{WEIGHTS}.index.json").write_text(json.dumps(table))
    assert "names the file '../model.safetensors', which is not in FOLDER" in complaint(mlm)
