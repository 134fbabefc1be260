"""In which order aligned sentences come: all in one, or the pairs of each two languages in turns."""

import numpy as np
from jaxtyping import Int64

from encodery.data.keyed_random import keyed_uint64, permute
from encodery.data.languages import AS_IT_IS, sampling_shares
from encodery.data.mixture import CYCLE, Mixture
from encodery.data.pairs import Pairs
from encodery.errors import UserError

_MOST = CYCLE // 64
_TURNS = 0x9A125  # names these draws apart from those of the order


class PairOrder:
    """An endless order of pairs, shuffled anew each epoch; any place of it is found at once.

    With an `alpha` below 1, two languages that have a share q of the pairs have a share p ∝ q ** alpha of the places,
    and epochs of their own.
    """

    def __init__(self, pairs: Pairs, alpha: float, seed: int) -> None:
        """Raises `UserError` if pairs cannot be sampled: they do not say their languages, or these are too many."""
        self._seed = seed
        self._total = len(pairs)
        bounds = pairs.shards.first_documents()
        first = np.zeros(1, np.int64) if bounds is None else bounds[:-1]
        counts = np.array([self._total]) if bounds is None else np.diff(bounds)
        there = np.flatnonzero(counts)
        self.names = tuple(pairs.shards.languages[number] for number in there) if bounds is not None else ()
        """Those of the two languages of each part; none where pairs do not say theirs."""
        self.first, self.counts = first[there], counts[there]
        """Of each part, its first pair and how many it has."""
        self._mixture: Mixture | None = None
        self.shares = self.counts / self._total
        """Of each part, in what is read."""
        if alpha == AS_IT_IS:
            return
        if not self.names or len(self.names) > _MOST:
            what = (
                f"{len(self.names):,} pairs of languages, of which {_MOST:,} can be sampled" if self.names else "none"
            )
            raise UserError(
                f"pretrain.objective.pair_alpha = {alpha} samples pairs by their languages, but corpus.parallel "
                f"names {what}; leave pair_alpha out, or name the languages of source and target"
            )
        self.shares = sampling_shares(self.counts, alpha)
        self._mixture = Mixture(self.shares.tolist(), int(keyed_uint64(seed, _TURNS)))

    def at(self, places: Int64[np.ndarray, " places"]) -> Int64[np.ndarray, " places"]:
        """The pair at each place."""
        if self._mixture is None:
            epoch, index = np.divmod(places, self._total)
            return permute(index, self._total, keyed_uint64(self._seed, epoch))
        part, turn = self._mixture.locate(places)
        epoch, index = np.divmod(turn, self.counts[part])
        return np.asarray(self.first[part] + permute(index, self.counts[part], keyed_uint64(self._seed, epoch, part)))

    def epochs(self, start: int, stop: int) -> dict[str, float]:
        """How often the places `start : stop` read the pairs of each two languages."""
        if self._mixture is None:
            return dict.fromkeys(self.names, (stop - start) / self._total)
        turns = self._mixture.turns_before(stop) - self._mixture.turns_before(start)
        return dict(zip(self.names, (turns / self.counts).tolist(), strict=True))
