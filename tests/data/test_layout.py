"""Special tokens, positions and token types of packed sequences."""

from pathlib import Path

import numpy as np
import pytest

from encodery.data.layout import lay_out, num_special_tokens
from encodery.data.shards import Shards
from encodery.data.spans import Segments
from tests.data.synthetic import counting_documents, stored

CLS, SEP = 2, 3


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return stored(tmp_path / "shards", counting_documents([3, 5, 2], 7))


def test_single_texts(shards: Shards) -> None:
    segments = Segments(starts=np.array([[3], [0]]), lengths=np.array([[2], [1]]))
    text = lay_out(shards, segments, CLS, SEP)
    assert text.input_ids.tolist() == [CLS, 8, 9, SEP, CLS, 5, SEP]
    assert text.position_ids.tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert text.token_type_ids is None
    assert text.bounds.tolist() == [0, 4, 7]
    assert text.text_ids.tolist() == [8, 9, 5]
    assert text.text_index.tolist() == [1, 2, 5]
    assert text.text_bounds.tolist() == [0, 2, 3]


def test_pairs(shards: Shards) -> None:
    segments = Segments(starts=np.array([[3, 20], [0, 1]]), lengths=np.array([[2, 3], [1, 1]]))
    text = lay_out(shards, segments, CLS, SEP)
    assert text.input_ids.tolist() == [CLS, 8, 9, SEP, 25, 26, 27, SEP, CLS, 5, SEP, 6, SEP]
    assert text.token_type_ids is not None
    assert text.token_type_ids.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1]
    assert text.position_ids.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4]
    assert text.bounds.tolist() == [0, 8, 13]
    assert text.text_bounds.tolist() == [0, 5, 7]
    assert text.input_ids[text.text_index].tolist() == text.text_ids.tolist()


@pytest.mark.parametrize("parts", [1, 2])
def test_special_tokens_are_counted_as_they_are_laid_out(shards: Shards, parts: int) -> None:
    segments = Segments(starts=np.zeros((1, parts), int), lengths=np.full((1, parts), 7))
    assert len(lay_out(shards, segments, CLS, SEP).input_ids) == 7 * parts + num_special_tokens(parts)


def test_each_part_is_in_the_language_of_its_document(tmp_path: Path) -> None:
    corpus = counting_documents([3, 5, 2], 7)
    shards = stored(tmp_path / "shards", corpus, languages=["en", "de", "en"])
    segments = Segments(starts=np.array([[3, 21], [60, 0]]), lengths=np.array([[2, 3], [1, 1]]))
    text = lay_out(shards, segments, CLS, SEP, np.array([7, 11]))
    assert text.language_ids is not None
    # "de" lies before "en": its document is the first
    assert text.language_ids.tolist() == [7] * 8 + [11] * 3 + [7] * 2
    assert lay_out(shards, segments, CLS, SEP).language_ids is None


def test_any_number_of_parts(shards: Shards) -> None:
    """A part without text is not there, and neither is its separator."""
    lengths = np.array([[2, 1, 3], [4, 0, 0], [1, 2, 0]])
    starts = np.array([[3, 20, 30], [0, 0, 0], [5, 40, 40]])
    text = lay_out(shards, Segments(starts, lengths, are_pairs=False), CLS, SEP)
    first = [CLS, 8, 9, SEP, 25, SEP, 35, 36, 37, SEP]
    assert text.input_ids.tolist() == [*first, CLS, 5, 6, 7, 8, SEP, CLS, 10, SEP, 45, 46, SEP]
    assert text.bounds.tolist() == [0, 10, 16, 22]
    assert text.position_ids.tolist() == [*range(10), *range(6), *range(6)]
    assert text.token_type_ids is None
    assert text.text_bounds.tolist() == [0, 6, 10, 13]
    assert text.input_ids[text.text_index].tolist() == text.text_ids.tolist()


def test_sentences_begin_where_they_do_in_the_corpus(shards: Shards) -> None:
    segments = Segments(starts=np.array([[3, 21], [7, 1]]), lengths=np.array([[12, 7], [1, 6]]))
    text = lay_out(shards, segments, CLS, SEP, with_sentences=True)
    assert text.sentence_starts is not None
    assert text.sentence_starts.tolist() == [4, 11, 12, 19]  # at 7, 14 and 21, and again at 7
    assert ((text.text_ids[text.sentence_starts] - 5) % 7 == 0).all()
    assert lay_out(shards, segments, CLS, SEP).sentence_starts is None
