"""Rare tokens are hidden more often than frequent ones (Lample and Conneau 2019, "XLM", sec. 3.3).

XLM draws the tokens of a batch from a multinomial distribution, with weights count^-alpha (`--sample_alpha 0.5` in
its code). Here each token is drawn for itself, with a probability in that proportion: whether one is hidden says
nothing of the others, and the text has the mask rate on average.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64


class Smoothing:
    """A token is hidden with the probability min(1, factor * weight): its weight is count^-alpha, the factor gives
    the mask rate."""

    def __init__(
        self,
        counts: Int64[np.ndarray, " vocab_size"],
        is_special: Bool[np.ndarray, " vocab_size"],
        alpha: float,
    ) -> None:
        """`counts` says how often each id occurs; special tokens are never hidden."""
        self.weights = np.where(is_special, 0.0, np.maximum(counts, 1.0) ** -alpha)
        """Of each id."""
        self._counts = np.where(is_special, 0, counts)
        seen = np.flatnonzero(~is_special & (counts > 0))
        seen = seen[np.argsort(counts[seen], kind="stable")]
        share = counts[seen] / max(1, counts[seen].sum())
        weights = self.weights[seen]
        # the rate as a function of the factor is straight between the factors at which another token reaches 1
        certain = np.cumsum(share)
        mean = share * weights
        self._factors = np.append(0.0, 1 / weights)
        self._rates = np.append(0.0, certain + self._factors[1:] * (mean.sum() - np.cumsum(mean)))

    def factors(self, rates: Float64[np.ndarray, "*rates"]) -> Float64[np.ndarray, "*rates"]:
        """What `weights` are multiplied by for each of the mask rates."""
        return np.asarray(np.interp(rates, self._rates, self._factors))

    def entropy(self, rate: float) -> float:
        """Of the tokens that are hidden at this mask rate, in nats: the loss of a model that knows only how often
        each is. Rare ones are more often among them than in the text, so it is above that of the text."""
        hidden = self._counts * np.minimum(1.0, self.factors(np.asarray(rate)) * self.weights)
        shares: Float64[np.ndarray, " seen"] = hidden[hidden > 0] / hidden.sum()
        return float(-(shares * np.log(shares)).sum())
