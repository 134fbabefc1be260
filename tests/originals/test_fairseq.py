"""fairseq's layout of RoBERTa and XLM-R → a model folder: the numbers of `transformers` on the same weights."""

import io
import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from tokenizers import pre_tokenizers
from transformers import (
    AutoTokenizer,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from encodery.batch import Sequence, pack
from encodery.errors import UserError
from encodery.families.folder import save_folder
from encodery.originals.importing import READERS
from encodery.originals.original import to_folder

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the")]
GPT2 = {token: index for index, token in enumerate([*BYTES, *map("".join, MERGES), "<|endoftext|>"])}
TEXT = "the sea, the thé — 海"
SIZES = {
    "hidden_size": 14,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 19,
    "max_position_embeddings": 19,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
ARGS = {
    "encoder_embed_dim": 14,
    "encoder_layers": 3,
    "encoder_attention_heads": 2,
    "encoder_ffn_embed_dim": 19,
    "activation_fn": "gelu",
    "dropout": 0.1,
    "attention_dropout": 0.0,
    "arch": "roberta_base",
}
IN_LAYERS = {
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "self_attn_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
    "output.LayerNorm": "final_layer_norm",
}


def original_state(model: torch.nn.Module, side: str = "decoder", joined: bool = True) -> dict[str, torch.Tensor]:
    """The weights of a `transformers` model under fairseq's names; older releases join query, key and value."""
    theirs = dict(model.state_dict())
    root, state = f"{side}.sentence_encoder", {}
    for name, value in theirs.items():
        prefix, _, rest = name.partition("encoder.layer.")
        if rest:
            number, _, rest = rest.partition(".")
            module, kind = rest.rsplit(".", 1)
            if module.startswith("attention.self."):
                parts = [theirs[f"{prefix}encoder.layer.{number}.attention.self.{p}.{kind}"] for p in PARTS]
                target = f"{root}.layers.{number}.self_attn"
                if joined:
                    state[f"{target}.in_proj_{kind}"] = torch.cat(parts)
                else:
                    state |= {f"{target}.{p[0]}_proj.{kind}": part for p, part in zip(PARTS, parts, strict=True)}
            else:
                state[f"{root}.layers.{number}.{IN_LAYERS[module]}.{kind}"] = value
        elif name.startswith("roberta.embeddings."):
            module, kind = name.removeprefix("roberta.embeddings.").rsplit(".", 1)
            if module in IN_EMBEDDINGS:
                state[f"{root}.{IN_EMBEDDINGS[module]}.{kind}"] = value
        elif name.startswith("lm_head."):
            state[f"{side}.{name.replace('lm_head.decoder.weight', 'lm_head.weight')}"] = value
        elif name.startswith("classifier."):
            state[f"classification_heads.mnli.{name.removeprefix('classifier.')}"] = value
    state.pop(f"{side}.lm_head.decoder.bias", None)
    return state


PARTS = ("query", "key", "value")
IN_EMBEDDINGS = {
    "word_embeddings": "embed_tokens",
    "position_embeddings": "embed_positions",
    "LayerNorm": "emb_layer_norm",
}


def write_release(folder: Path, state: dict[str, Any], **options: Any) -> Path:
    """A release of RoBERTa: the dictionary counts GPT-2's ids in another order and fills up with made-up words."""
    folder.mkdir(exist_ok=True)
    torch.save({"args": Namespace(**ARGS | options), "model": state}, folder / "model.pt")
    entries = [str(index) for index in reversed(range(len(GPT2)))] + ["madeupword0000"]
    (folder / "dict.txt").write_text("".join(f"{entry} {7}\n" for entry in entries))
    (folder / "encoder.json").write_text(json.dumps(GPT2))
    (folder / "vocab.bpe").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in MERGES))
    return folder


VOCAB_SIZE = 4 + len(GPT2) + 1 + 1


def random_roberta(kind: Callable[..., Any] = RobertaForMaskedLM, **options: Any) -> Any:
    torch.manual_seed(5)
    model = kind(RobertaConfig(vocab_size=VOCAB_SIZE, **SIZES, **options)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.3)
            if "token_type" in name:
                parameter.zero_()  # fairseq has none
    return model


@pytest.mark.parametrize(("side", "joined"), [("decoder", True), ("encoder", False)])
def test_roberta_gives_the_same_logits(tmp_path: Path, side: str, joined: bool) -> None:
    theirs = random_roberta()
    state = original_state(theirs, side, joined)
    state[f"{side}.sentence_encoder.version"] = torch.tensor([3.0])
    original = READERS["roberta"](write_release(tmp_path / "roberta", state))
    assert original is not None
    folder = to_folder(original)
    folder.model.eval()
    ids = folder.tokenizer.encode(TEXT).input_ids[:17]
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits[0]
        ours = folder.model.logits("mlm", pack([Sequence(ids)]))
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_the_ids_are_those_of_the_dictionary(tmp_path: Path) -> None:
    original = READERS["roberta"](write_release(tmp_path / "roberta", original_state(random_roberta())))
    assert original is not None
    folder = to_folder(original)
    the = 4 + len(GPT2) - 1 - GPT2["the"]  # the dictionary lists GPT-2's ids from the last to the first
    assert folder.tokenizer.encode("the").input_ids == [0, the, 2]
    assert folder.tokenizer.mask_token_id == VOCAB_SIZE - 1
    save_folder(tmp_path, folder)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs(TEXT)["input_ids"] == folder.tokenizer.encode(TEXT).input_ids


