"""Unigram: training, files, ids equal to `transformers` and to SentencePiece."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from encodery.text.unigram import UnigramSpec
from tests.text.peers import check_same, peer_of
from tests.text.scripts import SENTENCES, TEXTS
from tests.text.test_wordpiece_vocabulary import vocabulary_of

FILES = [
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
]


@pytest.fixture(scope="session")
def peer(unigram: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return peer_of(unigram, "xlm-roberta", tmp_path_factory.mktemp("xlm-roberta"))


def test_ids_are_shifted_as_fairseq_has_them(unigram: Tokenizer) -> None:
    tokens = vocabulary_of(unigram)
    assert len(tokens) == 421
    assert tokens[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert tokens[-1] == "<mask>"
    ids = (unigram.cls_token_id, unigram.pad_token_id, unigram.sep_token_id, unigram.unk_token_id)
    assert ids == (0, 1, 2, 3)
    assert unigram.mask_token_id == 420
    assert unigram.special_ids == {0, 1, 2, 3, 420}


def test_special_tokens_stand_as_in_xlm_r(unigram: Tokenizer) -> None:
    two = unigram.encode("the", "rights")
    the, rights = (ids.tolist() for ids in unigram.encode_batch(["the", "rights"]))
    assert two.input_ids == [0, *the, 2, 2, *rights, 2]
    assert two.token_type_ids == [0] * len(two.input_ids)
    assert two.sequence_ids == [None, *[0] * len(the), None, None, *[1] * len(rights), None]


def test_words_begin_with_the_mark(unigram: Tokenizer) -> None:
    tokens = vocabulary_of(unigram)
    for index, token in enumerate(tokens):
        expected = not token.startswith("▁") and index not in unigram.special_ids
        assert unigram.continues_word[index] == expected


def test_the_same_text_gives_the_same_vocabulary_in_any_process() -> None:
    script = """
from encodery.text.tokenizer import train_tokenizer
from encodery.text.unigram import UnigramSpec
from tests.text.test_wordpiece_vocabulary import text_of
tokenizer = train_tokenizer(UnigramSpec(vocab_size=499, input_sentence_size=200), text_of(5003))
print(tokenizer.kind.backend.to_str())
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={"OMP_NUM_THREADS": threads, "PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
        )
        for threads, seed in (("1", "1"), ("2", "2"))
    ]
    assert len(json.loads(runs[0].stdout)["model"]["vocab"]) == 499
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stderr == ""


def test_training_holds_only_the_lines_it_draws() -> None:
    script = """
import resource, sys
from encodery.text.tokenizer import train_tokenizer
from encodery.text.unigram import UnigramSpec
from tests.text.test_wordpiece_vocabulary import text_of
lines = text_of(5003)
train_tokenizer(UnigramSpec(vocab_size=499, input_sentence_size=400), lines)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
train_tokenizer(UnigramSpec(vocab_size=499, input_sentence_size=400), (" ".join(lines) for _ in range(997)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20, "MiB more for 30 MB of text"


@pytest.mark.parametrize("texts", [[], [""], ["  \n\t"]])
def test_no_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(UserError, match=r"^there is no text to train the vocabulary on; add text to the corpus$"):
        train_tokenizer(UnigramSpec(vocab_size=301), texts)


@pytest.mark.parametrize(
    ("vocab_size", "expected"),
    [
        (30_001, "vocab_size = 30001 is more than the text supports: at most [0-9]+; lower it or add text"),
        (
            17,
            "vocab_size = 17 is too small: special tokens and single characters take [0-9]+; "
            "raise vocab_size or lower character_coverage = 0.9995",
        ),
    ],
)
def test_a_size_that_the_text_does_not_support_is_refused(vocab_size: int, expected: str) -> None:
    with pytest.raises(UserError, match=f"^{expected}$"):
        train_tokenizer(UnigramSpec(vocab_size=vocab_size), SENTENCES)


def test_without_sentencepiece_training_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(UserError) as caught:
        train_tokenizer(UnigramSpec(), SENTENCES)
    assert str(caught.value) == (
        'tokenizer.type = "unigram" is trained by sentencepiece, which is not installed; '
        "try: pip install 'encodery[unigram]'"
    )


def test_transformers_opens_what_we_write_and_agrees(unigram: Tokenizer, peer: Any) -> None:
    assert type(peer).__name__ == "XLMRobertaTokenizer"
    assert (len(peer), peer.mask_token_id, peer.pad_token_id) == (421, 420, 1)
    for text in (*SENTENCES, "", "a <mask> b", " <mask>", "x  </s>\n"):
        for pair in (None, "the", "don't <mask>\n  stop"):
            for max_length in (None, 7, 31):
                check_same(unigram, peer, text, pair, max_length)
        ids = unigram.encode(text).input_ids
        assert unigram.decode(ids) == peer.decode(ids, skip_special_tokens=True)


@settings(max_examples=200)
@given(text=TEXTS, pair=st.none() | TEXTS.filter(bool))
def test_any_text_has_the_ids_of_transformers(unigram: Tokenizer, peer: Any, text: str, pair: str | None) -> None:
    check_same(unigram, peer, text, pair, None)


@pytest.mark.parametrize("keep", ["tokenizer.json", "sentencepiece.bpe.model"])
def test_load_gives_the_saved_tokenizer_from_either_file(unigram: Tokenizer, tmp_path: Path, keep: str) -> None:
    unigram.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    for name in set(FILES) - {keep}:
        (tmp_path / name).unlink()
    loaded = Tokenizer.load(tmp_path)
    for text in (*SENTENCES, "a <mask> b", "ﬁ Ａ e\u0301"):
        assert loaded.encode(text, "the") == unigram.encode(text, "the")
    loaded.save(tmp_path)
    unigram.save(tmp_path / "again")
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_transformers_reads_the_model_file_alone(unigram: Tokenizer, tmp_path: Path) -> None:
    from transformers import XLMRobertaTokenizer

    unigram.save(tmp_path)
    for name in set(FILES) - {"sentencepiece.bpe.model"}:
        (tmp_path / name).unlink()
    theirs = XLMRobertaTokenizer.from_pretrained(tmp_path)
    for text in SENTENCES:
        assert theirs(text)["input_ids"] == unigram.encode(text).input_ids


def shifted(ids: list[int]) -> list[int]:
    """SentencePiece's ids as fairseq numbers them."""
    return [index + 1 if index else 3 for index in ids]


