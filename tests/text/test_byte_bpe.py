"""Byte-level BPE: training, files, ids equal to `transformers` and to the original vocabulary of GPT-2."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.text import byte_bpe
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from tests.text.peers import check_same, peer_of
from tests.text.scripts import SENTENCES, TEXTS
from tests.text.test_wordpiece_vocabulary import vocabulary_of

FILES = ["merges.txt", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"]


def test_exact_vocabulary_of_a_small_text() -> None:
    tokenizer = train_tokenizer(ByteBpeSpec(vocab_size=264, min_frequency=1), ["ab abab", "ab!"])
    tokens = vocabulary_of(tokenizer)
    assert tokens[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert len(set(tokens[4:260])) == 256
    assert tokens[260:] == ["ab", "Ġab", "Ġabab", "<mask>"]
    assert tokenizer.decode(tokenizer.encode("abab!").input_ids) == " abab!"


def test_what_a_text_supports_is_what_can_be_trained() -> None:
    texts = ["ab abab", "ab!", "ab?"]
    assert ByteBpeSpec(min_frequency=1).fitting_size(texts) == 264
    assert ByteBpeSpec(vocab_size=263).fitting_size(texts) == 263
    assert train_tokenizer(ByteBpeSpec(vocab_size=264, min_frequency=1), texts).vocab_size == 264


def test_special_tokens_stand_as_in_roberta(byte_bpe: Tokenizer) -> None:
    one, two = byte_bpe.encode("the rights"), byte_bpe.encode("the", "rights")
    the, rights = (ids.tolist() for ids in byte_bpe.encode_batch(["the", "rights"]))
    assert one.input_ids[0] == byte_bpe.cls_token_id == 0
    assert one.input_ids[-1] == byte_bpe.sep_token_id == 2
    assert two.input_ids == [0, *the, 2, 2, *rights, 2]
    assert two.token_type_ids == [0] * len(two.input_ids)
    assert two.sequence_ids == [None, *[0] * len(the), None, None, *[1] * len(rights), None]
    assert (byte_bpe.pad_token_id, byte_bpe.unk_token_id, byte_bpe.mask_token_id) == (1, 3, 540)


def test_counting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_bpe, "MAX_COUNTED_WORDS", 4)
    counts = byte_bpe.count_words(["a a a b b", "d f g h", "e e i j"], add_prefix_space=True)
    assert len(counts) <= 4
    assert counts["Ġa"] == 3


@pytest.mark.parametrize("texts", [[], [""]])
def test_no_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(UserError, match=r"^there is no text to train the vocabulary on; add text to the corpus$"):
        train_tokenizer(ByteBpeSpec(vocab_size=301), texts)


def test_a_vocabulary_larger_than_the_text_supports_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        train_tokenizer(ByteBpeSpec(vocab_size=301), ["abc abc abd"])
    assert str(caught.value) == (
        "vocab_size = 301 is more than the text supports: 264 tokens found; lower vocab_size or add text"
    )


def test_words_begin_with_a_space(byte_bpe: Tokenizer) -> None:
    ids = byte_bpe.encode_batch(["of this\npledge,"])[0]
    pieces = [byte_bpe.id_to_token(int(index)) for index in ids]
    starts = [piece for piece, goes_on in zip(pieces, byte_bpe.continues_word[ids], strict=True) if not goes_on]
    assert all(piece[0] in "ĠĊ" for piece in starts)
    assert "".join(pieces).count("Ġ") + 1 == len(starts)
    assert not byte_bpe.continues_word[[0, 1, 2, 3, byte_bpe.mask_token_id]].any()
    assert byte_bpe.continues_word.dtype == np.bool_


@pytest.mark.parametrize("prefix", [True, False])
def test_transformers_opens_what_we_write_and_agrees(tmp_path: Path, prefix: bool) -> None:
    ours = train_tokenizer(ByteBpeSpec(vocab_size=541, add_prefix_space=prefix), SENTENCES)
    theirs = peer_of(ours, "roberta", tmp_path)
    assert type(theirs).__name__ == "RobertaTokenizer"
    assert (len(theirs), theirs.mask_token_id, theirs.pad_token_id) == (541, 540, 1)
    for text in (*SENTENCES, "", "a <mask> b", " <mask>", "x  </s>\n"):
        for pair in (None, "the", "don't <mask>\n  stop"):
            for max_length in (None, 7, 31):
                check_same(ours, theirs, text, pair, max_length)
        encoding = ours.encode(text)
        if text in SENTENCES:  # where special tokens are in the text, theirs may miss a character behind them
            assert encoding.offsets == theirs(text, return_offsets_mapping=True)["offset_mapping"]
        assert ours.decode(encoding.input_ids) == theirs.decode(encoding.input_ids, skip_special_tokens=True)


@pytest.fixture(scope="session")
def peer(byte_bpe: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return peer_of(byte_bpe, "roberta", tmp_path_factory.mktemp("roberta"))


@settings(max_examples=200)
@given(text=TEXTS, pair=st.none() | TEXTS.filter(bool))
def test_any_text_has_the_ids_of_transformers(byte_bpe: Tokenizer, peer: Any, text: str, pair: str | None) -> None:
    check_same(byte_bpe, peer, text, pair, None)


@pytest.mark.parametrize("keep", ["tokenizer.json", "vocab.json"])
def test_load_gives_the_saved_tokenizer_from_either_form(byte_bpe: Tokenizer, tmp_path: Path, keep: str) -> None:
    byte_bpe.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    for name in {"tokenizer.json": ("vocab.json", "merges.txt"), "vocab.json": ("tokenizer.json",)}[keep]:
        (tmp_path / name).unlink()
    loaded = Tokenizer.load(tmp_path)
    assert loaded.special_ids == byte_bpe.special_ids
    for text in (*SENTENCES, "a <mask> b", "\n x"):
        assert loaded.encode(text, "the") == byte_bpe.encode(text, "the")
    loaded.save(tmp_path)
    byte_bpe.save(tmp_path / "again")
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_bare_folder_is_read_as_the_published_models_are(byte_bpe: Tokenizer, tmp_path: Path) -> None:
    """`vocab.json` and `merges.txt` alone: RoBERTa's names of special tokens, no space before the text."""
    byte_bpe.save(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / name).unlink()
    loaded = Tokenizer.load(tmp_path)
    assert loaded.encode(" the <mask>").input_ids == byte_bpe.encode("the <mask>").input_ids
    assert loaded.encode("the").input_ids != byte_bpe.encode("the").input_ids


