"""What a training sequence is made of (Liu et al., "RoBERTa", 2019, sec. 4.2).

- `segment-pair`: two stretches of text of one or more sentences, as BERT has them, with next sentence prediction.
- `sentence-pair`: two natural sentences, with next sentence prediction.
- `full-sentences`: sentences as they follow each other, across documents, a separator between two of these.
- `doc-sentences`: the same, but never across documents.

The last two are without next sentence prediction. Where sequences are short more of them make a step: its size is
counted in tokens. No sequence ever sees another.
"""

from dataclasses import replace
from typing import Literal

from encodery.data.shards import Shards
from encodery.data.spans import Pieces, Segments, Windows, document_segments, whole_segments

InputFormat = Literal["segment-pair", "sentence-pair", "full-sentences", "doc-sentences"]

_PAIRS = ("segment-pair", "sentence-pair")


def choose_format(inputs: InputFormat | None, nsp: bool) -> InputFormat:
    """What was asked for, or what goes with next sentence prediction, or without it.

    Raises:
        ValueError: the one does not go with the other.
    """
    if nsp and inputs not in (None, *_PAIRS):
        raise ValueError(
            f'inputs = "{inputs}" has no pairs, and nsp = true predicts whether two texts follow each other; '
            'set nsp = false, or inputs = "segment-pair" or "sentence-pair"'
        )
    if not nsp and inputs in _PAIRS:
        raise ValueError(
            f'inputs = "{inputs}" makes pairs for next sentence prediction, and nsp = false; set nsp = true, '
            'or inputs = "full-sentences" or "doc-sentences"'
        )
    return inputs or ("segment-pair" if nsp else "doc-sentences")


def shape_windows(windows: Windows, inputs: InputFormat) -> Windows:
    """The windows whose pieces become sequences of this kind."""
    if inputs == "sentence-pair":  # short as they are
        return replace(windows, max_sentences=2, short_sequence_probability=0.0)
    return replace(windows, crosses_documents=inputs == "full-sentences")


def single_segments(shards: Shards, pieces: Pieces, max_tokens: int, inputs: InputFormat) -> Segments:
    """The pieces as sequences that are no pairs, of at most `max_tokens` with the separators inside them."""
    cut = document_segments if inputs == "full-sentences" else whole_segments
    return cut(shards, pieces, max_tokens)
