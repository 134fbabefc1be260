"""Online back-translation: the model, as it is, translates text of one language; what it says becomes the source, and
the text the translation to learn (Sennrich et al. 2016; made within the step as Lample et al. 2018,
"Phrase-based & neural unsupervised machine translation", section 2.3, and XLM do).
"""

from collections.abc import Sequence as Many
from dataclasses import replace
from itertools import chain, pairwise
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from encodery.batch import Batch, Sequence, pack
from encodery.data.translation_sequences import source_sequence
from encodery.model.generation import generate
from encodery.model.search import GenerationConfig, Targets
from encodery.model.translator import Translator
from encodery.objectives.vocabulary import Vocabulary

AT_ONCE = 1 << 14
"""Tokens that are translated at once: what is kept of each is memory."""
GREEDY = GenerationConfig(max_length_a=1.3, max_length_b=5)
"""As XLM: the most probable token each time, of at most `1.3 * length + 5`."""


Value = TypeVar("Value")


@runtime_checkable
class Sharing(Protocol):
    """The processes among which a step's translations are shared."""

    @property
    def rank(self) -> int:
        """Which of them this one is."""

    @property
    def world_size(self) -> int:
        """How many there are."""

    def gather(self, value: Value) -> list[Value]:
        """The value of each, in the order of their ranks; called by all of them."""


def back_translated(
    model: Translator,
    batch: Batch,
    into: Many[int | None],
    vocabulary: Vocabulary,
    max_seqlen: int,
    ranks: Sharing | None = None,
) -> Batch:
    """The batch with other sources: source `i` becomes its translation by the model into the language `into[i]`,
    of at most `max_seqlen` tokens, where that is not None; one without a word is an empty text. A function of weights
    and batch alone; each of several `ranks`, which all call this with the same batch, translates a share."""
    assert batch.source is not None
    sources = _sequences(batch.source)
    asked = [index for index, language in enumerate(into) if language is not None]
    if not asked:
        return batch
    spoken = torch.tensor([into[index] for index in asked], device=_device(model))
    whole = pack([sources[index] for index in asked])
    if ranks is None:
        told = _translated(model, whole, spoken, vocabulary)
    else:
        shares = whole.shares(ranks.world_size)
        own, before = shares[ranks.rank], sum(share.num_sequences for share in shares[: ranks.rank] if share)
        mine = _translated(model, own, spoken[before : before + own.num_sequences], vocabulary) if own else []
        told = [*chain.from_iterable(ranks.gather(mine))]
    for index, ids in zip(asked, told, strict=True):
        kept = [vocabulary.cls_token_id, *ids[: max_seqlen - 2], vocabulary.sep_token_id]
        sources[index] = source_sequence(kept, [0] * len(kept), into[index])
    return replace(batch, source=pack(sources))


def _translated(
    model: Translator, texts: Batch, spoken: Int[Tensor, " texts"], vocabulary: Vocabulary
) -> list[list[int]]:
    """The tokens of the translation of each text into the language that stands at its place in `spoken`."""
    never = tuple(sorted(vocabulary.special_ids - {vocabulary.sep_token_id}))
    told: list[list[int]] = []
    for part in texts.to(_device(model)).split(AT_ONCE):
        own = spoken[len(told) : len(told) + part.num_sequences]
        targets = Targets(vocabulary.cls_token_id, vocabulary.sep_token_id, never, own)
        told += [list(found[0].token_ids) for found in generate(model, part, targets, GREEDY)]
    return told


def _device(model: Translator) -> torch.device:
    return next(model.parameters()).device


def _sequences(batch: Batch) -> list[Sequence]:
    """What was packed, of sources alone: ids, types and languages."""
    ids = batch.input_ids.tolist()
    types = [0] * len(ids) if batch.token_type_ids is None else batch.token_type_ids.tolist()
    languages = None if batch.language_ids is None else batch.language_ids.tolist()
    return [
        Sequence(ids[a:b], types[a:b], language_ids=None if languages is None else languages[a:b])
        for a, b in pairwise(batch.cu_seqlens.tolist())
    ]
