"""The synthetic text: the same everywhere, natural in its lengths, the same tokens in either layout."""

from pathlib import Path

import numpy as np
import pytest

from encodery.bench.text import (
    MAX_SEQLEN,
    NUM_TEXTS,
    SPECIAL_TOKENS,
    VOCAB_SIZE,
    Text,
    padding_ratio,
    shards_folder,
    vocabulary_file,
    write_workload,
)
from encodery.data.shards import Shards


@pytest.fixture(scope="module")
def text() -> Text:
    return Text.make()


def test_text_is_the_same_every_time(text: Text) -> None:
    again = Text.make()
    assert np.array_equal(text.ids, again.ids)
    assert np.array_equal(text.lengths, again.lengths)
    assert len(text.lengths) == NUM_TEXTS
    assert text.ids[:5].tolist() == [1999, 4336, 790, 10181, 7]


def test_lengths_are_natural(text: Text) -> None:
    assert text.lengths.min() == 6
    assert text.lengths.max() == MAX_SEQLEN - 2
    assert text.lengths.sum() == len(text.ids)
    assert text.mean_tokens("natural") == pytest.approx(48.5, abs=0.1)
    assert text.mean_tokens("packed") == 128.0


def test_padding_ratio_is_that_of_english_paragraphs(text: Text) -> None:
    assert padding_ratio(text.lengths + 2, 32) == pytest.approx(2.57, abs=0.03)
    assert padding_ratio(text.lengths + 2, 1) == 1.0


def test_padding_ratio_by_hand() -> None:
    # batches (2, 5, 3) and (7, 1, 1); the 11 at the end fills no batch
    lengths = np.array([2, 5, 3, 7, 1, 1, 11])
    assert padding_ratio(lengths, 3) == pytest.approx((15 + 21) / (10 + 9))


def test_frequencies_follow_zipf(text: Text) -> None:
    counts = np.bincount(text.ids, minlength=VOCAB_SIZE)
    assert counts[: len(SPECIAL_TOKENS)].sum() == 0
    assert text.ids.max() < VOCAB_SIZE
    # rank 1 against rank 10 and rank 100, shifted by 2.7
    assert counts[5] / counts[14] == pytest.approx(11.7 / 2.7, rel=0.05)
    assert counts[5] / counts[104] == pytest.approx(101.7 / 2.7, rel=0.1)


def test_packed_blocks_are_the_natural_texts_end_to_end(text: Text) -> None:
    blocks = text.sequences("packed")
    assert {len(block) for block in blocks} == {MAX_SEQLEN - 2}
    assert len(blocks) % 512 == 0
    stream = np.concatenate(blocks)
    assert np.array_equal(stream, np.concatenate(text.sequences("natural"))[: len(stream)])
    assert len(text.ids) - len(stream) < 512 * 126


def test_natural_sequences_have_the_lengths(text: Text) -> None:
    assert [len(sequence) for sequence in text.sequences("natural")] == text.lengths.tolist()


def test_workload_on_disk(tmp_path: Path) -> None:
    text = Text.make(1501)
    write_workload(text, tmp_path)
    loaded = Text.load(tmp_path)
    assert np.array_equal(loaded.ids, text.ids)
    assert np.array_equal(loaded.lengths, text.lengths)
    words = vocabulary_file(tmp_path).read_text(encoding="utf-8").split("\n")
    assert words[:6] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "w0"]
    assert len(set(words[:-1])) == VOCAB_SIZE
    natural = Shards.open(shards_folder(tmp_path, "natural"), verify=True)
    assert (natural.num_documents, natural.num_tokens) == (1501, len(text.ids))
    packed = Shards.open(shards_folder(tmp_path, "packed"), verify=True)
    assert (packed.num_documents, packed.num_tokens) == (1, 126 * 512)
