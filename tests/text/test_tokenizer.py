"""The tokenizer: encoding, offsets, truncation, specials; parity with `transformers` is in test_folder."""

import os
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from encodery.text.pieces import PIECE_CHARS
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from encodery.text.wordpiece import BERT_SPECIAL_TOKENS, WordPiece, WordPieceSpec, build_backend
from tests.text.scripts import SENTENCES

SPECIALS = list(BERT_SPECIAL_TOKENS.values())
LETTERS = "abcdeéiosßuzäøñ漢字あд!.,'😀\u0301"
WORDS = ["the", "river", "run", "##ning", "new"]
VOCABULARY = [*SPECIALS, *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS]


def make(lowercase: bool = True, strip_accents: bool | None = None) -> Tokenizer:
    return Tokenizer(
        WordPiece(build_backend(VOCABULARY, SPECIALS, lowercase, strip_accents, True), BERT_SPECIAL_TOKENS)
    )


TOKENIZER = make()


def tokens_of(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.id_to_token(int(index)) for index in tokenizer.encode_batch([text])[0]]


def test_ids_of_the_special_tokens() -> None:
    assert TOKENIZER.pad_token_id == 0
    assert TOKENIZER.unk_token_id == 1
    assert TOKENIZER.cls_token_id == 2
    assert TOKENIZER.sep_token_id == 3
    assert TOKENIZER.mask_token_id == 4
    assert TOKENIZER.special_ids == frozenset(range(5))
    assert TOKENIZER.vocab_size == 5 + 2 * 25 + 5


def test_words_are_split_into_pieces() -> None:
    assert tokens_of(TOKENIZER, "The river runs, running!") == [
        "the",
        "river",
        "run",
        "##s",
        ",",
        "run",
        "##ning",
        "!",
    ]


def test_special_tokens_in_the_text_are_recognised() -> None:
    assert tokens_of(TOKENIZER, "the [MASK] runs") == ["the", "[MASK]", "run", "##s"]


def test_continues_word_marks_the_pieces() -> None:
    marked = {TOKENIZER.id_to_token(int(index)) for index in np.flatnonzero(TOKENIZER.continues_word)}
    assert marked == {"##ning"} | {f"##{letter}" for letter in LETTERS}
    assert TOKENIZER.continues_word.shape == (TOKENIZER.vocab_size,)


def test_token_to_id_and_back() -> None:
    index = TOKENIZER.token_to_id("river")
    assert index is not None
    assert TOKENIZER.id_to_token(index) == "river"
    assert TOKENIZER.token_to_id("nowhere") is None


def test_decode_leaves_special_tokens_out() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("The new river runs!").input_ids) == "the new river runs!"


def test_encode_batch_gives_int32_and_keeps_the_order() -> None:
    first, second, empty = TOKENIZER.encode_batch(["the river", "new", ""])
    assert first.dtype == second.dtype == empty.dtype == np.int32
    assert first.tolist() == [TOKENIZER.token_to_id("the"), TOKENIZER.token_to_id("river")]
    assert second.tolist() == [TOKENIZER.token_to_id("new")]
    assert empty.tolist() == []
    assert TOKENIZER.encode_batch([]) == []


def test_encode_of_one_text() -> None:
    encoding = TOKENIZER.encode("New runs")
    assert [TOKENIZER.id_to_token(index) for index in encoding.input_ids] == ["[CLS]", "new", "run", "##s", "[SEP]"]
    assert encoding.offsets == [(0, 0), (0, 3), (4, 7), (7, 8), (0, 0)]
    assert encoding.token_type_ids == [0, 0, 0, 0, 0]
    assert not encoding.truncated


def test_encode_of_a_pair_counts_offsets_in_each_text() -> None:
    encoding = TOKENIZER.encode("the new", "river runs")
    names = [TOKENIZER.id_to_token(index) for index in encoding.input_ids]
    assert names == ["[CLS]", "the", "new", "[SEP]", "river", "run", "##s", "[SEP]"]
    assert encoding.token_type_ids == [0, 0, 0, 0, 1, 1, 1, 1]
    assert encoding.offsets == [(0, 0), (0, 3), (4, 7), (0, 0), (0, 5), (6, 9), (9, 10), (0, 0)]


