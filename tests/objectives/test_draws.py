"""What is drawn for a sequence has nothing to do with what else is drawn for it.

A draw that two purposes share shows here, whatever they are: then one tells the other.
"""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encodery.batch import Batch
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.masked import MaskedConfig
from encodery.objectives.objective import Pretraining
from encodery.objectives.translation import Translation
from tests.data.synthetic import counting_documents, stored
from tests.objectives.corpora import original_ids
from tests.objectives.pairs import SOURCE, stored_pairs
from tests.objectives.vocabularies import MASK, vocabulary

SENTENCE, SENTENCES = 7, 6
TEXT = SENTENCE * SENTENCES
POSITIONS = range(1, 6)  # of text in any pair, as every sentence is longer


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """From independence, in standard deviations: the chi-square of the table of both, made normal (Wilson and
    Hilferty 1931)."""
    _, one = np.unique(one, return_inverse=True)
    _, other = np.unique(other, return_inverse=True)
    shape = int(one.max()) + 1, int(other.max()) + 1
    assert min(shape) > 1
    table = np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1]).reshape(shape)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    freedom = (shape[0] - 1) * (shape[1] - 1)
    mean, scale = 1 - 2 / (9 * freedom), np.sqrt(2 / (9 * freedom))
    return float((((((table - expected) ** 2 / expected).sum() / freedom) ** (1 / 3)) - mean) / scale)


def kinds(batch: Batch, index: torch.Tensor) -> np.ndarray:
    """What became of the tokens: 0 not hidden, 1 the mask token, 2 something else (or itself)."""
    assert batch.label_index is not None
    hidden = torch.isin(index, batch.label_index)
    return (hidden.long() + (hidden & (batch.input_ids[index] != MASK))).numpy()


def assert_independent(factors: dict[str, np.ndarray], masks_are_too: bool = True) -> None:
    """No pair is 5 standard deviations from independence: for chance alone, one in 3 million."""
    for one, other in combinations(factors, 2):
        if masks_are_too or not (one.startswith("kind") and other.startswith("kind")):
            assert distance(factors[one], factors[other]) < 5, (one, other)


def test_the_distance_tells() -> None:
    coins = np.random.default_rng(3).integers(0, 2, (2, 20_011))
    assert distance(*coins) < 5
    assert distance(coins[0], coins[0] | coins[1] & (np.arange(20_011) % 5 == 0)) > 5


@pytest.mark.parametrize(
    ("masking", "masks_are_too"),
    [({}, True), ({"duplication_factor": 101}, True), ({"whole_word": True}, False), ({"span": {}}, False)],
)
def test_pairs_masks_and_replacements_are_independent(
    tmp_path: Path, masking: dict[str, Any], masks_are_too: bool
) -> None:
    shards = stored(tmp_path / "shards", counting_documents([211] * 13, SENTENCE), 2**15)
    config = ObjectiveConfig.parse(
        {"nsp": True, "mlm": {"mask_probability": 0.3, **masking}, "short_sequence_probability": 0.0}, "test"
    )
    objective = Pretraining(config, shards, vocabulary(2**15), TEXT + 3, 9001, 7)
    found: dict[str, list[np.ndarray]] = {}
    for step in range(61):
        batch = objective.batch(step)
        assert batch.sequence_labels is not None
        assert batch.token_type_ids is not None
        sizes = batch.cu_seqlens.diff().long()
        full = sizes == TEXT + 3
        first = batch.cu_seqlens[:-1].long()[full]
        tokens_of_a = torch.stack([(part == 0).sum() for part in torch.split(batch.token_type_ids, sizes.tolist())])[
            full
        ]
        ids = original_ids(batch)
        factors = {
            "is random": batch.sequence_labels[full].numpy(),
            "split": tokens_of_a.numpy(),
            # modulo 5, as windows begin at every sixth
            "sentence": (ids[first + tokens_of_a].numpy() // SENTENCE) % 5,
            **{f"kind at {place}": kinds(batch, first + place) for place in POSITIONS},
        }
        for key, values in factors.items():
            found.setdefault(key, []).append(values)
    whole = {key: np.concatenate(values) for key, values in found.items()}
    assert len(whole["split"]) > 10_000
    assert set(whole["is random"]) == {0, 1}
    assert set(whole["kind at 1"]) == {0, 1, 2}
    assert_independent(whole, masks_are_too)


def test_the_order_of_languages_and_masks_are_independent(tmp_path: Path) -> None:
    pairs = [[np.arange(11, 18) + number % 300, np.arange(601, 608) + number % 300] for number in range(2003)]
    objective = Translation(
        MaskedConfig(mask_probability=0.3), stored_pairs(tmp_path / "shards", pairs), vocabulary(), 31, 9001, 7
    )
    found: dict[str, list[np.ndarray]] = {}
    for step in range(23):
        batch = objective.batch(step)
        first = batch.first_tokens.long()
        ids = original_ids(batch)
        factors = {"swapped": (ids[first + 1] >= SOURCE.stop).numpy()}
        for side in range(2):
            for place in POSITIONS:
                index = first + side * (SENTENCE + 2) + place
                factors[f"kind at {side}, {place}"] = kinds(batch, index)
        for key, values in factors.items():
            found.setdefault(key, []).append(values)
    whole = {key: np.concatenate(values) for key, values in found.items()}
    assert len(whole["swapped"]) > 10_000
    assert_independent(whole)