def test_a_fine_tuned_roberta_brings_its_classifier(tmp_path: Path) -> None:
    theirs = random_roberta(RobertaForSequenceClassification, num_labels=3)
    state = original_state(random_roberta()) | original_state(theirs)
    original = READERS["roberta"](write_release(tmp_path / "mnli", state))
    assert original is not None
    folder = to_folder(original)
    folder.model.eval()
    ids = folder.tokenizer.encode("the sea", "the the").input_ids
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits
        ours = folder.model.logits("sequence", pack([Sequence(ids)]))
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_xlm_r_gives_the_same_logits_and_ids(tmp_path: Path) -> None:
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([TEXT, "a sea of the sea", "the théâtre"] * 5),
        model_writer=trained,
        vocab_size=31,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    torch.manual_seed(5)
    theirs = XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=pieces.vocab_size() + 2, **SIZES)).eval()
    with torch.no_grad():
        theirs.roberta.embeddings.token_type_embeddings.weight.zero_()
    folder = write_release(tmp_path / "xlmr", original_state(theirs))
    # the dictionary leaves out the three pieces that fairseq has of its own
    entries = [pieces.id_to_piece(index) for index in range(3, pieces.vocab_size())]
    (folder / "dict.txt").write_text("".join(f"{entry} 1\n" for entry in entries))
    (folder / "sentencepiece.bpe.model").write_bytes(trained.getvalue())
    original = READERS["xlm-roberta"](folder / "model.pt")
    assert original is not None
    imported = to_folder(original)
    imported.model.eval()
    ids = imported.tokenizer.encode("the sea").input_ids
    shifted = [index + 1 if index else 3 for index in pieces.encode("the sea")]
    assert ids == [0, *shifted, 2]
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits[0]
        ours = imported.model.logits("mlm", pack([Sequence(ids)]))
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('code of a checkpoint was run')",)


def test_code_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"args": Namespace(), "model": {}, "extra": Malicious()}, tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"model\.pt: holds a .*exec, .*; a file that could run code is never read"):
        READERS["roberta"](tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a whole checkpoint of PyTorch"),
        (b"PK\x03\x04 cut", "not a whole checkpoint of PyTorch"),
    ],
)
def test_damage_is_a_message(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        READERS["roberta"](tmp_path)


def test_every_cut_of_a_file_is_a_message(tmp_path: Path) -> None:
    whole = write_release(tmp_path / "r", {"w": torch.zeros(3)}) / "model.pt"
    content = whole.read_bytes()
    for end in range(0, len(content), 37):
        whole.write_bytes(content[:end])
        with pytest.raises(UserError, match=r"model\.pt: "):
            READERS["roberta"](whole)


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"model": {}}, "not a checkpoint of fairseq, which holds `args` and `model`"),
        ([1], "holds a list, but a checkpoint is a table"),
        ({"args": Namespace(dropout=0.1), "model": {}}, "not a RoBERTa of fairseq: no encoder_embed_dim"),
    ],
)
def test_another_checkpoint(tmp_path: Path, saved: Any, message: str) -> None:
    write_release(tmp_path, {})
    torch.save(saved, tmp_path / "model.pt")
    with pytest.raises(UserError, match=message):
        READERS["roberta"](tmp_path)


def test_two_heads_are_one_too_many(tmp_path: Path) -> None:
    state = {f"classification_heads.{name}.dense.weight": torch.zeros(2, 2) for name in ("mnli", "rte")}
    with pytest.raises(UserError, match="holds the heads mnli, rte; a model folder has one"):
        READERS["roberta"](write_release(tmp_path, state))


@pytest.mark.parametrize("name", ["dict.txt", "encoder.json", "vocab.bpe"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_release(tmp_path / "r", original_state(random_roberta()))
    (folder / name).unlink()
    with pytest.raises(UserError, match=rf"{name}: no such file; the tokenizer's files must lie beside"):
        READERS["roberta"](folder)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"decoder.lm_head.bias": 7}, "'decoder.lm_head.bias' is a int, but a weight is a tensor with a name"),
        ({3: torch.zeros(2)}, "3 is a Tensor, but a weight is a tensor with a name"),
        (
            {"decoder.sentence_encoder.layers.0.self_attn.in_proj_bias": torch.zeros(7)},
            r"decoder\S+in_proj_bias has shape \(7,\), but holds query, key and value",
        ),
    ],
)
def test_what_is_no_weight_is_named(tmp_path: Path, state: dict[Any, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"model\.pt: {message}"):
        READERS["roberta"](write_release(tmp_path, state))


@pytest.mark.parametrize("name", ["dict.txt", "encoder.json", "vocab.bpe"])
def test_a_file_that_is_no_text_is_named(tmp_path: Path, name: str) -> None:
    folder = write_release(tmp_path / "r", original_state(random_roberta()))
    (folder / name).write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match=rf"{name}: cannot be read as"):
        READERS["roberta"](folder)