@pytest.mark.parametrize(
    ("first", "second", "max_length", "kept"),
    [
        (7, None, 9, (7, 0)),
        (7, None, 6, (4, 0)),
        (7, None, 2, (0, 0)),
        (2, 11, 10, (2, 5)),
        (11, 2, 10, (5, 2)),
        (11, 13, 10, (3, 4)),
        (13, 11, 10, (4, 3)),
        (5, 5, 13, (5, 5)),
        (5, 5, 12, (4, 5)),
    ],
)
def test_truncation_takes_from_the_longer_text(
    first: int, second: int | None, max_length: int, kept: tuple[int, int]
) -> None:
    pair = None if second is None else "new " * second
    encoding = TOKENIZER.encode("the " * first, pair, max_length)
    the, new = TOKENIZER.token_to_id("the"), TOKENIZER.token_to_id("new")
    assert (encoding.input_ids.count(the or 0), encoding.input_ids.count(new or 0)) == kept
    assert encoding.truncated == (kept != (first, second or 0))
    assert len(encoding.input_ids) == len(encoding.offsets) == len(encoding.token_type_ids) <= max_length


def test_room_for_less_than_the_special_tokens_is_a_mistake_of_the_program() -> None:
    with pytest.raises(AssertionError, match="max_length = 2 leaves no room"):
        TOKENIZER.encode("the", "new", max_length=2)


# What normalisation may do to a stretch of text: nothing, lower-case, drop accents, drop control characters.
@settings(max_examples=300)
@given(
    text=st.text(
        st.sampled_from("aéABÉÄ ñÑßøØİ漢字あД!.,'\t\n\u00a0\u200b\u0301\u0308\x00\x1f😀👩🏽🇰🇪zo"), max_size=29
    )
    | st.text(max_size=13),
    lowercase=st.booleans(),
    strip_accents=st.sampled_from([None, True, False]),
)
@example(text="e\u0301a\u200bÉ 漢A😀É", lowercase=True, strip_accents=None)
@example(text="İz", lowercase=True, strip_accents=False)
def test_offsets_cover_what_a_token_came_from(text: str, lowercase: bool, strip_accents: bool | None) -> None:
    tokenizer = make(lowercase, strip_accents)
    encoding = tokenizer.encode(text)
    position = 0
    for index, (start, end) in zip(encoding.input_ids[1:-1], encoding.offsets[1:-1], strict=True):
        assert 0 <= position <= start < end <= len(text)
        token = tokenizer.id_to_token(index)
        if token not in SPECIALS:
            assert token.removeprefix("##") in normal(text[start:end], lowercase, strip_accents)
        position = start


def normal(text: str, lowercase: bool, strip_accents: bool | None) -> str:
    """BERT's normalisation, written down again from its description."""
    if lowercase if strip_accents is None else strip_accents:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return text.lower() if lowercase else text


@settings(max_examples=200)
@given(text=st.text(st.sampled_from("thernuivs éÉ漢あ!.\n\t[MASK]"), max_size=37))
def test_encode_and_encode_batch_agree(text: str) -> None:
    assert TOKENIZER.encode(text).input_ids[1:-1] == TOKENIZER.encode_batch([text])[0].tolist()


def test_long_texts_give_the_ids_and_offsets_of_the_whole() -> None:
    unit = "the new river runs,running.漢字 Éa [MASK]\n"
    repeats = 3 * PIECE_CHARS // len(unit)
    one, many = TOKENIZER.encode(unit), TOKENIZER.encode(unit * repeats)
    inner = one.input_ids[1:-1]
    assert many.input_ids == [2, *inner * repeats, 3]
    shift = (repeats - 1) * len(unit)
    assert many.offsets[-1 - len(inner) : -1] == [(a + shift, b + shift) for a, b in one.offsets[1:-1]]
    batch = TOKENIZER.encode_batch(["new", unit * repeats, "the"])
    assert [ids.tolist() for ids in batch] == [
        [TOKENIZER.token_to_id("new")],
        inner * repeats,
        [TOKENIZER.token_to_id("the")],
    ]