def broken(tokenizer: Tokenizer, folder: Path, name: str, text: str | None) -> str:
    tokenizer.save(folder)
    (folder / "tokenizer.json").unlink()
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    with pytest.raises(UserError) as caught:
        Tokenizer.load(folder)
    return str(caught.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("merges.txt", None, "FOLDER/merges.txt: no such file; vocab.json needs merges.txt beside it"),
        (
            "merges.txt",
            "#version: 0.2\n\nt qq\n",
            "FOLDER/merges.txt:3: 't qq' needs the token 'qq', which vocab.json lacks; "
            "the two files belong to different tokenizers",
        ),
        (
            "vocab.json",
            '{"<s>": 0, "<pad>": "1"}',
            "FOLDER/vocab.json: each token must have one whole number as its id; fetch or write it again",
        ),
        (
            "vocab.json",
            '{"<s>": 0}',
            "FOLDER/vocab.json: the pad_token '<pad>' is not in the vocabulary; name it in tokenizer_config.json",
        ),
        (
            "vocab.json",
            '{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 5}',
            "FOLDER/vocab.json: the ids of 5 tokens do not run from 0 without a gap; number them so",
        ),
        (
            "vocab.json",
            '{"<s>": 0, "the</w>": 1}',
            "FOLDER/vocab.json: tokens end in </w>, as XLM's do, but tokenizer_config.json names 'RobertaTokenizer'; "
            "XLMTokenizer is allowed there",
        ),
        (
            "vocab.json",
            '{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "!": 5}',
            "FOLDER/vocab.json: 255 of the 256 bytes are no tokens, '\"' for one; only byte-level BPE can be read",
        ),
        ("vocab.json", "[]", "FOLDER/vocab.json: a JSON object is expected; repair or remove it"),
    ],
)
def test_broken_files_are_named(
    byte_bpe: Tokenizer, tmp_path: Path, name: str, text: str | None, expected: str
) -> None:
    assert broken(byte_bpe, tmp_path, name, text) == expected


