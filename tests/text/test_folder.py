"""Folders of tokenizers: what we write opens in `transformers` with the same ids, what people have opens here."""

import contextlib
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from encodery.errors import UserError
from encodery.text import stored
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from encodery.text.wordpiece import WordPieceSpec
from tests.text.peers import peer_of
from tests.text.scripts import SENTENCES
from tests.text.test_tokenizer import make
from tests.text.test_wordpiece_vocabulary import text_of

os.environ["HF_HUB_OFFLINE"] = "1"

TEXTS = [
    "The new river runs, running!",
    "İstanbul'da É é ñ 漢字 あ 😀 \u200b x\u0301 [MASK] the",
    "",
    " \t\n",
    "the " * 101,
]


def transformers_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    (folder / "config.json").write_text('{"model_type": "bert"}')
    return AutoTokenizer.from_pretrained(folder)


def vocabulary_folder(folder: Path, tokens: list[str], **config: Any) -> Path:
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


SMALL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "A", "é"]


@pytest.mark.parametrize(("lowercase", "strip_accents"), [(True, None), (False, None), (True, False), (False, True)])
def test_transformers_opens_what_we_write_and_agrees(
    tmp_path: Path, lowercase: bool, strip_accents: bool | None
) -> None:
    ours = make(lowercase, strip_accents)
    ours.save(tmp_path)
    theirs = transformers_tokenizer(tmp_path)
    for text in TEXTS:
        assert theirs(text)["input_ids"] == ours.encode(text).input_ids
        for pair in filter(None, TEXTS):  # transformers takes an empty second text for none
            for max_length in (7, 10, 128):
                want = theirs(
                    text, pair, truncation="longest_first", max_length=max_length, return_offsets_mapping=True
                )
                got = ours.encode(text, pair, max_length)
                assert got.input_ids == want["input_ids"]
                assert got.token_type_ids == want["token_type_ids"]
                assert got.offsets == want["offset_mapping"]
    assert theirs.pad_token_id == ours.pad_token_id
    assert theirs.mask_token_id == ours.mask_token_id
    assert len(theirs) == ours.vocab_size


def test_saved_files_and_settings(tmp_path: Path) -> None:
    make(lowercase=False, strip_accents=True).save(tmp_path / "new")
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]
    config = json.loads((tmp_path / "new/tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "BertTokenizer"
    assert (config["do_lower_case"], config["strip_accents"], config["tokenize_chinese_chars"]) == (False, True, True)


@pytest.mark.parametrize("keep", ["tokenizer.json", "vocab.txt"])
def test_load_gives_the_saved_tokenizer_from_either_file(tmp_path: Path, keep: str) -> None:
    lines = text_of(1009)
    ours = train_tokenizer(WordPieceSpec(vocab_size=307, lowercase=False), lines)
    ours.save(tmp_path)
    (tmp_path / ({"tokenizer.json", "vocab.txt"} - {keep}).pop()).unlink()
    loaded = Tokenizer.load(tmp_path)
    assert loaded.vocab_size == 307
    assert loaded.special_ids == ours.special_ids
    texts = [*lines, *TEXTS, "BaBa [SEP] é"]
    assert [loaded.encode(text) for text in texts] == [ours.encode(text) for text in texts]


def test_saving_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    make().save(tmp_path / "a")
    Tokenizer.load(tmp_path / "a").save(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_truncation_and_padding_stored_in_a_folder_are_not_ours(tmp_path: Path) -> None:
    ours = make()
    ours.save(tmp_path)
    backend = json.loads((tmp_path / "tokenizer.json").read_text())
    backend["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    backend["padding"] = {
        "strategy": {"Fixed": 11}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(backend))
    loaded = Tokenizer.load(tmp_path)
    assert loaded.encode("the " * 13).input_ids == ours.encode("the " * 13).input_ids
    assert loaded.encode_batch(["the", "the new"])[0].tolist() == [ours.token_to_id("the")]


def test_special_tokens_of_another_name(tmp_path: Path) -> None:
    tokens = ["<pad>", "<unk>", "<s>", "</s>", "<mask>", "a"]
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), tokens, strict=False))
    vocabulary_folder(tmp_path, tokens, **(names | {"mask_token": {"content": "<mask>", "lstrip": True}}))
    tokenizer = Tokenizer.load(tmp_path)
    assert tokenizer.encode("a b").input_ids == [2, 5, 1, 3]
    assert tokenizer.mask_token_id == 4


@pytest.mark.parametrize(("lowercase", "ids"), [(True, [2, 5, 6, 3]), (False, [2, 7, 6, 3])])
def test_vocabulary_with_config(tmp_path: Path, lowercase: bool, ids: list[int]) -> None:
    tokenizer = Tokenizer.load(vocabulary_folder(tmp_path, SMALL, do_lower_case=lowercase))
    assert tokenizer.encode("Ab").input_ids == ids


