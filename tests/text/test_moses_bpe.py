"""XLM's tokenizer: training, files, ids equal to `transformers`."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from encodery.errors import UserError
from encodery.text import moses_bpe as module
from encodery.text.moses import Moses
from encodery.text.moses_bpe import MosesBpeSpec, count_words
from encodery.text.pieces import PIECE_CHARS
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from tests.text.peers import check_same, peer_of
from tests.text.scripts import SENTENCES, TEXTS
from tests.text.test_wordpiece_vocabulary import vocabulary_of

FILES = ["merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json"]
OPENING = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{index}>" for index in range(10))]
LITERAL = (
    *(
        "",
        " \t\n",
        "a <special1> b",
        "x  </s>\n",
        "<s><s> <special3>y",
        "<special10>",
        "</w>",
        "<special1",
        "a</w> b",
    ),
    *("\x00\x1f\u200b", "👩🏽‍🔬 don't", "\ud834 x", "İstanbul'da ΟΔΟΣ", "«\u00a05 %\u00a0»..."),
)


def test_exact_vocabulary_of_a_small_text() -> None:
    spec = MosesBpeSpec(vocab_size=22, min_frequency=1)
    tokenizer = train_tokenizer(spec, ["Abé abab\nab!", "ábab"])
    assert vocabulary_of(tokenizer) == [*OPENING, "!", "a", "b", "e", "!</w>", "b</w>", "e</w>", "ab"]
    assert tokenizer.decode(tokenizer.encode("Abáb, ab!").input_ids) == "abab ab !"  # the comma is unknown


def test_special_tokens_stand_as_in_xlm(moses_bpe: Tokenizer) -> None:
    the, rights = (ids.tolist() for ids in moses_bpe.encode_batch(["the", "rights"]))
    one, two = moses_bpe.encode("The Rights"), moses_bpe.encode("the", "rights")
    assert one.input_ids == [0, *the, *rights, 1]
    assert two.input_ids == [0, *the, 1, *rights, 1]
    assert two.token_type_ids == [0] * len(two.input_ids)
    assert two.sequence_ids == [None, *[0] * len(the), None, *[1] * len(rights), None]
    assert (moses_bpe.pad_token_id, moses_bpe.unk_token_id, moses_bpe.mask_token_id) == (2, 3, 5)
    assert moses_bpe.special_ids == frozenset(range(14))


def test_words_are_known_by_their_ends(moses_bpe: Tokenizer) -> None:
    ids = moses_bpe.encode_batch(["Whereas 漢 freedoms, <special1>"])[0]
    closed = moses_bpe.ends_word[ids]
    tokens = [moses_bpe.id_to_token(int(index)) for index in ids]
    assert closed.tolist() == [token.endswith("</w>") or token.startswith("<") for token in tokens]
    assert closed.sum() == 5
    regular = np.ones(moses_bpe.vocab_size, bool)
    regular[sorted(moses_bpe.special_ids)] = False
    assert (moses_bpe.continues_word == regular).all()


def test_counting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_COUNTED_WORDS", 4)
    counts = count_words(["a a a b b", "d f g h", "e e i j"], Moses("en", True))
    assert len(counts) <= 4
    assert counts["a"] == 3


def test_lines_are_counted_one_by_one() -> None:
    assert count_words(["a\nb", "don't\r\na"], Moses("en", True)) == {"a": 2, "b": 1, "don": 1, "'t": 1}


def test_the_same_text_gives_the_same_vocabulary() -> None:
    spec = MosesBpeSpec(vocab_size=601, do_lowercase_and_remove_accent=False)
    one, two = (train_tokenizer(spec, texts) for texts in (SENTENCES, SENTENCES[::-1]))
    assert vocabulary_of(one) == vocabulary_of(two)


@pytest.mark.parametrize("lowercase", [True, False])
def test_transformers_opens_what_we_write_and_agrees(tmp_path: Path, lowercase: bool) -> None:
    spec = MosesBpeSpec(vocab_size=601, do_lowercase_and_remove_accent=lowercase)
    ours = train_tokenizer(spec, SENTENCES)
    theirs = peer_of(ours, "xlm", tmp_path)
    assert type(theirs).__name__ == "XLMTokenizer"
    assert (len(theirs), theirs.mask_token_id, theirs.pad_token_id) == (601, 5, 2)
    for text in (*SENTENCES, *LITERAL):
        for pair in (None, "the", "don't <special1>\n  stop"):
            for max_length in (None, 7, 31):
                check_same(ours, theirs, text, pair, max_length)
        ids = ours.encode(text).input_ids
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)


@pytest.fixture(scope="session")
def peer(moses_bpe: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return peer_of(moses_bpe, "xlm", tmp_path_factory.mktemp("xlm"))


@settings(max_examples=200)
@given(text=TEXTS, pair=TEXTS)
def test_any_text_has_the_ids_of_transformers(moses_bpe: Tokenizer, peer: Any, text: str, pair: str) -> None:
    check_same(moses_bpe, peer, text, pair, None)
    assert moses_bpe.encode_batch([text])[0].tolist() == peer(text, add_special_tokens=False)["input_ids"]


def test_ids_of_transformers_on_the_texts_of_the_oracles(moses_bpe: Tokenizer, peer: Any, shared_data: Path) -> None:
    with gzip.open(shared_data / "oracles/tokenization/bert_cased.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    assert len(texts) == 112
    for text in texts:
        check_same(moses_bpe, peer, text, None, None)


def test_long_texts_have_the_ids_and_offsets_of_the_whole(
    moses_bpe: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join([*SENTENCES, "ﬁ  a\u0303 <special1>, \n don't. Mr. x"] * (2 * PIECE_CHARS // 1000))
    assert len(text) > 2 * PIECE_CHARS
    found = moses_bpe.kind.encode(text, None)
    assert len(moses_bpe.kind.encode(text, 7)[0]) < len(found[0])
    monkeypatch.setattr("encodery.text.pieces.PIECE_CHARS", len(text))
    assert moses_bpe.kind.encode(text, None) == found


def test_load_gives_the_saved_tokenizer(moses_bpe: Tokenizer, tmp_path: Path) -> None:
    moses_bpe.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    loaded = Tokenizer.load(tmp_path)
    assert loaded.special_ids == moses_bpe.special_ids
    for text in (*SENTENCES, *LITERAL):
        assert loaded.encode(text, "the") == moses_bpe.encode(text, "the")
    loaded.save(tmp_path / "again")
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_bare_folder_is_read_as_the_published_models_are(moses_bpe: Tokenizer, tmp_path: Path) -> None:
    """`vocab.json` and `merges.txt` with counts alone: the ends of words tell the kind, text is lower-cased."""
    moses_bpe.save(tmp_path)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / name).unlink()
    lines = (tmp_path / "merges.txt").read_text().splitlines()
    (tmp_path / "merges.txt").write_text("".join(f"{line} {1009 - index}\n" for index, line in enumerate(lines)))
    loaded = Tokenizer.load(tmp_path)
    for text in (*SENTENCES, *LITERAL):
        assert loaded.encode(text) == moses_bpe.encode(text)


@pytest.mark.parametrize("language", ["de", "ro"])
def test_the_language_is_kept(tmp_path: Path, language: str) -> None:
    trained = train_tokenizer(MosesBpeSpec(vocab_size=601, language=language), SENTENCES)
    theirs = peer_of(trained, "xlm", tmp_path)
    loaded = Tokenizer.load(tmp_path)
    for text in ('Er sagt: "Ja." Ţară și S.A. z.B. 5', *SENTENCES):
        tokens = theirs._tokenize(text, lang=language)
        assert loaded.encode_batch([text])[0].tolist() == theirs.convert_tokens_to_ids(tokens)


def test_what_transformers_saves_opens_here(moses_bpe: Tokenizer, tmp_path: Path) -> None:
    theirs = peer_of(moses_bpe, "xlm", tmp_path / "ours")
    theirs.add_special_tokens({"bos_token": "</s>", "mask_token": "<special0>"})
    theirs.add_tokens(["Encodery"])
    theirs.save_pretrained(tmp_path / "theirs")
    loaded = Tokenizer.load(tmp_path / "theirs")
    assert (loaded.cls_token_id, loaded.mask_token_id, loaded.vocab_size) == (1, 4, len(theirs))
    again = peer_of(loaded, "xlm", tmp_path / "again")
    for text in (*SENTENCES, *LITERAL, "an Encodery the encodery"):
        assert (
            loaded.encode(text, "the").input_ids
            == theirs(text, "the")["input_ids"]
            == again(text, "the")["input_ids"]
        )


def broken(tokenizer: Tokenizer, folder: Path, name: str, change: Any) -> str:
    tokenizer.save(folder)
    path = folder / name
    if change is None:
        path.unlink()
    elif isinstance(change, dict):
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    else:
        path.write_text(change)
    with pytest.raises(UserError) as caught:
        Tokenizer.load(folder)
    return str(caught.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("merges.txt", None, "merges.txt: no such file; vocab.json needs merges.txt beside it"),
        ("merges.txt", "t h\n\nx\n", "merges.txt:3: 'x' is no pair of tokens; fetch or write the file again"),
        (
            "vocab.json",
            {"the</w>": "1"},
            "vocab.json: each token must have one whole number as its id; fetch or write it again",
        ),
        (
            "vocab.json",
            {"zz": 7000},
            "vocab.json: the ids of 542 tokens do not run from 0 without a gap; number them so",
        ),
        (
            "vocab.json",
            '{"<s>": 0, "</s>": 1}',
            "vocab.json: the pad_token '<pad>' is not in the vocabulary; name it in tokenizer_config.json",
        ),
        (
            "tokenizer_config.json",
            {"additional_special_tokens": ["<lang>"]},
            "vocab.json: the special token '<lang>' is not in the vocabulary; name it in tokenizer_config.json",
        ),
        (
            "tokenizer_config.json",
            {"additional_special_tokens": 5},
            "tokenizer_config.json: additional_special_tokens is no list of tokens",
        ),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {"x": {}}},
            "tokenizer_config.json: added_tokens_decoder is no table of ids and tokens",
        ),
        (
            "tokenizer_config.json",
            {"language": "../en"},
            "tokenizer_config.json: language = '../en' is no code as 'en' is one",
        ),
        (
            "tokenizer_config.json",
            {"do_lowercase_and_remove_accent": 1},
            "tokenizer_config.json: do_lowercase_and_remove_accent = 1; true or false is allowed",
        ),
        (
            "tokenizer_config.json",
            {"tokenizer_class": "CLIPTokenizer"},
            "vocab.json: tokens end in </w>, as XLM's do, but tokenizer_config.json names 'CLIPTokenizer'; "
            "XLMTokenizer is allowed there",
        ),
    ],
)
def test_broken_files(moses_bpe: Tokenizer, tmp_path: Path, name: str, change: Any, expected: str) -> None:
    assert broken(moses_bpe, tmp_path, name, change) == f"FOLDER/{expected}"


@pytest.mark.parametrize("texts", [[], [""], ["\u200b\n\u0301"]])
def test_no_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(UserError, match=r"^there is no text to train the vocabulary on; add text to the corpus$"):
        train_tokenizer(MosesBpeSpec(vocab_size=301), texts)
