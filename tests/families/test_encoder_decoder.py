"""Translators as folders: `transformers` opens ours, its own open here, bit for bit; and what can be wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor

from encodery.batch import Batch, Sequence, pack
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.encoder_decoder import build_translator, decoder_family, with_decoder
from encodery.families.family import Family, config_to_theirs
from encodery.families.folder import ModelFolder, check_folder, load_folder, read_folder, read_sizes, save_folder
from encodery.model.generation import generate
from encodery.model.search import GenerationConfig, Targets
from encodery.model.translator import HEAD, Translator
from encodery.text.tokenizer import Tokenizer
from tests.families.conftest import (
    PADDING,
    WEIGHTS,
    complaint,
    edit_config,
    edit_weights,
    save_theirs,
    tiny,
)

IN_TRANSFORMERS = ("bert", "roberta", "xlm-roberta", "xlm-roberta-xl")
PAIRS = ((5, 3), (1, 7), (7, 1), (11, 17), (2, 2))
theirs_too = pytest.mark.parametrize("family", [FAMILIES[name] for name in IN_TRANSFORMERS], ids=IN_TRANSFORMERS)
every_family = pytest.mark.parametrize("family", [FAMILIES[name] for name in with_decoder()], ids=with_decoder())


def build_theirs(family: Family, seed: int = 3, **changes: Any) -> Any:
    """A model of `transformers` with random weights; the encoder has three layers, the decoder two."""
    assert family.decoder is not None
    sizes = config_to_theirs(family, tiny(family, num_hidden_layers=3, **changes), ())
    decoding = decoder_family(family)
    decoder = config_to_theirs(decoding, tiny(family, **changes), {family.decoder.head})
    configs = [transformers.AutoConfig.for_model(**values) for values in (sizes, decoder)]
    config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(*configs)
    config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = 4, 5, PADDING
    model = transformers.EncoderDecoderModel(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
    return model


def build_ours(family: Family, tokenizer: Tokenizer, seed: int = 3) -> ModelFolder:
    languages = {"lang2id": {"de": 1, "en": 0}} if "lang2id" in family.kept else {}
    translator = build_translator(family, tiny(family, num_hidden_layers=3), tiny(family))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in translator.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
    return ModelFolder(family, translator.eval(), tokenizer, info={"task": "translation"}, settings=languages)


def pairs() -> Batch:
    generator = torch.Generator().manual_seed(11)

    def draw(length: int) -> list[int]:
        return torch.randint(PADDING + 4, 101, (length,), generator=generator).tolist()

    return pack([Sequence(draw(target), source=Sequence(draw(source))) for target, source in PAIRS])


def their_inputs(batch: Batch) -> dict[str, Tensor]:
    assert batch.source is not None
    target, source = batch.dense(PADDING), batch.source.dense(PADDING)
    return {**source, "decoder_input_ids": target["input_ids"], "decoder_attention_mask": target["attention_mask"]}


def their_logits(model: Any, batch: Batch) -> Tensor:
    inputs = their_inputs(batch)
    logits = model(**inputs).logits[inputs["decoder_attention_mask"].bool()]
    assert isinstance(logits, Tensor)
    return logits


def translator_of(folder: Path) -> Translator:
    model = load_folder(folder).model.eval()
    assert isinstance(model, Translator)
    return model


def saved(folder: ModelFolder, path: Path) -> Path:
    path.mkdir()
    save_folder(path, folder)
    return path


@pytest.fixture
def bert_pair(tokenizer: Tokenizer, tmp_path: Path) -> Path:
    return save_theirs(build_theirs(FAMILIES["bert"]), tokenizer, tmp_path / "theirs")


@theirs_too
def test_theirs_open_here_with_the_same_logits(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = build_theirs(family)
    ours = translator_of(save_theirs(model, tokenizer, tmp_path / "theirs"))
    assert (len(ours.encoder.layers), len(ours.decoder.layers)) == (3, 2)
    torch.testing.assert_close(ours.logits(HEAD, pairs()), their_logits(model, pairs()), atol=1e-5, rtol=1e-5)


@theirs_too
def test_ours_open_there_with_the_same_logits(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = build_ours(family, tokenizer)
    path = saved(folder, tmp_path / "ours")
    theirs, info = transformers.AutoModelForSeq2SeqLM.from_pretrained(path, output_loading_info=True)
    assert type(theirs) is transformers.EncoderDecoderModel
    assert info["missing_keys"] <= {"encoder.pooler.dense.weight", "encoder.pooler.dense.bias"}  # not used
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    expected = folder.model.logits(HEAD, pairs())
    torch.testing.assert_close(their_logits(theirs.eval(), pairs()), expected, atol=1e-5, rtol=1e-5)
    stated = theirs.config
    ends = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
    assert (stated.decoder_start_token_id, stated.eos_token_id, stated.pad_token_id) == ends


@theirs_too
def test_gradients_are_those_of_theirs(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = build_theirs(family)
    ours = translator_of(save_theirs(model, tokenizer, tmp_path / "theirs"))
    batch = pairs()
    weights = torch.linspace(-1, 1, batch.num_tokens * 101).view(-1, 101)
    (their_logits(model, batch) * weights).sum().backward()  # type: ignore[no-untyped-call]
    (ours.logits(HEAD, batch) * weights).sum().backward()  # type: ignore[no-untyped-call]
    assert family.decoder is not None
    tied = {f"decoder.{copy}": f"decoder.{original}" for copy, original in family.tied.items()}
    named = {name: parameter.grad for name, parameter in model.named_parameters() if "pooler" not in name}
    theirs = {tied.get(name, name): gradient for name, gradient in named.items()}
    again = saved_gradients(family, ours, tokenizer, tmp_path)
    assert set(again) == set(theirs)
    for name, gradient in again.items():
        expected = theirs[name]
        scale = 1e-5 * max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(gradient, expected, atol=scale, rtol=1e-4, msg=name)


def saved_gradients(family: Family, model: Translator, tokenizer: Tokenizer, tmp_path: Path) -> dict[str, Tensor]:
    """The gradients under their names: in the place of the weights they are written to a folder."""
    with torch.no_grad():
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter.copy_(parameter.grad)
    written: dict[str, Tensor] = load_file(
        saved(ModelFolder(family, model, tokenizer), tmp_path / "gradients") / WEIGHTS
    )
    return written


@theirs_too
@pytest.mark.parametrize(
    ("beams", "early", "penalty"), [(1, False, 1.0), (3, False, 1.0), (3, True, 0.3), (4, "never", 2.0)]
)
def test_search_finds_what_theirs_finds(
    family: Family, beams: int, early: Any, penalty: float, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model = build_theirs(family)
    with torch.no_grad():  # so that some translations end
        model.decoder.get_output_embeddings().bias[5] += 4.5
    ours = translator_of(save_theirs(model, tokenizer, tmp_path / "theirs"))
    batch = pairs().source
    assert batch is not None
    never = (0, PADDING)
    config = GenerationConfig(
        num_beams=beams,
        num_return_sequences=beams,
        early_stopping=early,
        length_penalty=penalty,
        max_length_a=0.0,
        max_length_b=9,
    )
    found = generate(ours, batch, Targets(4, 5, never), config)
    more = {"early_stopping": early, "length_penalty": penalty, "output_scores": True} if beams > 1 else {}
    theirs = model.generate(
        **batch.dense(PADDING),
        num_beams=beams,
        num_return_sequences=beams,
        max_new_tokens=9,
        suppress_tokens=list(never),
        return_dict_in_generate=True,
        **more,
    )
    flat = [one for best in found for one in best]
    assert len(flat) == len(theirs.sequences)
    for one, tokens in zip(flat, theirs.sequences.tolist(), strict=True):
        said = tokens[1:]
        ended = 5 in said
        assert (one.token_ids, one.ended) == (tuple(said[: said.index(5)] if ended else said), ended)
    assert any(one.ended for one in flat)
    if beams > 1:
        scores = [one.score for one in flat]
        torch.testing.assert_close(torch.tensor(scores), theirs.sequences_scores, atol=1e-4, rtol=1e-4)


@every_family
def test_a_folder_survives_bit_for_bit(family: Family, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = build_ours(family, tokenizer)
    first = saved(folder, tmp_path / "first")
    read = load_folder(first)
    assert read.family is family
    assert read.fresh == ()
    assert read.info["task"] == "translation"
    assert read.languages == (folder.settings["lang2id"] if folder.settings else None)
    expected, found = folder.model.state_dict(), read.model.state_dict()
    assert set(expected) == set(found)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    second = saved(read, tmp_path / "second")
    for name in (WEIGHTS, "config.json", "encodery.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    check_folder(second, tokenizer)
    assert read_sizes(second) == folder.model.config
    shapes = read_folder(second).model
    assert {n: t.shape for n, t in shapes.state_dict().items()} == {n: t.shape for n, t in expected.items()}
    assert all(parameter.is_meta for parameter in shapes.parameters())


def test_what_theirs_say_of_beginning_and_end_is_kept(bert_pair: Path, tmp_path: Path) -> None:
    folder = load_folder(bert_pair)
    stated = {"decoder_start_token_id": 4, "eos_token_id": 5, "pad_token_id": PADDING}
    assert folder.settings == {"decoding": stated}
    again = json.loads((saved(folder, tmp_path / "ours") / "config.json").read_text())
    assert {key: again[key] for key in stated} == stated


def test_xlm_has_the_names_of_its_original(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = saved(build_ours(FAMILIES["xlm"], tokenizer), tmp_path / "ours")
    names = set(load_file(path / WEIGHTS))
    assert {
        "encoder.attentions.2.q_lin.weight",
        "encoder.lang_embeddings.weight",
        "decoder.transformer.encoder_attn.1.k_lin.bias",
        "decoder.transformer.encoder_attn.0.out_lin.weight",
        "decoder.transformer.layer_norm15.1.bias",
        "decoder.pred_layer.proj.bias",
    } <= names
    values = json.loads((path / "config.json").read_text())
    assert (values["encoder"]["is_encoder"], values["decoder"]["is_encoder"]) == (True, False)
    assert values["encoder"]["lang2id"] == values["decoder"]["lang2id"] == {"de": 1, "en": 0}
    with pytest.raises((NotImplementedError, ValueError)):
        transformers.AutoModelForSeq2SeqLM.from_pretrained(path)


def test_a_model_with_a_decoder_has_one_head(bert_pair: Path) -> None:
    assert set(load_folder(bert_pair, {HEAD}).model.heads) == {HEAD}
    assert complaint(bert_pair, heads=("sequence",)) == (
        "FOLDER/config.json: a model with a decoder has the head translation, not the asked sequence"
    )


def test_weights_that_are_missing_left_over_or_elsewhere_are_named(bert_pair: Path) -> None:
    lost = "decoder.bert.encoder.layer.1.crossattention.self.key.bias"
    edit_weights(bert_pair, lambda state: {name: tensor for name, tensor in state.items() if name != lost})
    assert complaint(bert_pair) == (
        f"FOLDER/{WEIGHTS}: decoder: the weights do not fit a bert of 2 layers; missing: "
        "bert.encoder.layer.1.crossattention.self.key.bias; not known: nothing"
    )


def test_a_weight_of_neither_side_is_named(bert_pair: Path) -> None:
    edit_weights(bert_pair, lambda state: {**state, "enc_to_dec_proj.bias": torch.zeros(3)})
    assert complaint(bert_pair) == (
        f"FOLDER/{WEIGHTS}: enc_to_dec_proj.bias belongs neither to the encoder nor to the decoder"
    )


def test_a_weight_of_the_wrong_shape_is_named_before_memory_is_taken(bert_pair: Path) -> None:
    edit_config(bert_pair, **{"decoder.vocab_size": 1 << 23})
    assert complaint(bert_pair) == (
        f"FOLDER/{WEIGHTS}: decoder: bert.embeddings.word_embeddings.weight has shape (101, 42), but config.json "
        "asks for (8388608, 42)"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"decoder": 7}, "decoder = 7; a model of an encoder and a decoder has a table for each"),
        (
            {"decoder.model_type": "gpt2"},
            "an encoder of 'bert' with a decoder of 'gpt2'; both must be the same",
        ),
        (
            {"encoder.model_type": "distilbert", "decoder.model_type": "distilbert"},
            "encoder.model_type = 'distilbert' has no decoder here; bert, roberta, xlm, xlm-roberta, xlm-roberta-xl "
            "have",
        ),
        (
            {"decoder.hidden_size": 45},
            "encoder.hidden_size = 42 and decoder.hidden_size = 45; both must be the same",
        ),
        ({"decoder.is_decoder": False}, "decoder: is_decoder = False is not supported; only True is"),
        ({"encoder.is_decoder": True}, "encoder: is_decoder = True is not supported; only False is"),
        ({"encoder.num_hidden_layers": 1025}, "num_hidden_layers = 1025; at most 1024 are allowed"),
        (
            {"decoder.num_hidden_layers": 1000},
            "num_hidden_layers = 1000, but the weights hold only 117 tensors",
        ),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(bert_pair: Path, changes: dict[str, Any], expected: str) -> None:
    edit_config(bert_pair, **changes)
    assert complaint(bert_pair) == f"FOLDER/config.json: {expected}"


def test_a_tokenizer_of_another_model_is_refused(bert_pair: Path) -> None:
    edit_config(bert_pair, **{"decoder.vocab_size": 89})

    def fewer(state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {n: t[:89] if n.startswith("decoder") and len(t) == 101 else t for n, t in state.items()}

    edit_weights(bert_pair, fewer)
    assert complaint(bert_pair) == (
        "FOLDER: the tokenizer has 97 tokens, but config.json's vocab_size is 89; the two belong to different models"
    )


def test_a_family_without_a_decoder_says_so(tokenizer: Tokenizer) -> None:
    distil = FAMILIES["distilbert"]
    with pytest.raises(UserError) as error:
        build_translator(distil, tiny(distil), tiny(distil))
    assert str(error.value) == (
        "distilbert has no decoder; one of bert, roberta, xlm, xlm-roberta, xlm-roberta-xl has"
    )
    bert = build_ours(FAMILIES["bert"], tokenizer)
    with pytest.raises(UserError, match=r"^distilbert has no decoder; "):
        save_folder(Path("/nowhere"), replace(bert, family=distil))


def test_check_finds_weights_that_do_not_fit(bert_pair: Path, tokenizer: Tokenizer) -> None:
    check_folder(bert_pair, tokenizer)
    edit_weights(bert_pair, lambda state: {n: t for n, t in state.items() if "crossattention" not in n})
    with pytest.raises(UserError, match=r"missing: bert\.encoder\.layer\.0\.crossattention"):
        check_folder(bert_pair, tokenizer)
