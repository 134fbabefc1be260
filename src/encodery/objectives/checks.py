"""Text, vocabulary and settings that do not go together, said before the first step."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int64

from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.objectives.vocabulary import Vocabulary


def numbered_languages(shards: Shards, lang2id: Mapping[str, int]) -> Int64[np.ndarray, " languages"]:
    """For each language of the shards, its number.

    Raises:
        UserError: one has none.
    """
    for language in shards.languages:
        if language not in lang2id:
            what = f"is in the language {language!r:.80}" if language else "does not say its language"
            raise UserError(
                f"corpus: some text {what}, but the model's languages are {', '.join(lang2id)}; give each input "
                "one of these as its language"
            )
    return np.array([lang2id[language] for language in shards.languages], np.int64)


def check_text(
    shards: Shards, vocabulary: Vocabulary, max_seqlen: int, tokens_per_step: int, special_tokens: int
) -> None:
    """Settings that cannot work, said before the first step."""
    if shards.vocab_size != vocabulary.vocab_size:
        raise UserError(
            f"the token shards were written with a vocabulary of {shards.vocab_size:,}, this one has "
            f"{vocabulary.vocab_size:,}; write the shards again with the tokenizer that the model uses"
        )
    if not shards.num_documents:
        raise UserError("the token shards hold no text; write them again from a corpus that has some")
    if max_seqlen < special_tokens + 2:
        raise UserError(
            f"max_seqlen = {max_seqlen}: must be at least {special_tokens + 2}, for {special_tokens} special tokens "
            f"and some text"
        )
    if tokens_per_step < max_seqlen:
        raise UserError(
            f"tokens_per_step = {tokens_per_step}: must be at least max_seqlen = {max_seqlen}; raise the one "
            f"or lower the other"
        )