def fails(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        Tokenizer.load(folder)
    return str(caught.value)


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    needed = (
        "tokenizer.json, vocab.txt and tokenizer_config.json, vocab.json and merges.txt, or sentencepiece.bpe.model "
        "is needed"
    )
    assert fails(tmp_path) == f"{tmp_path}: no tokenizer in it; {needed}"
    assert fails(tmp_path / "absent") == f"{tmp_path / 'absent'}: no tokenizer in it; {needed}"


def test_a_vocabulary_that_does_not_tell_its_case(tmp_path: Path) -> None:
    vocabulary_folder(tmp_path, SMALL)
    (tmp_path / "tokenizer_config.json").unlink()
    assert fails(tmp_path) == (
        f"{tmp_path}: vocab.txt does not say whether text is lower-cased; "
        'add tokenizer_config.json with {"do_lower_case": true} or false'
    )


def test_a_token_twice_in_the_vocabulary(tmp_path: Path) -> None:
    vocabulary_folder(tmp_path, [*SMALL, "a"])
    assert fails(tmp_path) == f"{tmp_path}/vocab.txt:10: 'a' is already on line 6; each token has one id"


def test_a_special_token_missing_from_the_vocabulary(tmp_path: Path) -> None:
    vocabulary_folder(tmp_path, SMALL[:4])
    assert fails(tmp_path) == (
        f"{tmp_path}/vocab.txt: the special token '[MASK]' is not in it; name yours in tokenizer_config.json"
    )
    make().save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"mask_token": "<mask>"}')
    assert fails(tmp_path) == (
        f"{tmp_path}/tokenizer.json: the mask_token '<mask>' is not in the vocabulary; "
        "name it in tokenizer_config.json"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model": {"type": "Pickle"}}', "\x80"])
def test_a_broken_tokenizer_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_bytes(text.encode("latin-1"))
    message = fails(tmp_path)
    assert message.startswith(f"{tmp_path}/tokenizer.json: not a readable tokenizer (")
    assert message.endswith("); fetch or write it again")
    assert "\n" not in message


def test_another_kind_of_tokenizer(tmp_path: Path) -> None:
    import tokenizers

    tokenizers.Tokenizer(tokenizers.models.BPE()).save(str(tmp_path / "tokenizer.json"))
    assert fails(tmp_path) == (
        f"{tmp_path}/tokenizer.json: the model is BPE with the pre-tokenizer none; WordPiece with the prefix ##, "
        "byte-level BPE as RoBERTa has it, and Unigram as XLM-RoBERTa has it can be read"
    )


def test_broken_settings(tmp_path: Path) -> None:
    make().save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    assert fails(tmp_path).startswith(f"{tmp_path}/tokenizer_config.json: cannot be read as JSON (Expecting")
    (tmp_path / "tokenizer_config.json").write_text("3")
    assert fails(tmp_path) == f"{tmp_path}/tokenizer_config.json: a JSON object is expected; repair or remove it"


@pytest.mark.parametrize("case", ["cased", "uncased"])
def test_ids_of_the_original_implementation(shared_data: Path, tmp_path: Path, case: str) -> None:
    """Outputs of the tokenizer of google-research/bert for 112 texts in seven languages."""
    oracles = shared_data / "oracles"
    with gzip.open(oracles / f"vocab/bert_base_{case}_vocab.txt.gz", "rt", encoding="utf-8") as file:
        vocabulary_folder(tmp_path, file.read().splitlines(), do_lower_case=case == "uncased")
    with gzip.open(oracles / f"tokenization/bert_{case}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    tokenizer = Tokenizer.load(tmp_path)
    got = tokenizer.encode_batch([row["text"] for row in rows])
    assert len(rows) == 112
    for ids, row in zip(got, rows, strict=True):
        assert ids.tolist() == row["ids"]
        assert [tokenizer.id_to_token(int(index)) for index in ids] == row["tokens"]


def test_a_panic_of_the_library_is_a_message(tmp_path: Path, unigram: Tokenizer) -> None:
    unigram.save(tmp_path)
    stored_json = json.loads((tmp_path / "tokenizer.json").read_text())
    for table in ("AAAA", "/////w==", "", "AQAAAP///38A"):
        stored_json["normalizer"]["precompiled_charsmap"] = table
        (tmp_path / "tokenizer.json").write_text(json.dumps(stored_json))
        with contextlib.suppress(UserError):
            Tokenizer.load(tmp_path).encode("ﬁ é a\u0303 x")


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make().save(tmp_path)
    size = (tmp_path / "tokenizer.json").stat().st_size
    monkeypatch.setattr(stored, "MAX_BYTES", size - 1)
    assert fails(tmp_path) == (
        f"{tmp_path}/tokenizer.json: {size:,} bytes; a tokenizer's file has at most {size - 1:,}"
    )


@pytest.mark.parametrize(("kind", "model_type"), [("byte_bpe", "roberta"), ("unigram", "xlm-roberta")])
def test_what_transformers_saves_opens_here(
    kind: str, model_type: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ours: Tokenizer = request.getfixturevalue(kind)
    peer_of(ours, model_type, tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    for keep in ([], ["tokenizer.json"]):
        for path in (tmp_path / "theirs").iterdir():
            if keep and path.name not in keep:
                path.unlink()
        loaded = Tokenizer.load(tmp_path / "theirs")
        assert loaded.special_ids == ours.special_ids
        for text in (*SENTENCES, "a <mask> ﬁ</s>"):
            assert loaded.encode(text, "the") == ours.encode(text, "the")
