"""Windows over long texts: every token has one owner, in the window where it has most context."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.tasks.windows import Encoded, Reading, read_windows, spread
from encodery.text.tokenizer import Tokenizer
from tests.tasks.conftest import WORDS, make_tokenizer

TOKENIZER = make_tokenizer()


def read(text: str, pair: str | None = None, slide: str = "longer", **keys: object) -> Encoded:
    reading = Reading.parse({"max_seqlen": 11, **keys}, "run.toml")
    return read_windows(TOKENIZER, reading, text, pair, "in.jsonl:7", None, slide)  # type: ignore[arg-type]


def text_of(encoded: Encoded, place: int) -> list[int]:
    """The ids of the sliding text in a window."""
    window = encoded.windows[place]
    return [*window.sequence.input_ids[window.place : window.place + window.stop - window.start]]


@given(st.integers(0, 211), st.integers(1, 23), st.data())
def test_every_token_has_one_owner_with_most_context(num_tokens: int, room: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(0, room - 1))
    windows = spread(num_tokens, room, stride)
    owners: dict[int, tuple[int, int]] = {}
    for start, stop, own_start, own_stop in windows:
        assert 0 <= start <= own_start <= own_stop <= stop <= num_tokens
        assert stop - start == min(room, num_tokens)
        for token in range(own_start, own_stop):
            assert token not in owners
            owners[token] = (start, stop)
    assert sorted(owners) == list(range(num_tokens))
    for token, (start, stop) in owners.items():
        best = max(min(token - a, b - 1 - token) for a, b, _, _ in windows if a <= token < b)
        assert min(token - start, stop - 1 - token) >= best - 1 or start == 0 or stop == num_tokens
    for (start, stop, _, _), (following, *_) in pairwise(windows[:-1]):
        assert stop - following == stride
        assert following > start


@given(st.lists(st.sampled_from(WORDS), max_size=61), st.integers(0, 10))
def test_windows_hold_the_text_once(words: list[str], stride: int) -> None:
    encoded = read(" ".join(words), stride=stride)
    whole = TOKENIZER.cut(" ".join(words)).ids
    assert [text_of(encoded, i) for i in range(len(encoded.windows))] == [
        whole[window.start : window.stop] for window in encoded.windows
    ]
    owned = [i for window in encoded.windows for i in window.sequence.input_ids[window.own]]
    assert owned == whole
    assert all(len(sequence.input_ids) <= 11 for sequence in encoded.sequences)
    assert not encoded.truncated


@given(st.lists(st.sampled_from(WORDS), max_size=9))
def test_a_text_that_fits_is_read_as_ever(words: list[str]) -> None:
    (window,) = read(" ".join(words)).windows
    plain = TOKENIZER.encode(" ".join(words))
    assert window.sequence.input_ids == plain.input_ids
    assert window.sequence.token_type_ids == plain.token_type_ids


@pytest.mark.parametrize("pair", ["city city", "city " * 23])
@pytest.mark.parametrize("text", ["river", "river " * 23])
def test_of_a_pair_the_longer_text_slides(text: str, pair: str) -> None:
    encoded = read(text, pair)
    lengths = (len(text.split()), len(pair.split()))
    fixed, sliding = (text, pair) if lengths[1] > lengths[0] else (pair, text)
    assert encoded.cut.ids == TOKENIZER.cut(sliding).ids
    kept = min(lengths) if sum(lengths) <= 8 else min(4, *lengths)
    for window in encoded.windows:
        assert list(window.sequence.input_ids).count(TOKENIZER.cut(fixed).ids[0]) >= kept
    assert encoded.truncated == (min(lengths) > 4)
    owned = [i for window in encoded.windows for i in window.sequence.input_ids[window.own]]
    assert owned == encoded.cut.ids


def test_a_question_never_slides() -> None:
    encoded = read("river " * 9, "city " * 2, slide="text_pair")
    assert encoded.truncated
    (window,) = encoded.windows
    assert list(window.sequence.token_type_ids or ()) == [0] * 8 + [1] * 3


@given(st.integers(0, 23), st.integers(0, 23))
def test_of_a_question_no_more_is_cut_than_must_be(question: int, context: int) -> None:
    """Eight tokens of text: half of them are the question's, and what the context leaves free."""
    encoded = read("river " * question, "city " * context, slide="text_pair")
    kept = question if question + context <= 8 else min(question, max(4, 8 - context))
    river = TOKENIZER.cut("river").ids[0]
    for window in encoded.windows:
        assert list(window.sequence.input_ids).count(river) == kept
        assert len(window.sequence.input_ids) == min(11, 3 + kept + context)
    assert encoded.truncated == (kept < question)
    assert [i for window in encoded.windows for i in window.sequence.input_ids[window.own]] == encoded.cut.ids


def test_neighbours_share_a_quarter_of_the_room() -> None:
    windows = read("river " * 100).windows
    assert [window.stop - after.start for window, after in pairwise(windows[:-1])] == [2] * (len(windows) - 2)


def test_a_text_may_be_cut_instead() -> None:
    encoded = read("river " * 100, on_overflow="truncate")
    assert encoded.truncated
    assert len(encoded.windows) == 1
    assert len(encoded.sequences[0].input_ids) == 11


def test_a_text_may_be_refused() -> None:
    with pytest.raises(UserError) as error:
        read("river " * 100, on_overflow="error")
    assert str(error.value) == (
        'in.jsonl:7: 102 tokens, but max_seqlen = 11 and on_overflow = "error"; shorten the text, raise '
        'max_seqlen, or set on_overflow = "window"'
    )
    assert len(read("river " * 9, on_overflow="error").windows) == 1


def test_a_stride_as_long_as_a_window() -> None:
    with pytest.raises(UserError) as error:
        Reading.parse({"max_seqlen": 11, "stride": 11}, "run.toml")
    assert str(error.value) == "run.toml: stride = 11 must be below max_seqlen = 11"


def test_languages_reach_every_token(tokenizer: Tokenizer) -> None:
    encoded = read_windows(tokenizer, Reading(max_seqlen=11), "river " * 30, None, "in.jsonl:7", 3)
    assert all(list(s.language_ids or ()) == [3] * len(s.input_ids) for s in encoded.sequences)
