"""Text rewritten by expressions: the result is that of `re.sub`, and each character knows its source."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.text.traced import Traced, joined

RULES = [
    (r"\r", ""),
    (r"\(", " ("),
    (r" +", " "),
    (r"\) ([.!:?;,])", r")\g<1>"),
    (r"(\d) %", r"\g<1>%"),
    (r'"([,.]+)', r'\g<1>"'),
    (r'(\.+)"(\s*[^<])', r'"\g<1>\g<2>'),
    ("([a-zA-Z])’([a-zA-Z])", r"\g<1>'\g<2>"),
    ("(\\d)\u00a0(\\d)", r"\g<1>.\g<2>"),
    ("…", "..."),
    (r"。\s*", ". "),
]
TEXTS = st.text(st.sampled_from('ab1 \r()".,%’\u00a0…。<'), max_size=17)


def sources(traced: Traced, raw: str) -> list[tuple[str, str]]:
    return [(new, raw[start:end]) for new, (start, end) in zip(traced.text, traced.spans, strict=True)]


@pytest.mark.parametrize(
    ("raw", "rule", "expected"),
    [
        ("a…b", ("…", "..."), [("a", "a"), (".", "…"), (".", "…"), (".", "…"), ("b", "b")]),
        ("1 %", (r"(\d) %", r"\g<1>%"), [("1", "1"), ("%", " %")]),
        ('x",', (r'"([,.]+)', r'\g<1>"'), [("x", "x"), (",", '",'), ('"', '"')]),
        ('."U', (r'(\.+)"(\s*[^<])', r'"\g<1>\g<2>'), [('"', '."'), (".", "."), ("U", "U")]),
        ("a’b", ("([a-z])’([a-z])", r"\g<1>'\g<2>"), [("a", "a"), ("'", "’"), ("b", "b")]),
        ("a\rb", (r"\r", ""), [("a", "a"), ("b", "b")]),
        ("abc", ("b", lambda match: match[0] * 2), [("a", "a"), ("b", "b"), ("b", "b"), ("c", "c")]),
    ],
)
def test_sources(raw: str, rule: tuple[str, str], expected: list[tuple[str, str]]) -> None:
    assert sources(Traced.of(raw).sub(re.compile(rule[0]), rule[1]), raw) == expected


@given(TEXTS, st.lists(st.sampled_from(RULES), max_size=7))
def test_any_chain_of_rules(raw: str, rules: list[tuple[str, str]]) -> None:
    traced, plain = Traced.of(raw), raw
    for rule in rules:
        traced, plain = traced.sub(re.compile(rule[0]), rule[1]), re.sub(*rule, plain)
        assert traced.text == plain
        starts = [start for start, _ in traced.spans]
        assert starts == sorted(starts)
        for new, old in sources(traced, raw):
            assert new in old or not new.isalnum(), "letters and digits are never made of others"
            assert old


@given(TEXTS)
def test_strip_and_keep(raw: str) -> None:
    traced = Traced.of(raw).strip()
    assert traced.text == raw.strip()
    kept = traced.keep(character == "a" for character in traced.text)
    assert sources(kept, raw) == [("a", "a")] * raw.count("a")


def test_words_are_carried_over_white_space() -> None:
    raw = " ab\u00a0 c d"
    words = Traced.of(raw).carried(["a", "bc", " ", "d"])
    assert [sources(word, raw) for word in words] == [
        [("a", "a")],
        [("b", "b"), ("c", "c")],
        [(" ", " ")],
        [("d", "d")],
    ]
    assert joined(words).text == "a bc   d"
    assert joined(words).spans == [(1, 2), (2, 2), (2, 3), (5, 6), (6, 6), (6, 7), (7, 7), (7, 8)]
    assert joined([]) == Traced("", [])


def test_a_word_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="'x' is not at 0 of 'ab'"):
        Traced.of("ab").carried(["x"])
