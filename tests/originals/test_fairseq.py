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
    AutoModelForMaskedLM,
    AutoTokenizer,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
    XLMRobertaXLConfig,
    XLMRobertaXLForMaskedLM,
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
    "attention.self_attn_layer_norm": "self_attn_layer_norm",  # these two in XLM-R XL
    "LayerNorm": "final_layer_norm",
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
        elif name.startswith("roberta.encoder.LayerNorm."):
            state[f"{root}.layer_norm.{name.rsplit('.', 1)[1]}"] = value
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


def early(options: Any) -> dict[str, Any]:
    """The options as releases up to 0.9 wrote them."""
    return {"args": options}


def late(options: Any) -> dict[str, Any]:
    """The same of later ones: a table for each subject, plain values in it but for what had options of its own."""
    subjects = {"_name": None, "common": {"fp16": True, "seed": 1}, "task": Namespace(task="masked_lm"), "bpe": None}
    optimizer = {"optimizer_name": "MemoryEfficientFP16Optimizer", "num_updates": 7}
    extra = {"train_iterator": {"epoch": 3}, "val_loss": 1.5}
    told = {"cfg": {**subjects, "model": options}, "optimizer_history": [optimizer], "extra_state": extra}
    return {"args": None, **told, "criterion": None, "task_state": {}}


Layout = Callable[[Any], dict[str, Any]]


def write_release(folder: Path, state: dict[str, Any], layout: Layout = early, **options: Any) -> Path:
    """A release of RoBERTa: the dictionary counts GPT-2's ids in another order and fills up with made-up words."""
    folder.mkdir(exist_ok=True)
    torch.save({**layout(Namespace(**ARGS | options)), "model": state}, folder / "model.pt")
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


@pytest.mark.parametrize(
    ("side", "joined", "layout"),
    [("decoder", True, early), ("encoder", False, late), ("encoder", False, lambda args: late(vars(args)))],
)
def test_roberta_gives_the_same_logits(tmp_path: Path, side: str, joined: bool, layout: Layout) -> None:
    theirs = random_roberta()
    state = original_state(theirs, side, joined)
    state[f"{side}.sentence_encoder.version"] = torch.tensor([3.0])
    original = READERS["roberta"](write_release(tmp_path / "roberta", state, layout))
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


@pytest.fixture(scope="module")
def sentencepiece_model() -> bytes:
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([TEXT, "a sea of the sea", "the théâtre"] * 5),
        model_writer=trained,
        vocab_size=31,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return trained.getvalue()


def write_xlm_r(folder: Path, state: dict[str, Any], sentencepiece_model: bytes, layout: Layout = early) -> Path:
    """A release of XLM-R: the dictionary leaves out the three pieces that fairseq has of its own."""
    write_release(folder, state, layout)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model)
    entries = [pieces.id_to_piece(index) for index in range(3, pieces.vocab_size())]
    (folder / "dict.txt").write_text("".join(f"{entry} 1\n" for entry in entries))
    (folder / "sentencepiece.bpe.model").write_bytes(sentencepiece_model)
    return folder


def random_xlm_r(family: str, rows: int) -> Any:
    """With weights that half precision holds exactly."""
    model_kind, config_kind = XLM_RS[family]
    torch.manual_seed(5)
    model = model_kind(config_kind(vocab_size=rows, **SIZES)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(parameter.normal_(0, 0.3).half())
            if "token_type" in name:
                parameter.zero_()
    return model


XLM_RS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "xlm-roberta": (XLMRobertaForMaskedLM, XLMRobertaConfig),
    "xlm-roberta-xl": (XLMRobertaXLForMaskedLM, XLMRobertaXLConfig),
}


def rows_of(family: str, sentencepiece_model: bytes) -> int:
    """As many as there are tokens; in XLM-R XL filled up to a multiple of eight, by as many as that if it is one."""
    tokens = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model).vocab_size() + 2
    return tokens if family == "xlm-roberta" else tokens // 8 * 8 + 8


@pytest.mark.parametrize(("family", "layout"), [("xlm-roberta", early), ("xlm-roberta-xl", late)])
def test_xlm_r_gives_the_same_logits_and_ids(
    tmp_path: Path, sentencepiece_model: bytes, family: str, layout: Layout
) -> None:
    theirs = random_xlm_r(family, rows_of(family, sentencepiece_model))
    state = {name: value.half() for name, value in original_state(theirs, "encoder", joined=False).items()}
    folder = write_xlm_r(tmp_path / "xlmr", state, sentencepiece_model, layout)
    original = READERS[family](folder / "model.pt")
    assert original is not None
    imported = to_folder(original)
    imported.model.eval()
    ids = imported.tokenizer.encode("the sea").input_ids
    pieces = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model)
    shifted = [index + 1 if index else 3 for index in pieces.encode("the sea")]
    assert ids == [0, *shifted, 2]
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits[0]
        ours = imported.model.logits("mlm", pack([Sequence(ids)]))
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)
    save_folder(tmp_path, imported)
    again = AutoModelForMaskedLM.from_pretrained(tmp_path).state_dict()
    assert all(torch.equal(again[name], value) for name, value in theirs.state_dict().items())


def test_a_vocabulary_of_another_xlm_r_xl(tmp_path: Path, sentencepiece_model: bytes) -> None:
    rows = rows_of("xlm-roberta-xl", sentencepiece_model)
    state = original_state(random_xlm_r("xlm-roberta-xl", rows), "encoder")
    folder = write_xlm_r(tmp_path / "xl", state, sentencepiece_model)
    lines = (folder / "dict.txt").read_text().splitlines(keepends=True)
    (folder / "dict.txt").write_text("".join(lines[:-1]))
    original = READERS["xlm-roberta-xl"](folder)
    assert original is not None
    with pytest.raises(UserError, match=rf"tokens, but vocab_size is {rows}; the two belong to different models"):
        to_folder(original)


@pytest.mark.parametrize(
    ("stored", "asked", "message"),
    [
        (
            "xlm-roberta-xl",
            "xlm-roberta",
            "its norms stand before attention and feed-forward, those of xlm-roberta behind them; "
            "XLM-R XL and XXL are xlm-roberta-xl",
        ),
        (
            "xlm-roberta",
            "xlm-roberta-xl",
            "its norms stand behind attention and feed-forward, those of xlm-roberta-xl before them; "
            "XLM-R base and large are xlm-roberta",
        ),
    ],
)
def test_norms_at_another_place(
    tmp_path: Path, sentencepiece_model: bytes, stored: str, asked: str, message: str
) -> None:
    state = original_state(random_xlm_r(stored, rows_of(stored, sentencepiece_model)), "encoder")
    with pytest.raises(UserError, match=message):
        READERS[asked](write_xlm_r(tmp_path / "r", state, sentencepiece_model))


def test_an_output_table_of_its_own_is_refused(tmp_path: Path) -> None:
    state = original_state(random_roberta())
    state["decoder.lm_head.weight"] = state["decoder.lm_head.weight"] + 1e-3
    with pytest.raises(
        UserError, match=r"differ; a model trained with untie_weights_roberta = True is not supported"
    ):
        READERS["roberta"](write_release(tmp_path / "r", state))


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


NO_OPTIONS = r"not a checkpoint of fairseq, which holds `model`, and `args` or `cfg\.model`"


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"model": {}}, NO_OPTIONS),
        ({"args": None, "cfg": {"model": None, "task": {}}, "model": {}}, NO_OPTIONS),
        ({"args": None, "cfg": None, "model": {}}, NO_OPTIONS),
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
