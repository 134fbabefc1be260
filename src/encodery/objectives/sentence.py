"""Next sentence prediction (Devlin et al., "BERT", 2019, sec. 3.1 and appendix A.2).

Half of the pairs are text as it was written; in the other half, B starts at a random sentence of another document.
With `single_sentences` A and B are one natural sentence each (Liu et al., "RoBERTa", 2019, sec. 4.2, SENTENCE-PAIR).
Three choices differ from BERT's script, each to leave the model nothing to go by but the meaning:
B starts at any *sentence* outside A's document with equal chance, as the paper says (the script draws the document
first, so that short documents would give most of the random B and few of the true ones); it is about as long as the B
it replaces; and a pair that is too long loses tokens at its outer ends, never at the seam. Where the corpus names
languages, B is in A's: another one would give itself away.
"""

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float, Int, Int64, UInt64
from torch import Tensor

from encodery.batch import Batch
from encodery.data.keyed_random import below, extend, uniform
from encodery.data.shards import Shards
from encodery.data.spans import Pieces, Segments
from encodery.errors import UserError
from encodery.model.heads import Model

IS_NEXT, IS_RANDOM = 0, 1
"""Labels, as in Hugging Face's `BertForPreTraining`."""

_SPLIT, _RANDOM, _SENTENCE = range(2**41, 2**41 + 3)
"""Beyond any position: a token's draw is named by its position behind the same stream, and what is hidden would tell
what the label is."""

Index = Int64[np.ndarray, " sequences"]


class NextSentence:
    """Makes pairs of text and scores whether the model knows which belong together."""

    def __init__(self, shards: Shards, single_sentences: bool = False) -> None:
        if shards.num_documents < 2:
            raise UserError(
                f"nsp = true: next sentence prediction needs at least 2 documents to tell apart, the corpus has "
                f"{shards.num_documents}; separate documents by a blank line, or set nsp = false"
            )
        self._shards = shards
        self._single_sentences = single_sentences
        first = shards.first_documents()
        self._languages = np.array([0, shards.num_documents]) if first is None else first

    def prepare(
        self, pieces: Pieces, streams: UInt64[np.ndarray, " sequences"], max_tokens: int
    ) -> tuple[Segments, Index]:
        """A pair (A, B) of at most `max_tokens` for each piece, and its label.

        A piece is split at a random sentence boundary. A piece of one sentence has no next: its B is always random.
        """
        start_of = self._shards.sentences.at
        count = pieces.last - pieces.first
        middle = pieces.first + 1 + below(extend(streams, _SPLIT), np.maximum(count - 1, 1))
        is_random = (uniform(extend(streams, _RANDOM)) < 0.5) | (count == 1)
        a_start, b_start, end = start_of(pieces.first), start_of(middle), start_of(pieces.last)
        a_length, b_length = b_start - a_start, end - b_start
        wanted = np.where(count == 1, a_length, b_length)[is_random]
        b_start[is_random], b_length[is_random] = self._elsewhere(
            pieces.document[is_random], wanted, extend(streams[is_random], _SENTENCE)
        )
        a_kept, b_kept = truncate_pairs(a_length, b_length, max_tokens)
        segments = Segments(
            starts=np.stack([a_start + a_length - a_kept, b_start], axis=1),
            lengths=np.stack([a_kept, b_kept], axis=1),
        )
        return segments, np.where(is_random, IS_RANDOM, IS_NEXT)

    def rows(self, batch: Batch) -> Int[Tensor, " sequences"]:
        """The tokens whose hidden states the loss reads: the `[CLS]` of each pair."""
        return batch.first_tokens

    def loss(
        self, model: Model, hidden: Float[Tensor, "sequences hidden"], batch: Batch
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """Cross-entropy summed over the pairs, and how many of them are told right."""
        assert batch.sequence_labels is not None
        logits = model.heads["nsp"](model.pool(hidden)).float()
        loss_sum = F.cross_entropy(logits, batch.sequence_labels, reduction="sum")
        return loss_sum, (logits.argmax(-1) == batch.sequence_labels).sum()

    def _elsewhere(
        self, document: Index, wanted: Index, draws: UInt64[np.ndarray, " sequences"]
    ) -> tuple[Index, Index]:
        """Whole sentences of another document of the same language, one or about `wanted` tokens of them: their start
        and their length."""
        sentences, documents = self._shards.sentences, self._shards.documents
        own_first = documents.at(document)
        own_count = documents.at(document + 1) - own_first
        low, count = self._sentences_of_language(document)
        first = low + below(draws, count - own_count)
        first += np.where(first >= own_first, own_count, 0)
        start = sentences.at(first)
        if self._single_sentences:
            return start, sentences.at(first + 1) - start
        limit = documents.at(self._shards.document_of(first) + 1)
        # the sentence boundary nearest to the wanted end: not always the one after it, or random B would be longer
        after = np.clip(sentences.search(start + wanted, "left"), first + 1, limit)
        before = np.maximum(after - 1, first + 1)
        end_after, end_before = sentences.at(after), sentences.at(before)
        nearer = np.where(end_after - start - wanted <= start + wanted - end_before, end_after, end_before)
        return start, nearer - start

    def _sentences_of_language(self, document: Index) -> tuple[Index, Index]:
        """The first of the sentences among which those like each document's are, and how many these are. A document
        that is alone in its language has only others to be told from."""
        language = np.searchsorted(self._languages, document, "right") - 1
        alone = np.diff(self._languages)[language] == 1
        low = np.where(alone, 0, self._languages[language])
        high = np.where(alone, self._shards.num_documents, self._languages[language + 1])
        first = self._shards.documents.at(low)
        return first, self._shards.documents.at(high) - first


def truncate_pairs(
    a_length: Int[np.ndarray, " pairs"], b_length: Int[np.ndarray, " pairs"], max_tokens: int
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Lengths after taking tokens from the longer side (from B when even) until the pair fits."""
    a_kept = np.minimum(a_length, np.maximum(max_tokens - b_length, max_tokens - max_tokens // 2))
    return a_kept, np.minimum(b_length, max_tokens - a_kept)
