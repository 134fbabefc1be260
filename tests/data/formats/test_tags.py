"""Tag schemes: exact conversions, conlleval's reading of faulty tags, and schemes found out from files."""

import re
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.formats.tags import (
    SchemeEvidence,
    Span,
    TagScheme,
    from_iob2,
    spans_of_tags,
    split_tag,
    tags_of_spans,
    to_iob2,
)
from encodery.errors import UserError

SCHEMES: tuple[TagScheme, ...] = ("IOB1", "IOB2", "IOBES", "BILOU")
EXAMPLE = {
    "IOB1": "I-PER I-PER B-PER O I-LOC I-ORG I-ORG I-ORG O",
    "IOB2": "B-PER I-PER B-PER O B-LOC B-ORG I-ORG I-ORG O",
    "IOBES": "B-PER E-PER S-PER O S-LOC B-ORG I-ORG E-ORG O",
    "BILOU": "B-PER L-PER U-PER O U-LOC B-ORG I-ORG L-ORG O",
}
SPANS = [Span(0, 2, "PER"), Span(2, 3, "PER"), Span(4, 5, "LOC"), Span(5, 8, "ORG")]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_by_hand(scheme: TagScheme) -> None:
    tags = EXAMPLE[scheme].split()
    assert spans_of_tags(tags) == SPANS
    assert tags_of_spans(SPANS, 9, scheme) == tags
    assert to_iob2(tags, scheme) == EXAMPLE["IOB2"].split()
    assert from_iob2(EXAMPLE["IOB2"].split(), scheme) == tags


@st.composite
def spans_and_length(draw: st.DrawFn) -> tuple[list[Span], int]:
    pieces = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(["A", "B-C", "é"]))))
    spans, at = [], 0
    for gap, size, label in pieces:
        spans.append(Span(at + gap, at + gap + size, label))
        at += gap + size
    return spans, at + draw(st.integers(0, 2))


@given(spans_and_length(), st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
def test_conversions_are_exact(given_spans: tuple[list[Span], int], one: TagScheme, other: TagScheme) -> None:
    spans, length = given_spans
    tags = tags_of_spans(spans, length, one)
    assert spans_of_tags(tags) == spans
    assert from_iob2(to_iob2(tags, one), other) == tags_of_spans(spans, length, other)


@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "L-B", "U-B"])))
def test_any_tags_decode_to_spans_that_tags_can_say(tags: list[str]) -> None:
    spans = spans_of_tags(tags)
    assert sum(span.stop - span.start for span in spans) == sum(tag != "O" for tag in tags)
    assert spans_of_tags(tags_of_spans(spans, len(tags))) == spans


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("I-A", [Span(0, 1, "A")]),
        ("O I-A I-A", [Span(1, 3, "A")]),
        ("B-A I-B", [Span(0, 1, "A"), Span(1, 2, "B")]),
        ("B-A E-B I-B", [Span(0, 1, "A"), Span(1, 2, "B"), Span(2, 3, "B")]),
        ("S-A I-A E-A", [Span(0, 1, "A"), Span(1, 3, "A")]),
        ("B-A NN I-A", [Span(0, 1, "A"), Span(2, 3, "A")]),
    ],
)
def test_faulty_tags_decode_as_by_conlleval(tags: str, spans: list[Span]) -> None:
    assert spans_of_tags(tags.split()) == spans


def test_counts_of_conlleval(shared_data: Path) -> None:
    """Its sample has the faults that matter: 459 phrases, 539 found, 371 of them right."""
    folder = shared_data / "oracles/conlleval"
    found: list[set[tuple[int, Span]]] = [set(), set()]
    # conlleval takes a blank line for a word outside
    rows = [line.split() or ["", "", "O", "O"] for line in (folder / "ground_truth.txt").read_text().splitlines()]
    for column in (2, 3):
        found[column - 2] = {(0, span) for span in spans_of_tags([row[column] for row in rows])}
    expected = re.search(
        r"with (\d+) phrases; found: (\d+) phrases; correct: (\d+)",
        (folder / "ground_truth.conlleval.txt").read_text(),
    )
    assert expected is not None
    assert (len(found[0]), len(found[1]), len(found[0] & found[1])) == tuple(map(int, expected.groups()))


def test_labels_may_hold_dashes() -> None:
    assert split_tag("B-ART-X") == ("B", "ART-X")
    assert [split_tag(tag) for tag in ("O", "NN", "X-Y", "B-", "B", "-")] == [
        ("O", ""), ("", "NN"), ("", "X-Y"), ("", "B-"), ("", "B"), ("", "-")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([Span(0, 2, "A"), Span(1, 3, "B")], "words 1:3 (B) overlap 0:2 (A); tags hold one entity per word"),
        ([Span(3, 6, "A")], "words 3:6 (A) are not within the 5 words"),
        ([Span(2, 2, "A")], "words 2:2 (A) are not within the 5 words"),
    ],
)
def test_what_tags_cannot_say(spans: list[Span], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        tags_of_spans(spans, 5)


def evidence(*sentences: str) -> SchemeEvidence:
    found, line = SchemeEvidence(), 1
    for sentence in sentences:
        tags = sentence.split()
        found.add(tags, list(range(line, line + len(tags))))
        line += len(tags) + 1
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_schemes_are_found(scheme: TagScheme) -> None:
    assert evidence("O O", EXAMPLE[scheme]).scheme("f") == scheme


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (["O O O"], "IOB2"),
        (["B-A I-A", "O I-A"], "IOB2"),  # a fault, not another scheme: the first B- is none of IOB1
        (["I-A B-A"], "IOB1"),
        (["NN VB", "DT O"], "plain"),
    ],
)
def test_schemes_of_few_tags(sentences: list[str], scheme: str) -> None:
    assert evidence(*sentences).scheme("f") == cast(TagScheme, scheme)


def test_mixed_tags_are_refused() -> None:
    with pytest.raises(
        UserError, match=re.escape("f:3: the tag 'PER' has no prefix while others have one; allowed: ")
    ):
        evidence("B-PER O PER").scheme("f")
    with pytest.raises(UserError, match=re.escape("f:4: the tag 'U-PER' mixes IOBES (E-, S-) with BILOU (L-, U-)")):
        evidence("S-PER O", "U-PER").scheme("f")