def test_sentencepiece_reads_what_we_write(unigram: Tokenizer, tmp_path: Path) -> None:
    unigram.save(tmp_path)
    original = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "sentencepiece.bpe.model"))
    assert original.vocab_size() == 419
    for text in SENTENCES:
        assert unigram.encode_batch([text])[0].tolist() == shifted(original.encode(text))


def test_ids_of_the_original_implementation(shared_data: Path, tmp_path: Path) -> None:
    """A model of SentencePiece's own tests on 400 lines. Each ends in a carriage return, which is a piece there and
    white space for XLM-RoBERTa; it is taken off."""
    oracle = shared_data / "oracles/sentencepiece"
    (tmp_path / "sentencepiece.bpe.model").write_bytes((oracle / "test_model.model").read_bytes())
    tokenizer = Tokenizer.load(tmp_path)
    with gzip.open(oracle / "expected_en.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert len(rows) == 400
    assert tokenizer.vocab_size == 1002
    carriage_return = rows[0]["ids"][-1]
    for ids, row in zip(tokenizer.encode_batch([row["text"] for row in rows]), rows, strict=True):
        want = row["ids"][:-1] if row["ids"][-1] == carriage_return else row["ids"]
        assert ids.tolist() == shifted(want)


def test_a_folder_of_another_family(unigram: Tokenizer, tmp_path: Path) -> None:
    unigram.save(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "CamembertTokenizer"}')
    with pytest.raises(UserError) as caught:
        Tokenizer.load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/sentencepiece.bpe.model: it belongs to a 'CamembertTokenizer'; "
        "only XLMRobertaTokenizer's numbering of pieces is known"
    )


@pytest.mark.parametrize(
    ("part", "change", "reason"),
    [
        ("pre_tokenizer", {"type": "ByteLevel"}, "the pre-tokenizer ByteLevel"),
        ("normalizer", {"type": "Lowercase"}, "the normalizer Lowercase"),
    ],
)
def test_another_unigram_tokenizer(
    unigram: Tokenizer, tmp_path: Path, part: str, change: dict[str, Any], reason: str
) -> None:
    unigram.save(tmp_path)
    stored = json.loads((tmp_path / "tokenizer.json").read_text())
    extra = {"add_prefix_space": True, "trim_offsets": True, "use_regex": True} if part == "pre_tokenizer" else {}
    stored[part] = change | extra
    (tmp_path / "tokenizer.json").write_text(json.dumps(stored))
    with pytest.raises(UserError) as caught:
        Tokenizer.load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/tokenizer.json: the model is Unigram with {reason}; WordPiece with the prefix ##, "
        "byte-level BPE as RoBERTa has it, and Unigram as XLM-RoBERTa has it can be read"
    )
