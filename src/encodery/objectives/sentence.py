"""Next sentence prediction (Devlin et al., "BERT", 2019, sec. 3.1 and appendix A.2).

Half of the pairs are text as it was written; in the other half, B starts at a random sentence of another document.
With `single_sentences` A and B are one natural sentence each (Liu et al., "RoBERTa", 2019, sec. 4.2, SENTENCE-PAIR).
Three choices differ from BERT's script, each to leave the model nothing to go by but the meaning:
B comes from any *sentence* outside A's document, as the paper says (the script draws the document first, so that
short documents would give most of the random B and few of the true ones); it is like the B it replaces: the nearest
in length of a few that are drawn, without the first sentence of a document, with the last one if that B has it; and
a pair that is too long loses tokens at its outer ends, never at the seam. Where the corpus names languages, B is in
that of A: another one would give itself away.
"""

import numpy as np
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Int64, UInt64
from torch import Tensor

from encodery.batch import Batch
from encodery.data.keyed_random import below, extend, name, uniform
from encodery.data.shards import Shards
from encodery.data.spans import Pieces, Segments
from encodery.errors import UserError
from encodery.model.heads import Model

IS_NEXT, IS_RANDOM = 0, 1
"""Labels, as in Hugging Face's `BertForPreTraining`."""

_SPLIT, _RANDOM, _SENTENCE = (name(f"next sentence: {purpose}") for purpose in ("split", "is random", "sentence"))
"""Names of draws behind that of a sequence, beside the positions of its tokens."""
_CANDIDATES = 8
"""Texts drawn for a random B, of which one is taken."""
_WORSE_THAN_ANY_LENGTH = 1 << 40

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
            pieces.document[is_random], wanted, self._closes(pieces)[is_random], extend(streams[is_random], _SENTENCE)
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

    def _closes(self, pieces: Pieces) -> Bool[np.ndarray, " sequences"]:
        """Whether the last sentence of each piece is that of its document."""
        return np.asarray(pieces.last == self._shards.documents.at(pieces.document + 1))

    def _elsewhere(
        self,
        document: Index,
        wanted: Index,
        closes: Bool[np.ndarray, " sequences"],
        draws: UInt64[np.ndarray, " sequences"],
    ) -> tuple[Index, Index]:
        """Whole sentences of another document of the same language, one or about `wanted` tokens of them, with the
        document's last one or without it: their start and their length."""
        shape = (len(document), _CANDIDATES)
        draws = extend(draws[:, None], np.arange(_CANDIDATES)[None]).ravel()
        document, wanted, closes = (np.repeat(values, _CANDIDATES) for values in (document, wanted, closes))
        start, length, fits = self._candidates(self._any_sentence(document, draws), wanted, closes)
        misses = np.abs(length - wanted) + np.where(fits, 0, _WORSE_THAN_ANY_LENGTH)
        best = misses.reshape(shape).argmin(axis=1)
        best += np.arange(len(best)) * _CANDIDATES
        return start[best], length[best]

    def _any_sentence(self, document: Index, draws: UInt64[np.ndarray, " sequences"]) -> Index:
        """A sentence outside each document, but in its language."""
        documents = self._shards.documents
        own_first = documents.at(document)
        own_count = documents.at(document + 1) - own_first
        low, count = self._sentences_of_language(document)
        sentence = low + below(draws, count - own_count)
        return np.asarray(sentence + np.where(sentence >= own_first, own_count, 0))

    def _candidates(
        self, sentence: Index, wanted: Index, closes: Bool[np.ndarray, " sequences"]
    ) -> tuple[Index, Index, Bool[np.ndarray, " sequences"]]:
        """Text from each sentence on, or with which its document ends: start, length, and whether it fits. What fits
        is without the document's first sentence, and without its last one where that is not asked for."""
        sentences, documents = self._shards.sentences, self._shards.documents
        document = self._shards.document_of(sentence)
        limit = documents.at(document + 1)
        low = np.minimum(documents.at(document) + 1, limit - 1)
        if self._single_sentences:
            first = np.where(closes, limit - 1, np.maximum(sentence, low))
            return self._judged(first, first + 1, document, closes)
        first = np.clip(sentence, low, np.maximum(limit - 2, low))
        first_closing = self._nearest(sentences.at(limit) - wanted, low, limit - 1)
        first = np.where(closes, first_closing, first)
        last = self._nearest(sentences.at(first) + wanted, first + 1, np.maximum(limit - 1, first + 1))
        return self._judged(first, np.where(closes, limit, last), document, closes)

    def _judged(
        self, first: Index, last: Index, document: Index, closes: Bool[np.ndarray, " sequences"]
    ) -> tuple[Index, Index, Bool[np.ndarray, " sequences"]]:
        """Start and length of the sentences `first : last`, and whether they lie in their document as they should."""
        sentences, documents = self._shards.sentences, self._shards.documents
        start = sentences.at(first)
        fits = (first > documents.at(document)) & ((last == documents.at(document + 1)) == closes)
        return start, sentences.at(last) - start, fits

    def _nearest(self, token: Index, low: Index, high: Index) -> Index:
        """The sentence in `low : high + 1` that begins nearest to a token."""
        sentences = self._shards.sentences
        after = np.clip(sentences.search(token, "left"), low, high)
        before = np.maximum(after - 1, low)
        nearer = sentences.at(after) - token <= token - sentences.at(before)
        return np.asarray(np.where(nearer, after, before))

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
