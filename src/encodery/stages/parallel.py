"""The `parallel` stage: aligned sentences as token shards of their own, each document a pair."""

from collections.abc import Iterator
from itertools import islice, tee
from pathlib import Path
from typing import Any

import numpy as np

from encodery.corpus.pair_filter import Dropped, PairFilter
from encodery.corpus.parallel import SentencePair, read_pairs
from encodery.data.pairs import Pairs, pair_label
from encodery.data.shard_writer import write_shards
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.objectives.translation import SPECIAL_TOKENS
from encodery.recipe import CorpusTable
from encodery.stages.engine import Metrics, Run, tokenizer_folder
from encodery.stages.text import is_held_out
from encodery.text.tokenizer import Tokenizer

PARALLEL = "parallel"
_PAIRS_AT_ONCE = 1024


def build_parallel(run: Run, into: Path, work: Path) -> Metrics:
    """Every pair as the ids of its two sides, the training and the held-out part."""
    corpus = run.recipe.corpus
    assert corpus is not None
    tokenizer = Tokenizer.load(tokenizer_folder(run))
    metrics = {}
    for split in ("train", "valid"):
        folder = into / split
        folder.mkdir()
        wanted = PairFilter(corpus.clean_parallel, run.base)
        encoded = EncodedPairs(tokenizer, wanted(_pairs(corpus, run.base, split)), wanted.dropped)
        documents, labels = tee(encoded)
        write_shards(
            (document for document, _ in documents),
            folder,
            tokenizer.vocab_size,
            languages=(label for _, label in labels),
            max_sentence_tokens=None,
        )
        shards = Shards.open(folder)
        dropped = wanted.dropped
        if not shards.num_documents:
            raise UserError(
                f"corpus.parallel: no pair is in the {split} part{_of_dropped(dropped)}; add text, name "
                f"corpus.valid_parallel, or change corpus.valid_fraction = {corpus.valid_fraction}"
            )
        metrics[split] = {
            "pairs": len(Pairs(shards)),
            "dropped_pairs": dropped.counts.total(),
            "dropped": dropped.to_json(),
            "tokens": shards.num_tokens,
        }
        if dropped.counts:
            run.note(f"{PARALLEL}: {split}: {len(Pairs(shards)):,} pairs{_of_dropped(dropped)}")
    return metrics


def pair_facts(shards: Shards, max_seqlen: int) -> dict[str, Any]:
    """How many pairs there are to learn from, and how many are cut because they are longer than a sequence."""
    pairs = Pairs(shards)
    _, cut = pairs.kept(max_seqlen - SPECIAL_TOKENS)
    return {"pairs": len(pairs), "cut_pairs": cut}


def _pairs(corpus: CorpusTable, base: Path, split: str) -> Iterator[SentencePair]:
    """One part. Pairs are held out by what their source says: no copy of it falls on the other side."""
    if corpus.valid_parallel:
        return read_pairs(corpus.parallel if split == "train" else corpus.valid_parallel, base)
    held_out = split == "valid"
    return (
        pair
        for pair in read_pairs(corpus.parallel, base)
        if is_held_out(pair.source, corpus.valid_fraction) == held_out
    )


def _of_dropped(dropped: Dropped) -> str:
    """How many pairs were left out, for what, and where the first of each kind is."""
    reasons = (
        f"{number:,} {reason} (the first: {dropped.samples[reason][0]['place']})"
        for reason, number in dropped.counts.most_common()
    )
    return f"; {dropped.counts.total():,} left out: {', '.join(reasons)}" if dropped.counts else ""


class EncodedPairs:
    """Pairs as ids, with the name of their languages; many share one call of the tokenizer.

    A pair without a token on a side is left out and counted as empty.
    """

    def __init__(self, tokenizer: Tokenizer, pairs: Iterator[SentencePair], dropped: Dropped) -> None:
        self._tokenizer = tokenizer
        self._pairs = pairs
        self._dropped = dropped

    def __iter__(self) -> Iterator[tuple[list[np.ndarray], str]]:
        while chunk := list(islice(self._pairs, _PAIRS_AT_ONCE)):
            ids = self._tokenizer.encode_batch([side for pair in chunk for side in (pair.source, pair.target)])
            for pair, source, target in zip(chunk, ids[::2], ids[1::2], strict=True):
                if len(source) and len(target):
                    yield [source, target], pair_label(*pair.languages)
                else:
                    self._dropped.add("empty", pair)
