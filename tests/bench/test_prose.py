"""The text that encoders are measured on: fitted to real text, and the same everywhere."""

import hashlib

from encodery.bench.prose import make_lines


def test_words_occur_again_as_often_as_in_novels() -> None:
    words = [word for line in make_lines(3.0) for word in line.split(" ")]
    assert abs(len(words) / 540_784 - 1) < 0.02
    assert 1.0 < len(set(words)) / 53_945 < 1.2
    assert 5.4 < 3e6 / len(words) < 5.7  # bytes, with a space: 5.55 in the novels


def test_the_text_is_the_same_every_time() -> None:
    first, second = make_lines(0.1), make_lines(0.1)
    assert first == second
    assert sum(len(line.encode()) + 1 for line in first) >= 100_000
    assert make_lines(0.2)[: len(first)] == first


def test_another_text_would_be_another_benchmark() -> None:
    digest = hashlib.sha256("\n".join(make_lines(0.01)).encode()).hexdigest()
    assert digest[:16] == "35d6ca56df6f8c90"
