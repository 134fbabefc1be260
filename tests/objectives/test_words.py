"""Words of the five families' vocabularies, each trained on a text: hidden whole, bounded as they were written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encodery.data.keyed_random import keyed_uint64
from encodery.data.layout import PackedText, lay_out
from encodery.data.spans import Segments
from encodery.objectives.masked import MaskedConfig, MaskedLM
from encodery.objectives.words import find_words
from encodery.stages.reading import vocabulary_of
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.moses_bpe import MosesBpeSpec
from encodery.text.tokenizer import Tokenizer, TokenizerSpec, train_tokenizer
from encodery.text.unigram import UnigramSpec
from encodery.text.wordpiece import WordPieceSpec
from tests.data.synthetic import stored
from tests.text.test_wordpiece_vocabulary import text_of

SPECS: dict[str, TokenizerSpec] = {
    "wordpiece (BERT, DistilBERT)": WordPieceSpec(vocab_size=211),
    "byte-bpe (RoBERTa)": ByteBpeSpec(vocab_size=401),
    "byte-bpe without a space before the text": ByteBpeSpec(vocab_size=401, add_prefix_space=False),
    "unigram (XLM-R)": UnigramSpec(vocab_size=211),
    "moses-bpe (XLM)": MosesBpeSpec(vocab_size=211),
}
SENTENCES = ["everyone has rights", "no one shall be held in slavery", "all are equal before the law"] * 101
TEXT = [*SENTENCES[:30], *text_of(3001)]


@pytest.fixture(scope="module", params=SPECS, ids=lambda name: name.split()[0])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return train_tokenizer(SPECS[request.param], TEXT)


@pytest.fixture
def laid_out(tokenizer: Tokenizer, tmp_path: Path) -> PackedText:
    """Each three sentences one sequence."""
    document = [ids.astype(np.int64) for ids in tokenizer.encode_batch(SENTENCES)]
    shards = stored(tmp_path / "shards", [document], tokenizer.vocab_size)
    starts = shards.sentences.at(np.arange(0, len(SENTENCES) + 1, 3))
    segments = Segments(starts[:-1, None], np.diff(starts)[:, None])
    return lay_out(shards, segments, tokenizer.cls_token_id, tokenizer.sep_token_id, with_sentences=True)


def test_tokens_are_grouped_into_the_words_of_the_text(tokenizer: Tokenizer, laid_out: PackedText) -> None:
    words = find_words(laid_out, vocabulary_of(tokenizer))
    assert words.sizes.sum() == len(laid_out.text_ids)
    assert words.sizes.max() > 1, "the vocabulary cuts no word: this test would show nothing"
    spelled = [
        tokenizer.decode(laid_out.text_ids[start : start + size].tolist()).strip().lower()
        for start, size in zip(words.starts, words.sizes, strict=True)
    ]
    assert spelled == " ".join(SENTENCES).lower().split()
    assert np.flatnonzero(words.opens_part).tolist() == list(range(0, len(spelled), 16))


def test_without_the_beginnings_of_sentences_words_may_run_together(tmp_path: Path) -> None:
    """Why the text must say where they are: byte-level BPE need not mark the first word of a text."""
    tokenizer = train_tokenizer(ByteBpeSpec(vocab_size=401, add_prefix_space=False), TEXT)
    document = [ids.astype(np.int64) for ids in tokenizer.encode_batch(SENTENCES[:2])]
    shards = stored(tmp_path / "shards", [document], tokenizer.vocab_size)
    segments = Segments(np.array([[0]]), np.array([[shards.num_tokens]]))
    counts = [
        len(find_words(lay_out(shards, segments, 0, 2, with_sentences=told), vocabulary_of(tokenizer)).starts)
        for told in (True, False)
    ]
    assert counts == [10, 9]


@pytest.mark.parametrize("settings", [{"whole_word": True}, {"span": {}}], ids=["whole_word", "span"])
def test_no_word_is_split(tokenizer: Tokenizer, laid_out: PackedText, settings: dict[str, Any]) -> None:
    config = MaskedConfig.parse({**settings, "mask_probability": 0.3}, "test")
    streams = keyed_uint64(3, np.arange(101))
    masked = MaskedLM(config, vocabulary_of(tokenizer)).corrupt(laid_out, streams, np.array([0, 101]))
    hidden = np.zeros(len(laid_out.input_ids), bool)
    hidden[masked.label_index] = True
    words = find_words(laid_out, vocabulary_of(tokenizer))
    per_word = np.add.reduceat(hidden[laid_out.text_index].astype(int), words.starts)
    assert ((per_word == 0) | (per_word == words.sizes)).all()
    assert 0.2 < hidden[laid_out.text_index].mean() < 0.4
    assert (per_word[words.sizes > 1] > 0).any()
