"""Text of several languages: each token has its own, and alpha says how often each language is read."""

from pathlib import Path

import numpy as np
import pytest

from encodery.batch import Batch
from encodery.data.schedule import Knots
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from tests.data.synthetic import NUM_SPECIAL, counting_documents, documents, stored
from tests.objectives.corpora import (
    MAX_SEQLEN,
    SEED,
    TOKENS_PER_STEP,
    assert_same,
    original_ids,
    pretraining,
)
from tests.objectives.vocabularies import vocabulary


@pytest.fixture(scope="module")
def three_languages(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    names = ["de"] * 150 + ["sw"] * 40 + ["ur"] * 12
    return stored(tmp_path_factory.mktemp("corpus") / "shards", documents(202, 17), languages=names)


def sampling(shards: Shards, alpha: Knots, steps: int = 200, nsp: bool = False) -> Pretraining:
    config = ObjectiveConfig(nsp=nsp)
    numbers = {"de": 0, "sw": 1, "ur": 2}
    return Pretraining(
        config, shards, vocabulary(), MAX_SEQLEN, TOKENS_PER_STEP, SEED, numbers, num_steps=steps, alpha=alpha
    )


def languages_of(batch: Batch) -> set[int]:
    """The languages of each sequence, which must be one."""
    assert batch.language_ids is not None
    parts = np.split(batch.language_ids.numpy(), batch.cu_seqlens[1:-1].numpy())
    assert all(len(set(part.tolist())) == 1 for part in parts)
    return {int(part[0]) for part in parts}


@pytest.mark.parametrize("nsp", [True, False])
def test_tokens_have_the_language_of_their_text(tmp_path: Path, nsp: bool) -> None:
    counts = [5, 3, 7, 4] * 5
    shards = stored(tmp_path / "shards", counting_documents(counts, 7), languages=["en", "sw", "de", "sw"] * 5)
    objective = Pretraining(
        ObjectiveConfig(nsp=nsp), shards, vocabulary(), MAX_SEQLEN, 199, SEED, {"de": 0, "en": 1, "sw": 2, "ur": 3}
    )
    document = np.repeat(np.arange(20), np.array(counts) * 7)
    for batch in [*map(objective.batch, range(5)), *objective.validation_batches(300)]:
        ids = original_ids(batch).numpy()
        assert batch.language_ids is not None
        text = ids >= NUM_SPECIAL
        want = np.array([1, 2, 0, 2])[document[ids[text] - NUM_SPECIAL] % 4]
        assert batch.language_ids.numpy()[text].tolist() == want.tolist()
        assert set(batch.language_ids.numpy()[~text].tolist()) <= {0, 1, 2}


@pytest.mark.parametrize(
    ("languages", "what"), [(["en", "sw"], "is in the language 'sw'"), (["en", ""], "does not say its language")]
)
def test_text_in_a_language_that_the_model_lacks(tmp_path: Path, languages: list[str], what: str) -> None:
    shards = stored(tmp_path / "shards", documents(2, 17), languages=languages)
    with pytest.raises(UserError) as error:
        Pretraining(ObjectiveConfig(nsp=False), shards, vocabulary(), MAX_SEQLEN, 199, SEED, {"en": 0, "de": 1})
    assert str(error.value) == (
        f"corpus: some text {what}, but the model's languages are en, de; give each input one of these as its "
        "language"
    )


@pytest.mark.parametrize("nsp", [True, False])
def test_sampled_batches_have_the_shares_of_alpha_and_what_epochs_say(three_languages: Shards, nsp: bool) -> None:
    objective, steps = sampling(three_languages, ((0, 0.3),), nsp=nsp), 400
    counts = np.zeros(3)
    for step in range(steps):
        batch = objective.batch(step)
        languages_of(batch)
        assert batch.language_ids is not None
        text = original_ids(batch).numpy() >= NUM_SPECIAL
        counts += np.bincount(batch.language_ids.numpy()[text], minlength=3)
    sizes = np.array(list(three_languages.tokens_by_language().values()))
    raised = (sizes / sizes.sum()) ** 0.3
    assert np.abs(counts / counts.sum() - raised / raised.sum()).max() < 0.03
    epochs = objective.epochs_by_language(0, steps)
    assert list(epochs) == ["de", "sw", "ur"]
    # what a full sequence leaves out and, with pairs, what is drawn at random come on top
    assert np.abs(counts / sizes / list(epochs.values()) - 1).max() < 0.12
    assert abs(counts.sum() / steps / TOKENS_PER_STEP - 0.95) < 0.06


def test_a_sampled_batch_is_the_same_whatever_was_asked_for_before(three_languages: Shards) -> None:
    annealed = ((0, 1.0), (100, 0.3))
    in_order = sampling(three_languages, annealed, 100)
    batches = {step: in_order.batch(step) for step in range(120)}
    jumping = sampling(three_languages, annealed, 100)
    for step in (99, 5, 1_000_003, 100, 0, 63, 64, 119):
        assert_same(jumping.batch(step), batches.get(step) or in_order.batch(step))


def test_an_alpha_of_one_reads_the_text_as_it_comes(three_languages: Shards) -> None:
    plain = Pretraining(
        ObjectiveConfig(nsp=False),
        three_languages,
        vocabulary(),
        MAX_SEQLEN,
        TOKENS_PER_STEP,
        SEED,
        {"de": 0, "sw": 1, "ur": 2},
    )
    one = sampling(three_languages, ((0, 1.0), (50, 1.0)))
    for step in range(7):
        assert_same(plain.batch(step), one.batch(step))
    assert one.epochs_by_language(10, 60) == dict.fromkeys(("de", "sw", "ur"), 50 / one.steps_per_epoch)


def test_each_language_has_held_out_text_of_its_own(three_languages: Shards) -> None:
    objective = sampling(three_languages, ((0, 1.0),))
    found = {name: list(batches) for name, batches in objective.validation_batches_by_language(1500).items()}
    assert list(found) == ["de", "sw", "ur"]
    for number, batches in enumerate(found.values()):
        assert {language for batch in batches for language in languages_of(batch)} == {number}
        assert abs(sum(batch.num_tokens for batch in batches) / 500 - 1) < 0.3
    again = sampling(three_languages, ((0, 1.0),)).validation_batches_by_language(1500)
    for name, repeated in again.items():
        for one, other in zip(found[name], repeated, strict=True):
            assert_same(one, other)


def test_text_without_languages_has_none_to_measure(folder: Path) -> None:
    objective = pretraining(Shards.open(folder))
    assert objective.validation_batches_by_language(1000) == {}
    assert objective.epochs_by_language(0, 10) == {}
