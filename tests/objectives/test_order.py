"""The order of text is a function of (seed, step) alone, found at any step; an epoch visits each token once."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encodery.data.shards import Shards
from tests.data.synthetic import NUM_SPECIAL, counting_documents, documents, stored
from tests.objectives.corpora import TOKENS_PER_STEP, assert_same, original_ids, pretraining

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("tokens_per_step", [61, 509, 100_003])
def test_a_batch_is_the_same_whatever_was_asked_for_before(folder: Path, tokens_per_step: int) -> None:
    shards = Shards.open(folder)
    in_order = pretraining(shards, tokens_per_step=tokens_per_step)
    batches = {step: in_order.batch(step) for step in range(7)}
    jumping = pretraining(shards, tokens_per_step=tokens_per_step)
    list(jumping.validation_batches(500))
    for step in (5, 2, 1_000_003, 6, 2, 0):
        assert_same(jumping.batch(step), batches.get(step) or in_order.batch(step))


def test_blocks_do_not_show(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = Shards.open(folder)
    wide = [pretraining(shards).batch(step) for step in range(5)]
    monkeypatch.setattr("encodery.objectives.objective._BLOCK_TOKENS", 1)
    monkeypatch.setattr("encodery.objectives.objective._BLOCKS_PER_PLAN", 3)
    for step in range(5):
        assert_same(pretraining(shards).batch(step), wide[step])


def test_a_batch_is_the_same_in_a_new_process(folder: Path) -> None:
    program = (
        "import sys, hashlib; from pathlib import Path; from encodery.data.shards import Shards;"
        "from tests.objectives.corpora import pretraining;"
        "batch = pretraining(Shards.open(Path(sys.argv[1]))).batch(17);"
        "print(hashlib.sha256(batch.input_ids.numpy().tobytes()).hexdigest())"
    )
    run = [sys.executable, "-c", program, str(folder)]
    there = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    here = hashlib.sha256(pretraining(Shards.open(folder)).batch(17).input_ids.numpy().tobytes()).hexdigest()
    assert there == here + "\n"


def test_seeds_and_steps_have_batches_of_their_own(folder: Path) -> None:
    shards = Shards.open(folder)
    one, other = pretraining(shards), pretraining(shards, seed=8)
    batches = [one.batch(0), one.batch(1), other.batch(0)]
    assert len({tuple(original_ids(batch).tolist()) for batch in batches}) == 3


def test_shards_make_no_difference(tmp_path: Path) -> None:
    corpus = documents(101, 17)
    one = pretraining(stored(tmp_path / "one", corpus))
    many = pretraining(stored(tmp_path / "many", corpus, max_tokens_per_shard=307))
    for step in range(31):
        assert_same(one.batch(step), many.batch(step))
    for left, right in zip(one.validation_batches(5003), many.validation_batches(5003), strict=True):
        assert_same(left, right)


def test_four_byte_ids_make_no_difference(tmp_path: Path) -> None:
    corpus = documents(31, 17)
    narrow = stored(tmp_path / "narrow", corpus, 2**16)
    wide = stored(tmp_path / "wide", corpus, 2**16 + 1)
    kept: dict[str, Any] = {"mlm": {"replace_probs": (0.9, 0.0, 0.1)}}
    assert_same(pretraining(narrow, **kept).batch(3), pretraining(wide, **kept).batch(3))


@pytest.mark.parametrize(
    ("nsp", "expected"),
    [(False, ["f7f0cb882f6ef334", "91ef4004f8941ee7"]), (True, ["50878d3694d2a11d", "5f1aece57efdfc66"])],
)
def test_the_order_of_text_without_languages_stays(folder: Path, nsp: bool, expected: list[str]) -> None:
    """A changed order would change every training: then `FORMAT` in stages/engine.py must rise. These figures are of
    the first format, and with pairs of `FORMAT` 3."""
    objective = pretraining(Shards.open(folder), nsp=nsp)
    digests = [hashlib.sha256(objective.batch(step).input_ids.numpy().tobytes()).hexdigest()[:16] for step in (0, 97)]
    assert digests == expected


def test_every_token_is_visited_about_once_an_epoch(tmp_path: Path) -> None:
    """Without pairs each token comes once, but for what a full sequence leaves out."""
    shards = stored(tmp_path / "shards", counting_documents([5, 40, 1, 90, 13] * 7, 7), 10**5)
    objective = pretraining(shards, nsp=False)
    epochs = 20
    counts = np.zeros(10**5, int)
    for step in range(round(epochs * objective.steps_per_epoch)):
        counts += np.bincount(original_ids(objective.batch(step)), minlength=10**5)
    counts = counts[NUM_SPECIAL : NUM_SPECIAL + shards.num_tokens]
    assert counts.min() >= 0.6 * epochs
    # the last window of an epoch is empty at times, and then repeats the last sentence
    assert counts[:-7].max() <= epochs + 1
    assert counts[-7:].max() <= 2 * epochs
    assert counts.mean() > 0.94 * epochs


def test_with_pairs_every_token_is_visited_about_once_an_epoch(tmp_path: Path) -> None:
    shards = stored(tmp_path / "shards", counting_documents([5, 40, 9, 90, 13] * 7, 7), 10**5)
    objective = pretraining(shards)
    epochs = 40
    counts = np.zeros(10**5, int)
    for step in range(round(epochs * objective.steps_per_epoch)):
        counts += np.bincount(original_ids(objective.batch(step)), minlength=10**5)
    counts = counts[NUM_SPECIAL : NUM_SPECIAL + shards.num_tokens]
    assert 0.85 * epochs < counts.mean() < 1.1 * epochs
    assert counts.min() > 0.4 * epochs


def test_validation_is_fixed_and_is_what_was_asked_for(folder: Path) -> None:
    shards = Shards.open(folder)
    objective = pretraining(shards)
    objective.batch(3)
    first = list(objective.validation_batches(3001))
    assert abs(sum(batch.num_tokens for batch in first) / 3001 - 1) < 0.15
    assert len(first) > 3
    for one, other in zip(first, pretraining(shards).validation_batches(3001), strict=True):
        assert_same(one, other)
    whole = sum(batch.num_tokens for batch in objective.validation_batches(10**9))
    assert abs(whole / (objective.steps_per_epoch * TOKENS_PER_STEP) - 1) < 0.1


def test_validation_covers_the_corpus_once(tmp_path: Path) -> None:
    shards = stored(tmp_path / "shards", counting_documents([5, 40, 1, 90, 13], 7), 10**5)
    seen = torch.cat([original_ids(b) for b in pretraining(shards, nsp=False).validation_batches(10**9)])
    counts = np.bincount(seen, minlength=10**5)[NUM_SPECIAL : NUM_SPECIAL + shards.num_tokens]
    assert counts.max() == 1
    assert counts.mean() > 0.9


def test_validation_is_not_the_training_text_again(folder: Path) -> None:
    objective = pretraining(Shards.open(folder))
    (validation,) = list(objective.validation_batches(100))[:1]
    assert original_ids(validation).tolist() != original_ids(objective.batch(0)).tolist()
