"""XLM's own layout → a model folder: the numbers of `transformers` on the same weights."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, XLMConfig, XLMWithLMHeadModel

from encodery.batch import Sequence, pack
from encodery.errors import UserError
from encodery.families.folder import load_folder, save_folder
from encodery.originals.importing import READERS, import_original
from encodery.originals.original import to_folder

SPECIALS = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{index}>" for index in range(10))]
WORDS = ["the", "th@@", "sea", "s@@", "e@@", "a", "t@@", "h@@", "e", ",", "@@@", "7@@"]
CODES = "t h 97\nth e</w> 89\ne a</w> 83\ns ea</w> 7\n"
LANGUAGES = {0: "de", 1: "en", 2: "sw"}
PARAMS = {
    "n_words": len(SPECIALS) + len(WORDS),
    "emb_dim": 14,
    "n_layers": 3,
    "n_heads": 2,
    "dropout": 0.1,
    "attention_dropout": 0.0,
    "gelu_activation": True,
    "sinusoidal_embeddings": False,
    "n_langs": 3,
    "asm": False,
    "share_inout_emb": True,
    "eos_index": 1,
    "pad_index": 2,
    "unk_index": 3,
    "mask_index": 5,
    "id2lang": LANGUAGES,
    "lang2id": {language: index for index, language in LANGUAGES.items()},
    # what the trainer leaves there
    "mask_scores": np.arange(1, 8, dtype="float64") ** -0.5,
    "pred_probs": torch.ones(5),
    "best": np.float64(0.5),
    "mono_dataset": {("en", "train"): "en.pth"},
}


def random_xlm(**options: Any) -> Any:
    torch.manual_seed(7)
    keys = ("n_words", "emb_dim", "n_layers", "n_heads", "gelu_activation", "sinusoidal_embeddings", "n_langs")
    sizes = {key: PARAMS[key] for key in keys} | {"max_position_embeddings": 19, "pad_index": 2}
    model = XLMWithLMHeadModel(XLMConfig(**sizes | options)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    return model


def original_state(model: torch.nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    """The weights of a `transformers` model under XLM's names."""
    state = {prefix + name.removeprefix("transformer."): value for name, value in model.state_dict().items()}
    state.pop(f"{prefix}position_ids", None)
    return state


def write_release(folder: Path, state: dict[str, Any], words: list[str] = WORDS, **params: Any) -> Path:
    """A release: the checkpoint in the old format of PyTorch, and the codes of fastBPE."""
    folder.mkdir(exist_ok=True)
    names = [*SPECIALS, *words]
    saved = {
        "params": PARAMS | {"n_words": len(names)} | params,
        "model": state,
        "dico_id2word": dict(enumerate(names)),
        "dico_word2id": {name: index for index, name in enumerate(names)},
        "dico_counts": dict.fromkeys(names, 7),
    }
    torch.save(saved, folder / "mlm_tiny.pth", _use_new_zipfile_serialization=False)
    (folder / "codes_tiny").write_text(CODES)
    return folder


def read(path: Path) -> Any:
    original = READERS["xlm"](path)
    assert original is not None
    return to_folder(original)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("options", [{}, {"gelu_activation": False, "sinusoidal_embeddings": True, "n_langs": 1}])
def test_the_same_logits(tmp_path: Path, prefix: str, options: dict[str, Any]) -> None:
    theirs = random_xlm(**options)
    folder = read(write_release(tmp_path / "xlm", original_state(theirs, prefix), **options))
    folder.model.eval()
    ids = folder.tokenizer.encode("The sea, teh séa").input_ids
    languages = [2] * len(ids) if theirs.config.n_langs > 1 else None
    with torch.no_grad():
        langs = None if languages is None else torch.tensor([languages])
        expected = theirs(torch.tensor([ids]), langs=langs).logits[0]
        ours = folder.model.logits("mlm", pack([Sequence(ids, language_ids=languages)]))
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_ids_are_those_of_the_dictionary_and_of_transformers(tmp_path: Path) -> None:
    import_original(write_release(tmp_path / "xlm", original_state(random_xlm())), "xlm", tmp_path / "model")
    folder = load_folder(tmp_path / "model")
    names = [*SPECIALS, *WORDS]
    text = "The séa, te @the"
    expected = ["</s>", "the", "sea", ",", "t@@", "e", "@@@", "the", "</s>"]
    # "@" is set apart by Moses, so that it ends a word; that word is not in the dictionary
    expected[6] = "<unk>"
    assert [names[index] for index in folder.tokenizer.encode(text).input_ids] == expected
    theirs = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert theirs(text, "the")["input_ids"] == folder.tokenizer.encode(text, "the").input_ids
    assert folder.settings["lang2id"] == {"de": 0, "en": 1, "sw": 2}
    model = XLMWithLMHeadModel.from_pretrained(tmp_path / "model")
    assert torch.equal(model.transformer.embeddings.weight, folder.model.encoder.embeddings.word.weight)
    assert (model.config.lang2id, model.config.mask_token_id) == ({"de": 0, "en": 1, "sw": 2}, 5)


