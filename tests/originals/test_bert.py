"""Google's layout of BERT → a model folder: the numbers of `transformers` on the same weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForPreTraining, BertForQuestionAnswering, BertForSequenceClassification

from encodery.batch import Sequence, pack
from encodery.errors import UserError
from encodery.originals.bert import find
from encodery.originals.original import to_folder
from tests.originals.bundle import write_bundle

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", *(f"##{c}" for c in "abcdefgh"), "the", "sea"]
SIZES = {
    "vocab_size": len(TOKENS),
    "hidden_size": 14,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 19,
    "max_position_embeddings": 17,
}
IN_ORIGINAL = {
    "cls.predictions.bias": "cls/predictions/output_bias",
    "cls.seq_relationship.weight": "cls/seq_relationship/output_weights",
    "cls.seq_relationship.bias": "cls/seq_relationship/output_bias",
    "classifier.weight": "output_weights",
    "classifier.bias": "output_bias",
    "qa_outputs.weight": "cls/squad/output_weights",
    "qa_outputs.bias": "cls/squad/output_bias",
}


def original_name(name: str) -> str:
    """What modeling.py and run_pretraining.py of google-research/bert call a weight of `transformers`."""
    if name in IN_ORIGINAL:
        return IN_ORIGINAL[name]
    parts = name.replace("layer.", "layer_").split(".")
    if parts[-2] == "LayerNorm":
        parts[-1] = {"weight": "gamma", "bias": "beta"}[parts[-1]]
    elif parts[-2].endswith("_embeddings"):
        parts.pop()
    elif parts[-1] == "weight":
        parts[-1] = "kernel"
    return "/".join(parts)


def write_original(folder: Path, model: torch.nn.Module, tokens: list[str], **extra: np.ndarray) -> None:
    tensors: dict[str, np.ndarray] = {}
    for name, parameter in model.named_parameters():
        values = parameter.detach().numpy()
        theirs = original_name(name)
        tensors[theirs] = np.ascontiguousarray(values.T) if theirs.endswith("kernel") else values
    folder.mkdir(exist_ok=True)
    write_bundle(folder / "bert_model.ckpt", tensors | extra)
    (folder / "bert_config.json").write_text(json.dumps({**SIZES, "hidden_act": "gelu", "pooler_num_fc_layers": 3}))
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")


@pytest.fixture
def theirs() -> BertForPreTraining:
    torch.manual_seed(5)
    model = BertForPreTraining(BertConfig(**SIZES)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    return model


IDS, TYPES = [2, 7, 11, 3, 9, 22, 3], [0, 0, 0, 0, 1, 1, 1]


def test_pretraining_checkpoint_gives_the_same_logits(tmp_path: Path, theirs: BertForPreTraining) -> None:
    slots = {"bert/pooler/dense/kernel/adam_m": np.ones((14, 14), "float32"), "global_step": np.array(7, "int64")}
    write_original(tmp_path, theirs, TOKENS, **slots)
    original = find(tmp_path)
    assert original is not None
    folder = to_folder(original)
    assert set(folder.model.heads) == {"mlm", "nsp"}
    folder.model.eval()
    with torch.no_grad():
        expected = theirs(torch.tensor([IDS]), token_type_ids=torch.tensor([TYPES]))
        batch = pack([Sequence(IDS, TYPES)])
        hidden = folder.model.encoder(batch)
        mlm = folder.model.heads["mlm"](hidden)
        nsp = folder.model.heads["nsp"](folder.model.pool(hidden[batch.first_tokens]))
    torch.testing.assert_close(mlm, expected.prediction_logits[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(nsp, expected.seq_relationship_logits, atol=1e-5, rtol=0)


def test_a_fine_tuned_checkpoint_brings_its_classifier(tmp_path: Path) -> None:
    torch.manual_seed(7)
    theirs = BertForSequenceClassification(BertConfig(**SIZES, num_labels=5)).eval()
    write_original(tmp_path, theirs, TOKENS)
    original = find(tmp_path / "bert_model.ckpt.index")
    assert original is not None
    folder = to_folder(original)
    assert folder.labels == tuple(f"LABEL_{i}" for i in range(5))
    folder.model.eval()
    with torch.no_grad():
        expected = theirs(torch.tensor([IDS]), token_type_ids=torch.tensor([TYPES])).logits
        batch = pack([Sequence(IDS, TYPES)])
        logits = folder.model.heads["sequence"](folder.model.pool(folder.model.encoder(batch, batch.first_tokens)))
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)


def test_a_checkpoint_of_run_squad_brings_its_spans(tmp_path: Path) -> None:
    torch.manual_seed(11)
    theirs = BertForQuestionAnswering(BertConfig(**SIZES)).eval()
    pooler = {
        "bert/pooler/dense/kernel": np.ones((14, 14), "float32"),
        "bert/pooler/dense/bias": np.ones(14, "float32"),
    }
    write_original(tmp_path, theirs, TOKENS, **pooler)  # built there by every script, read by no span
    original = find(tmp_path)
    assert original is not None
    folder = to_folder(original)
    assert (list(folder.model.heads), folder.labels) == (["span"], ())
    with torch.no_grad():
        expected = theirs(torch.tensor([IDS]), token_type_ids=torch.tensor([TYPES]))
        logits = folder.model.eval().logits("span", pack([Sequence(IDS, TYPES)]))
    torch.testing.assert_close(logits[:, 0], expected.start_logits[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(logits[:, 1], expected.end_logits[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("tokens", "lowercase"), [(TOKENS, True), ([*TOKENS[:-1], "Sea"], False)])
def test_case_is_told_by_the_vocabulary(
    tmp_path: Path, theirs: BertForPreTraining, tokens: list[str], lowercase: bool
) -> None:
    write_original(tmp_path, theirs, tokens)
    original = find(tmp_path / "bert_model.ckpt")
    assert original is not None
    tokenizer = to_folder(original).tokenizer
    ids = tokenizer.encode("The").input_ids[1:-1]
    assert ids == ([tokenizer.token_to_id("the")] if lowercase else [tokenizer.unk_token_id])


def test_a_weight_that_is_left_over_is_named(tmp_path: Path, theirs: BertForPreTraining) -> None:
    write_original(tmp_path, theirs, TOKENS, **{"bert/adapter/kernel": np.ones((2, 3), "float32")})
    original = find(tmp_path)
    assert original is not None
    with pytest.raises(UserError, match=r"not known: bert\.adapter\.weight"):
        to_folder(original)


def test_a_weight_that_is_missing_is_named(tmp_path: Path, theirs: BertForPreTraining) -> None:
    del theirs.bert.encoder.layer[1].output.dense.bias
    write_original(tmp_path, theirs, TOKENS)
    original = find(tmp_path)
    assert original is not None
    with pytest.raises(UserError, match=r"missing: bert\.encoder\.layer\.1\.output\.dense\.bias"):
        to_folder(original)


def test_another_models_vocabulary_is_refused(tmp_path: Path, theirs: BertForPreTraining) -> None:
    write_original(tmp_path, theirs, TOKENS[:-2])
    original = find(tmp_path)
    assert original is not None
    with pytest.raises(UserError, match="has 21 tokens, but vocab_size is 23; the two belong to different models"):
        to_folder(original)


def test_two_checkpoints_in_one_folder(tmp_path: Path, theirs: BertForPreTraining) -> None:
    write_original(tmp_path, theirs, TOKENS)
    write_bundle(tmp_path / "other", {"x": np.ones(3, "float32")})
    with pytest.raises(UserError, match=r"holds 2 checkpoints \(bert_model\.ckpt\.index, other\.index\)"):
        find(tmp_path)


def test_nothing_of_the_kind(tmp_path: Path) -> None:
    assert find(tmp_path) is None
    assert find(tmp_path / "model.pt") is None
