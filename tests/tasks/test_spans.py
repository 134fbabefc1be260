"""The best spans of windows are those that a loop over all of them finds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encodery.tasks.spans import Logits, TokenSpan, best_spans, null_score
from encodery.tasks.windows import Encoded, Reading, read_windows
from tests.tasks.conftest import make_tokenizer

TOKENIZER = make_tokenizer()


def encode(num_tokens: int, question: int = 2, max_seqlen: int = 17, stride: int = 5) -> Encoded:
    reading = Reading(max_seqlen=max_seqlen, stride=stride)
    texts = ("farmer " * question, "river " * num_tokens)
    return read_windows(TOKENIZER, reading, *texts, "in.jsonl:7", slide="text_pair")


def random_logits(encoded: Encoded, seed: int, levels: int = 1000) -> list[Logits]:
    """Few levels give many equal scores."""
    rng = np.random.default_rng(seed)
    sizes = [len(sequence.input_ids) for sequence in encoded.sequences]
    return [rng.integers(-levels, levels, (size, 2)).astype(np.float32) / 7 for size in sizes]


def every_span(encoded: Encoded, outputs: list[Logits], max_tokens: int) -> list[TokenSpan]:
    """By definition: each beginning in its own window, each end in that window behind it."""
    found = []
    for window, logits in zip(encoded.windows, outputs, strict=True):
        shift = window.place - window.start
        for first in range(window.own_start, window.own_stop):
            for last in range(first, min(first + max_tokens, window.stop)):
                score = float(logits[first + shift, 0]) + float(logits[last + shift, 1])
                found.append(TokenSpan(first, last, score))
    return sorted(found, key=lambda span: (-span.score, span.first, span.last))


@given(
    st.integers(0, 61), st.integers(1, 40), st.integers(1, 23), st.integers(0, 1 << 20), st.sampled_from([1, 3, 1000])
)
def test_the_best_are_found(num_tokens: int, max_tokens: int, count: int, seed: int, levels: int) -> None:
    encoded = encode(num_tokens)
    outputs = random_logits(encoded, seed, levels)
    assert best_spans(encoded.windows, outputs, max_tokens, count) == every_span(encoded, outputs, max_tokens)[:count]


@given(st.integers(1, 9), st.integers(0, 1 << 20))
def test_windows_change_nothing_for_a_text_that_fits(num_tokens: int, seed: int) -> None:
    """12 tokens of text fit: one window, every token in it its own, every span in the text."""
    encoded = encode(num_tokens)
    (window,) = encoded.windows
    (logits,) = outputs = random_logits(encoded, seed)
    text = logits[window.place : window.place + num_tokens].astype(np.float64)
    sums = text[:, None, 0] + text[None, :, 1]
    assert best_spans(encoded.windows, outputs, 99, 1)[0].score == sums[np.triu_indices(num_tokens)].max()


def test_no_span_begins_outside_of_the_text() -> None:
    """The model is surest of the question and of the special tokens."""
    encoded = encode(31)
    outputs = [np.full((len(sequence.input_ids), 2), 99.0, np.float32) for sequence in encoded.sequences]
    for window, logits in zip(encoded.windows, outputs, strict=True):
        logits[window.place : window.place + window.stop - window.start] = 0.0
    assert all(span.score == 0.0 for span in best_spans(encoded.windows, outputs, 7, 500))


def test_a_span_that_two_windows_hold_counts_once() -> None:
    encoded = encode(31)
    spans = best_spans(encoded.windows, random_logits(encoded, 3), 30, 10_000)
    places = [(span.first, span.last) for span in spans]
    assert len(set(places)) == len(places)
    assert {first for first, _ in places} == set(range(31))


def test_no_answer_is_what_no_window_contradicts() -> None:
    outputs = [np.array([[3.0, 2.0], [9.0, 9.0]], np.float32), np.array([[1.0, 2.5], [0.0, 0.0]], np.float32)]
    assert null_score(outputs) == 3.5