def test_a_long_text_is_encoded_only_as_far_as_it_is_kept() -> None:
    encoding = TOKENIZER.encode("the " * 2_000_003, "new " * 2_000_003, max_length=509)
    assert len(encoding.input_ids) == 509
    assert encoding.truncated


def test_encoding_a_megabyte_takes_bounded_memory() -> None:
    script = """
import resource, sys
from tests.text.test_tokenizer import TOKENIZER
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
text = "the new river runs, running. " * 100_003
TOKENIZER.encode_batch([text])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 250, "MiB for 2.9 million characters"


def test_a_fork_after_encoding_in_threads_is_silent_and_safe() -> None:
    script = """
import os
from tests.text.test_tokenizer import TOKENIZER
texts = ["the new river runs"] * 997
want = [ids.tolist() for ids in TOKENIZER.encode_batch(texts)]
child = os.fork()
got = [ids.tolist() for ids in TOKENIZER.encode_batch(texts)]
if child == 0:
    os._exit(0 if got == want and os.environ["TOKENIZERS_PARALLELISM"] == "false" else 1)
assert os.waitpid(child, 0)[1] == 0 and "TOKENIZERS_PARALLELISM" not in os.environ
"""
    environment = {key: value for key, value in os.environ.items() if key != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("vocab_size", [15, 1_000_001])
def test_the_size_of_the_vocabulary_has_bounds(vocab_size: int) -> None:
    with pytest.raises(ValueError, match="vocab_size"):
        WordPieceSpec(vocab_size=vocab_size)


@pytest.mark.parametrize("kind", ["wordpiece", "byte-bpe"])
def test_the_same_text_gives_the_same_vocabulary_in_any_process_and_order(kind: str) -> None:
    script = """
import sys
from encodery.text.tokenizer import parse_spec, train_tokenizer
from tests.text.test_wordpiece_vocabulary import text_of, vocabulary_of
lines = text_of(3001)
if sys.argv[2] == "reversed":
    lines.reverse()
print(*vocabulary_of(train_tokenizer(parse_spec({"type": sys.argv[1], "vocab_size": 601}, "here"), lines)))
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", script, kind, order],
            capture_output=True,
            text=True,
            check=True,
            env={"RAYON_NUM_THREADS": threads, "PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
        ).stdout
        for order, threads, seed in (("as is", "1", "1"), ("reversed", "2", "2"), ("as is", "4", "3"))
    ]
    assert len(runs[0].split()) == 601
    assert runs[0] == runs[1] == runs[2]


def test_texts_that_are_cut_ahead_are_cut_no_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["The river.", "a city", "", "The river.", "x " * 20_000]
    tokenizer = train_tokenizer(WordPieceSpec(vocab_size=809, min_frequency=1), SENTENCES)
    alone = [tokenizer.cut(text) for text in texts]
    tokenizer.cut_ahead(texts)
    assert [cut.ids for cut in map(tokenizer.cut, texts)] == [cut.ids for cut in alone]
    assert [cut.offsets for cut in map(tokenizer.cut, texts)] == [cut.offsets for cut in alone]
    asked: list[str] = []
    encode = tokenizer.kind.encode_ids

    def noted(text: str, limit: int | None) -> list[int]:
        asked.append(text)
        return encode(text, limit)

    monkeypatch.setattr(tokenizer.kind, "encode_ids", noted)
    for text in texts:
        tokenizer.cut(text)
    assert asked == [texts[4]]  # long ones may be cut no further than they are read
    tokenizer.cut_ahead([])
    tokenizer.cut("a city")
    assert asked == [texts[4], "a city"]
