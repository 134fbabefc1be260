"""Text laid out in sequences, as what hides tokens gets it."""

import numpy as np

from encodery.data.keyed_random import keyed_uint64
from encodery.data.layout import PackedText, lay_out
from encodery.data.shard_writer import Document
from encodery.data.shards import Shards
from encodery.data.spans import Windows, whole_segments
from tests.data.synthetic import documents
from tests.objectives.vocabularies import CLS, SEP, UNK


def with_unknowns(num_documents: int, most_tokens: int, share: float) -> list[Document]:
    """Documents of which that share of the tokens is unknown."""
    corpus = documents(num_documents, most_tokens)
    random = np.random.default_rng(1)
    for document in corpus:
        for sentence in document:
            sentence[random.random(len(sentence)) < share] = UNK
    return corpus


def whole_text(shards: Shards, span: int, with_sentences: bool = False) -> PackedText:
    """All of it, in sequences of at most `span` tokens between the special ones."""
    windows = Windows(shards, span, 7)
    segments = whole_segments(shards, windows.pieces(0, windows.num_windows), span)
    return lay_out(shards, segments, CLS, SEP, with_sentences=with_sentences)


def streams_of(text: PackedText) -> np.ndarray:
    """What names the draws of each sequence."""
    return keyed_uint64(7, np.arange(len(text.bounds) - 1))


def one_step(text: PackedText) -> np.ndarray:
    """Bounds of a single step that has all sequences."""
    return np.array([0, len(text.bounds) - 1])