@pytest.mark.parametrize(
    ("words", "lowercase"), [(["a", "é@@"], False), (["a", "É"], False), (["a", "ß@@", "海"], True)]
)
def test_the_vocabulary_tells_whether_text_is_lower_cased(tmp_path: Path, words: list[str], lowercase: bool) -> None:
    original = READERS["xlm"](write_release(tmp_path / "xlm", original_state(random_xlm(n_words=16)), words))
    assert original is not None
    config = original.tokenizer_files["tokenizer_config.json"]
    assert isinstance(config, dict)
    assert config["do_lowercase_and_remove_accent"] is lowercase


def test_a_namespace_and_the_new_format_are_read(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "xlm", {})
    saved = torch.load(folder / "mlm_tiny.pth", weights_only=False)
    saved |= {"params": Namespace(**saved["params"]), "model": original_state(random_xlm())}
    torch.save(saved, folder / "mlm_tiny.pth")
    save_folder(tmp_path, read(folder / "mlm_tiny.pth"))
    assert (tmp_path / "merges.txt").read_text() == "t h\nth e</w>\ne a</w>\ns ea</w>\n"


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"asm": True}, "asm = True (an adaptive softmax over the vocabulary) is not supported; only False is"),
        ({"n_words": 27}, "n_words"),
    ],
)
def test_settings_that_cannot_be_kept(tmp_path: Path, params: dict[str, Any], message: str) -> None:
    folder = write_release(tmp_path / "xlm", original_state(random_xlm()), **params)
    text = refused(folder)
    assert text.startswith(f"{folder}/mlm_tiny.pth: ")
    assert message in text or "embeddings" in text


def test_a_vocabulary_of_another_size(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "xlm", original_state(random_xlm()), WORDS[:-1], n_words=26)
    assert "the vocabulary has 25 tokens, but vocab_size is 26" in refused(folder)


def test_untied_weights_are_refused(tmp_path: Path) -> None:
    state = original_state(random_xlm())
    state["pred_layer.proj.weight"] = state["pred_layer.proj.weight"] + 1
    message = "pred_layer.proj.weight and embeddings.weight differ; a model trained with share_inout_emb = False is"
    assert message in refused(write_release(tmp_path / "xlm", state))


def test_a_tensor_of_a_decoder_is_named(tmp_path: Path) -> None:
    state = original_state(random_xlm()) | {"layer_norm15.0.weight": torch.ones(14)}
    assert "transformer.layer_norm15.0.weight" in refused(write_release(tmp_path / "xlm", state))


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"model": {}}, "not a checkpoint of XLM, which holds `params`, `model` and `dico_id2word`"),
        ({"encoder": {}, "decoder": {}}, "holds an encoder and a decoder; only models with one part can be read"),
        (
            {"params": {}, "model": {}, "dico_id2word": {}},
            "not a Transformer of XLM: no n_words, emb_dim, n_layers",
        ),
        (
            {"params": PARAMS, "model": {"w": 3}, "dico_id2word": {}},
            "'w' is a int, but a weight is a tensor with a name",
        ),
        (
            {"params": PARAMS, "model": {}, "dico_id2word": {0: "a", 2: "b"}},
            "dico_id2word does not number its 2 words from 0 without a gap",
        ),
        (
            {"params": PARAMS, "model": {}, "dico_id2word": {**dict(enumerate(SPECIALS)), 14: "<s>@@"}},
            "dico_id2word has the token '<s>' twice; each token has one id",
        ),
    ],
)
def test_another_checkpoint(tmp_path: Path, saved: dict[str, Any], message: str) -> None:
    torch.save(saved, tmp_path / "x.pth")
    assert refused(tmp_path / "x.pth").startswith(f"{tmp_path}/x.pth: {message}")


def test_codes_must_lie_beside(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "xlm", original_state(random_xlm()))
    (folder / "codes_other").write_text(CODES)
    assert refused(folder) == f"{folder}: holds 2 lists of codes (codes_other, codes_tiny); leave the one to import"
    for name in ("codes_other", "codes_tiny"):
        (folder / name).unlink()
    assert refused(folder) == (f"{folder}/codes*: no such file; the codes of fastBPE must lie beside mlm_tiny.pth")
    (folder / "codes_tiny").write_text("t h 3\nalone\n")
    assert refused(folder) == f"{folder}/codes_tiny:2: 'alone' is no pair of tokens; fetch or write the file again"


def test_two_checkpoints_are_one_too_many(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "xlm", {})
    (folder / "other.pth").write_bytes(b"")
    assert refused(folder) == f"{folder}: holds 2 checkpoints (mlm_tiny.pth, other.pth); leave the one to import"


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('code of a checkpoint was run')",)


@pytest.mark.parametrize("new_format", [True, False])
def test_code_is_refused_and_not_run(tmp_path: Path, new_format: bool) -> None:
    saved = {"params": PARAMS, "model": {}, "extra": Malicious()}
    torch.save(saved, tmp_path / "x.pth", _use_new_zipfile_serialization=new_format)
    assert "a file that could run code is never read" in refused(tmp_path / "x.pth")


def test_every_cut_of_a_file_is_a_message(tmp_path: Path) -> None:
    whole = write_release(tmp_path / "r", {"w": torch.zeros(3)}) / "mlm_tiny.pth"
    content = whole.read_bytes()
    for end in range(0, len(content), 37):
        whole.write_bytes(content[:end])
        assert refused(whole).startswith(f"{whole}: ")
