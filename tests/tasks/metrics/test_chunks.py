"""Tags to spans: by hand, at the corners, and against `seqeval`."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.tasks.metrics import chunks


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-PER I-PER O B-LOC", [(0, 2, "PER"), (3, 4, "LOC")]),
        ("I-PER I-PER B-PER I-LOC", [(0, 2, "PER"), (2, 3, "PER"), (3, 4, "LOC")]),
        ("B-PER E-PER S-PER I-PER", [(0, 2, "PER"), (2, 3, "PER"), (3, 4, "PER")]),
        ("B-PER L-PER U-PER U-PER", [(0, 2, "PER"), (2, 3, "PER"), (3, 4, "PER")]),
        ("B-A-B I-A-B", [(0, 2, "A-B")]),
        ("B I O I", [(0, 2, "_"), (3, 4, "_")]),
        ("O", []),
        ("", []),
    ],
)
def test_spans_by_hand(tags: str, spans: list[tuple[int, int, str]]) -> None:
    assert chunks(tags.split()) == spans


@pytest.mark.parametrize("tag", ["PER", "X-PER", "", "b-PER", "B" * 99])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(UserError) as error:
        chunks(["O", tag])
    assert str(error.value) == (f"tag = {tag!r:.80}: a tag is O, or one of B, I, E, S, L, U with a label, as B-PER")


TAGS = st.sampled_from(["O", *(f"{kind}-{label}" for kind in "BIES" for label in ("PER", "LOC"))])


@settings(max_examples=211)
@given(st.lists(TAGS, max_size=11))
def test_spans_equal_those_of_seqeval(tags: list[str]) -> None:
    seqeval: Any = pytest.importorskip("seqeval.metrics.sequence_labeling")
    assert chunks(tags) == [(start, end + 1, label) for label, start, end in seqeval.get_entities(tags)]