def test_ids_of_the_original_vocabulary(shared_data: Path, tmp_path: Path) -> None:
    """GPT-2's own vocabulary on 112 texts in seven languages."""
    oracles = shared_data / "oracles"
    (tmp_path / "vocab.json").write_bytes(gzip.decompress((oracles / "vocab/gpt2_bpe_encoder.json.gz").read_bytes()))
    (tmp_path / "merges.txt").write_bytes(gzip.decompress((oracles / "vocab/gpt2_bpe_vocab.bpe.gz").read_bytes()))
    names = dict.fromkeys(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), "<|endoftext|>")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(names))
    tokenizer = Tokenizer.load(tmp_path)
    with gzip.open(oracles / "tokenization/gpt2_bytebpe.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert tokenizer.vocab_size == 50257
    assert len(rows) == 112
    for ids, row in zip(tokenizer.encode_batch([row["text"] for row in rows]), rows, strict=True):
        assert ids.tolist() == row["ids"]
        assert tokenizer.decode(ids.tolist()) == row["text"]


@pytest.fixture(scope="module")
def modern() -> Tokenizer:
    """As ModernBERT has it: BERT's special tokens, characters composed."""
    return train_tokenizer(ByteBpeSpec(vocab_size=541, special_tokens="bert", normalizer="nfc"), SENTENCES)


def test_special_tokens_may_stand_as_in_bert(modern: Tokenizer) -> None:
    one, two = modern.encode("the rights"), modern.encode("the", "rights")
    the, rights = (ids.tolist() for ids in modern.encode_batch(["the", "rights"]))
    assert vocabulary_of(modern)[:4] == ["[CLS]", "[PAD]", "[SEP]", "[UNK]"]
    assert vocabulary_of(modern)[-1] == "[MASK]"
    assert (one.input_ids[0], one.input_ids[-1]) == (modern.cls_token_id, modern.sep_token_id) == (0, 2)
    assert two.input_ids == [0, *the, 2, *rights, 2]
    assert two.token_type_ids == [0] * (len(the) + 2) + [1] * (len(rights) + 1)


def test_words_are_counted_composed() -> None:
    """A letter and its accent are one character of two bytes, with which a merge may begin."""
    spec = ByteBpeSpec(vocab_size=263, min_frequency=1, special_tokens="bert", normalizer="nfc")
    tokenizer = train_tokenizer(spec, ["e\u0301 e\u0301"])
    assert vocabulary_of(tokenizer)[260:] == ["Ã©", "ĠÃ©", "[MASK]"]
    assert [ids.tolist() for ids in tokenizer.encode_batch(["\u00e9", "e\u0301"])] == [[261], [261]]


@pytest.fixture(scope="module")
def modern_peer(modern: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return peer_of(modern, "modernbert", tmp_path_factory.mktemp("modernbert"))


@settings(max_examples=200)
@given(text=TEXTS, pair=st.none() | TEXTS.filter(bool), max_length=st.none() | st.integers(3, 31))
def test_any_text_has_the_ids_of_transformers_in_this_layout(
    modern: Tokenizer, modern_peer: Any, text: str, pair: str | None, max_length: int | None
) -> None:
    if pair is None or max_length is None or max_length > 3:
        check_same(modern, modern_peer, text, pair, max_length)


@settings(max_examples=200)
@given(TEXTS)
def test_offsets_are_those_of_the_text_before_it_was_composed(modern: Tokenizer, text: str) -> None:
    """What the tokens cover, composed and put together, is the text, but for spaces at the ends of tokens."""
    encoding = modern.encode(text)
    assert encoding.input_ids[1:-1] == modern.encode_batch([text])[0].tolist()
    spans = encoding.offsets[1:-1]
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    covered = {place for start, end in spans for place in range(start, end)}
    assert {text[place] for place in set(range(len(text))) - covered} <= {" "}


def test_offsets_of_decomposed_characters(modern: Tokenizer) -> None:
    text = "une re\u0301publique a\u0308 [MASK] x"
    encoding = modern.encode(text)
    found = [text[start:end] for start, end in encoding.offsets]
    assert any("e\u0301" in part for part in found)
    assert not any(part.startswith(("\u0301", "\u0308")) for part in found)
    assert text[slice(*encoding.offsets[encoding.input_ids.index(modern.mask_token_id)])].strip() == "[MASK]"
    composed = modern.encode("une r\u00e9publique \u00e4 [MASK] x")
    assert encoding.input_ids == composed.input_ids


def test_a_tokenizer_of_this_layout_is_read_back_from_the_one_file_that_holds_it(
    modern: Tokenizer, tmp_path: Path
) -> None:
    modern.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(set(FILES) - {"vocab.json", "merges.txt"})
    loaded = Tokenizer.load(tmp_path)
    for text in (*SENTENCES, "a [MASK] b", "\n x", "e\u0301"):
        assert loaded.encode(text, "the") == modern.encode(text, "the")


def test_another_normalizer_is_refused(modern: Tokenizer, tmp_path: Path) -> None:
    modern.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text().replace('"type": "NFC"', '"type": "NFKC"'))
    with pytest.raises(UserError, match="the model is BPE with the normalizer NFKC; "):
        Tokenizer.load(tmp_path)


def published_form(tokenizer: Tokenizer, folder: Path) -> None:
    """As ModernBERT's files are: no space assumed, runs of spaces as tokens of their own, unused special tokens."""
    tokenizer.save(folder)
    backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.add_tokens([tokenizers.AddedToken(" " * count, normalized=True) for count in (4, 3, 2)])
    backend.add_special_tokens(["[unused0]", "[unused1]"])
    backend.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": "modernbert"}))


@pytest.fixture(scope="module")
def published(modern: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Any]:
    folder = tmp_path_factory.mktemp("published")
    published_form(modern, folder)
    return Tokenizer.load(folder), transformers.AutoTokenizer.from_pretrained(folder)


@settings(max_examples=200)
@given(text=TEXTS, pair=st.none() | TEXTS.filter(bool))
def test_the_published_form_has_the_ids_of_transformers(
    published: tuple[Tokenizer, Any], text: str, pair: str | None
) -> None:
    ours, theirs = published
    check_same(ours, theirs, text, pair, None)
    assert ours.encode(text).input_ids[1:-1] == ours.encode_batch([text])[0].tolist()


@pytest.mark.parametrize(
    "text", ["a   b", "     ", " e\u0301  x    [MASK]  y", "def f():\n    return [unused0] 1\u0308"]
)
def test_runs_of_spaces_are_tokens_without_a_place_of_their_own(published: tuple[Tokenizer, Any], text: str) -> None:
    ours, theirs = published
    encoding = ours.encode(text)
    assert encoding.input_ids == theirs(text)["input_ids"]
    covered = {place for start, end in encoding.offsets for place in range(start, end)}
    assert covered >= {place for place, character in enumerate(text) if character != " "}
    assert not any(text[start:end].strip(" ") == "" < text[start:end] for start, end in encoding.offsets)


def test_a_mark_behind_a_special_token_changes_no_id(tmp_path: Path) -> None:
    """`>` and a stroke compose; the library finds the special token first, and so do we."""
    ours = train_tokenizer(ByteBpeSpec(vocab_size=541, normalizer="nfc"), SENTENCES)
    theirs = peer_of(ours, "roberta", tmp_path)
    for text in ("a </s>\u0338 b", "e\u0301 <mask>\u0338", "x >\u0338"):
        encoding = ours.encode(text)
        assert encoding.input_ids == theirs(text)["input_ids"]
        assert len(encoding.offsets) == len(encoding.input_ids)
