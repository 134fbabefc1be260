"""Texts in blocks."""

from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.dedup.blocks import blocks


@given(st.lists(st.text(max_size=9)), st.integers(1, 23))
def test_blocks_are_the_texts_in_order_and_bounded(texts: list[str], characters: int) -> None:
    found = list(blocks(texts, characters))
    assert [text for block in found for text in block] == texts
    assert all(len(block) == 1 or sum(len(text) + 1 for text in block) <= characters + 1 for block in found)
    assert all(found)
