"""Shares and their harmonic mean, for whole arrays of sums."""

import numpy as np


def ratio(part: np.ndarray, whole: np.ndarray, empty: float = 0.0) -> np.ndarray:
    """`part / whole`, and `empty` where there is nothing to divide by."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    result: np.ndarray = np.divide(part, whole, out=np.full(shape, empty), where=whole > 0)
    return result


def mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """NaN where nothing was counted: a mean of nothing is not 0."""
    return ratio(total, count, empty=np.nan)


def harmonic(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """F1, rounded step by step as `seqeval` and conlleval do, to the same bits; 0 where both are 0."""
    return ratio(2 * precision * recall, precision + recall)
