"""A made-up vocabulary: five special tokens, and every third of the others continues a word."""

import numpy as np

from encodery.objectives.vocabulary import Vocabulary
from tests.data.synthetic import NUM_SPECIAL, VOCAB_SIZE

PAD, UNK, CLS, SEP, MASK = range(NUM_SPECIAL)


def vocabulary(vocab_size: int = VOCAB_SIZE) -> Vocabulary:
    ids = np.arange(vocab_size)
    return Vocabulary(
        vocab_size=vocab_size,
        cls_token_id=CLS,
        sep_token_id=SEP,
        mask_token_id=MASK,
        pad_token_id=PAD,
        special_ids=frozenset(range(NUM_SPECIAL)),
        continues_word=(ids % 3 == 0) & (ids >= NUM_SPECIAL),
    )
