"""Randomness without state: every draw is a function of the keys that name it.

A draw named (seed, step, sequence, position) is the same on every machine, in every order of evaluation and after any
seek, so there is no generator to save, to split among workers or to get out of step.

Where one draw names several others, their keys must differ: those behind a count (a step, a position) have a `name`.

The mixing function is splitmix64's (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
"""

import hashlib

import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROOT = np.uint64(0x243F6A8885A308D3)
_ROUNDS = 3


def name(purpose: str) -> int:
    """A key for the draws of one purpose, never that of a count: it is 2**63 at least, and no int64 is."""
    return int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "little") | 2**63


def extend(
    state: UInt64[np.ndarray, "*#shape"], *keys: int | Integer[np.ndarray, "*#shape"]
) -> UInt64[np.ndarray, "..."]:
    """The draws named by the draws `state` and further keys; shapes broadcast."""
    with np.errstate(over="ignore"):
        for key in keys:
            word = np.uint64(key % 2**64) if isinstance(key, int) else key.astype(np.uint64, copy=False)
            state = _mix(np.asarray(word * _GOLDEN + state))
    return state


def keyed_uint64(*keys: int | Integer[np.ndarray, "*#shape"]) -> UInt64[np.ndarray, "..."]:
    """Uniform 64-bit words named by `keys`; shapes broadcast, integers alone give a zero-dimensional array."""
    return extend(np.asarray(_ROOT), *keys)


def uniform(draws: UInt64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """The draws as numbers in [0, 1), from their upper 53 bits."""
    return np.asarray((draws >> np.uint64(11)) * 2.0**-53)


def keyed_uniform(*keys: int | Integer[np.ndarray, "*#shape"]) -> Float64[np.ndarray, "..."]:
    """Numbers in [0, 1) named by `keys`."""
    return uniform(keyed_uint64(*keys))


def below(
    draws: UInt64[np.ndarray, "*#shape"], bound: int | Integer[np.ndarray, "*#shape"]
) -> Integer[np.ndarray, "..."]:
    """The draws as int64 in [0, bound); the bias is under bound / 2**64."""
    return np.asarray((draws % np.asarray(bound).astype(np.uint64)).astype(np.int64))


def permute(
    index: Integer[np.ndarray, " indices"],
    size: int | Int64[np.ndarray, " indices"],
    seed: int | Integer[np.ndarray, " indices"],
) -> Integer[np.ndarray, " indices"]:
    """Element `index` of a pseudo-random permutation of `range(size)`, without building the permutation. Each element
    may be one of another permutation, with a size and a seed of its own.

    A Feistel network over the smallest near-square grid that holds `size` cells, walked until it lands inside
    (Black, Rogaway, "Ciphers with arbitrary finite domains", 2002, sec. 5 and 4). Memory and time per element are
    constant.
    """
    sizes: Int64[np.ndarray, " indices"] = np.broadcast_to(np.asarray(size, np.int64), index.shape)
    assert index.size == 0 or (index.min() >= 0 and (index < sizes).all())
    rows = _square_root(sizes - 1) + 1
    columns = -(-sizes // rows)
    state = np.broadcast_to(keyed_uint64(seed), index.shape)
    cells = _feistel(index.astype(np.uint64), state, rows, columns)
    while (outside := np.flatnonzero(cells >= sizes.astype(np.uint64))).size:
        cells[outside] = _feistel(cells[outside], state[outside], rows[outside], columns[outside])
    return cells.astype(np.int64)


def _square_root(values: Int64[np.ndarray, " values"]) -> Int64[np.ndarray, " values"]:
    """The whole part of each square root, where floating point may be one off."""
    root = np.sqrt(values.astype(np.float64)).astype(np.int64)
    root -= root * root > values
    return np.asarray(root + ((root + 1) ** 2 <= values))


def _feistel(
    cells: UInt64[np.ndarray, " cells"],
    state: UInt64[np.ndarray, " cells"],
    rows: Int64[np.ndarray, " cells"],
    columns: Int64[np.ndarray, " cells"],
) -> UInt64[np.ndarray, " cells"]:
    """One pass over the grid: rows shift by a function of the column, then columns by one of the row."""
    num_rows, num_columns = rows.astype(np.uint64), columns.astype(np.uint64)
    row, column = np.divmod(cells, num_columns)
    for turn in np.arange(2 * _ROUNDS, dtype=np.uint64).reshape(_ROUNDS, 2) << np.uint64(56):
        row = (row + extend(state, turn[0] + column) % num_rows) % num_rows
        column = (column + extend(state, turn[1] + row) % num_columns) % num_columns
    return np.asarray(row * num_columns + column)


def _mix(words: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """splitmix64's finaliser, in place where it can be: every input bit reaches every output bit."""
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words
