"""Batches as functions of (seed, step), and a loss of sums."""

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from encodery.batch import Batch
from encodery.data.schedule import Knots
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.masked import MaskedConfig
from encodery.objectives.objective import Pretraining
from tests.data.synthetic import NUM_SPECIAL, VOCAB_SIZE, counting_documents, documents, stored
from tests.objectives.vocabularies import CLS, MASK, SEP, vocabulary

MAX_SEQLEN, TOKENS_PER_STEP, SEED = 61, 509, 7
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "shards"
    stored(path, documents(101, 17))
    return path


def pretraining(
    shards: Shards,
    seed: int = SEED,
    tokens_per_step: int = TOKENS_PER_STEP,
    max_seqlen: int = MAX_SEQLEN,
    **config: Any,
) -> Pretraining:
    return Pretraining(
        ObjectiveConfig.parse(config, "test"),
        shards,
        vocabulary(shards.vocab_size),
        max_seqlen,
        tokens_per_step,
        seed,
    )


def assert_same(one: Batch, other: Batch) -> None:
    for field in dataclasses.fields(Batch):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, torch.Tensor):
            assert left.dtype == right.dtype, field.name
            assert torch.equal(left, right), field.name
        else:
            assert left == right, field.name


def original_ids(batch: Batch) -> torch.Tensor:
    """The ids before anything was hidden."""
    assert batch.label_index is not None
    assert batch.labels is not None
    return batch.input_ids.index_copy(0, batch.label_index, batch.labels)


@pytest.mark.parametrize("nsp", [True, False])
def test_a_batch_is_packed_and_within_its_bounds(folder: Path, nsp: bool) -> None:
    objective = pretraining(Shards.open(folder), nsp=nsp)
    for step in range(53):
        batch = objective.batch(step)
        lengths = batch.cu_seqlens.diff()
        assert batch.cu_seqlens.dtype == torch.int32
        assert batch.input_ids.dtype == batch.position_ids.dtype == torch.int64
        assert batch.cu_seqlens[0] == 0
        assert batch.cu_seqlens[-1] == batch.num_tokens
        assert batch.max_seqlen == lengths.max() <= MAX_SEQLEN
        assert batch.position_ids.tolist() == [place for length in lengths for place in range(length)]
        assert (batch.input_ids[batch.cu_seqlens[:-1]] == CLS).all()
        assert (batch.input_ids[batch.cu_seqlens[1:] - 1] == SEP).all()
        separators = (batch.input_ids == SEP).sum()
        assert separators == (2 if nsp else 1) * batch.num_sequences
        assert (batch.token_type_ids is not None) == (batch.sequence_labels is not None) == nsp


@pytest.mark.parametrize("nsp", [True, False])
@pytest.mark.parametrize("sentences_per_document", [2, 97])
def test_steps_hold_as_many_tokens_as_asked_on_average(
    tmp_path: Path, nsp: bool, sentences_per_document: int
) -> None:
    corpus = documents(6000 // sentences_per_document, 2 * sentences_per_document)
    objective = pretraining(stored(tmp_path / "shards", corpus), tokens_per_step=2003, nsp=nsp)
    sizes = [objective.batch(step).num_tokens for step in range(101)]
    assert abs(np.mean(sizes) / 2003 - 1) < 0.05
    assert max(sizes) < 1.5 * 2003


def test_token_types_change_after_the_first_separator(folder: Path) -> None:
    batch = pretraining(Shards.open(folder)).batch(3)
    assert batch.token_type_ids is not None
    for start, end in zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True):
        ids, types = batch.input_ids[start:end].tolist(), batch.token_type_ids[start:end].tolist()
        first = ids.index(SEP) + 1
        assert types == [0] * first + [1] * (len(ids) - first)


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
        "from tests.objectives.test_objective import pretraining;"
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


@pytest.mark.parametrize("nsp", [True, False])
def test_a_sequence_holds_runs_of_one_document_each(tmp_path: Path, nsp: bool) -> None:
    sizes = [3, 1, 7, 2, 11, 5, 2, 2, 17] * 5
    shards = stored(tmp_path / "shards", counting_documents(sizes, 7), 10**5)
    document = np.repeat(np.arange(len(sizes)), np.array(sizes) * 7)
    objective = pretraining(shards, nsp=nsp)
    pairs = 0
    for step in range(20):
        batch = objective.batch(step)
        ids = original_ids(batch).numpy()
        for number, (start, end) in enumerate(zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True)):
            parts = [
                part[part != SEP]
                for part in np.split(ids[start + 1 : end], np.flatnonzero(ids[start + 1 : end] == SEP))
            ]
            parts = [part for part in parts if len(part)]
            owners = [set(document[part - NUM_SPECIAL].tolist()) for part in parts]
            assert all((np.diff(part) == 1).all() for part in parts)
            assert [len(owner) for owner in owners] == [1] * len(parts) == [1] * (2 if nsp else 1)
            if batch.sequence_labels is not None:
                is_next = bool(batch.sequence_labels[number] == 0)
                assert (owners[0] == owners[1]) == is_next
                assert (parts[0][-1] + 1 == parts[1][0]) or not is_next
                pairs += 1
    assert (pairs > 100) == nsp


@pytest.mark.parametrize("position", [1, 2])
def test_what_is_hidden_does_not_tell_which_pairs_are_true(folder: Path, position: int) -> None:
    objective = pretraining(Shards.open(folder), tokens_per_step=20_011)
    labels = []
    for step in range(60):
        batch = objective.batch(step)
        assert batch.label_index is not None
        assert batch.sequence_labels is not None
        hidden = torch.isin(batch.first_tokens.long() + position, batch.label_index)
        labels += batch.sequence_labels[hidden].tolist()
    assert len(labels) > 1000
    assert 0.4 < np.mean(labels) < 0.7  # texts of one sentence have no true next


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


def tiny_model(nsp: bool) -> Model:
    config = EncoderConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_SEQLEN,
    )
    model = Model(config, ("mlm", "nsp") if nsp else ("mlm",))
    model.initialize(3)
    return model.eval()


def test_the_loss_is_the_sum_over_what_is_scored(folder: Path) -> None:
    objective, model = pretraining(Shards.open(folder)), tiny_model(nsp=True)
    batch = objective.batch(0)
    output = objective.loss(model, batch)
    hidden = model.encoder(batch)
    mlm_logits = model.heads["mlm"](hidden[batch.label_index])
    nsp_logits = model.heads["nsp"](model.pool(hidden[batch.first_tokens]))
    assert batch.labels is not None
    assert batch.sequence_labels is not None
    expected = {
        "mlm": F.cross_entropy(mlm_logits, batch.labels, reduction="sum"),
        "nsp": F.cross_entropy(nsp_logits, batch.sequence_labels, reduction="sum"),
    }
    assert dict(output.losses).keys() == expected.keys()
    for name, loss in expected.items():
        torch.testing.assert_close(output.losses[name], loss)
        assert output.losses[name].requires_grad
    assert objective.counts(batch) == {"mlm": len(batch.labels), "nsp": batch.num_sequences}
    num_right = {
        "mlm": int((mlm_logits.argmax(-1) == batch.labels).sum()),
        "nsp": int((nsp_logits.argmax(-1) == batch.sequence_labels).sum()),
    }
    for name, count in objective.counts(batch).items():
        assert output.metrics[f"{name}_loss"] == pytest.approx((float(expected[name].detach()), count), rel=1e-5)
        assert output.metrics[f"{name}_accuracy"] == (num_right[name], count)


@pytest.mark.parametrize("nsp", [True, False])
def test_a_split_batch_has_the_same_loss(folder: Path, nsp: bool) -> None:
    objective, model = pretraining(Shards.open(folder), nsp=nsp), tiny_model(nsp)
    batch = objective.batch(1)
    whole = objective.loss(model, batch)
    pieces = batch.split(131)
    assert len(pieces) > 3
    outputs = [objective.loss(model, piece) for piece in pieces]
    assert set(whole.losses) == ({"mlm", "nsp"} if nsp else {"mlm"})
    for name, loss in whole.losses.items():
        torch.testing.assert_close(torch.stack([output.losses[name] for output in outputs]).sum(), loss)
        counts = [objective.counts(piece)[name] for piece in pieces]
        assert sum(counts) == objective.counts(batch)[name]
    assert set(whole.metrics) == {f"{term}_{kind}" for term in whole.losses for kind in ("loss", "accuracy")}


def test_masking_shows_in_the_batch(folder: Path) -> None:
    objective = pretraining(Shards.open(folder), mlm={"mask_probability": 0.3, "replace_probs": (1.0, 0.0, 0.0)})
    batch = objective.batch(0)
    assert batch.label_index is not None
    assert (batch.input_ids == MASK).nonzero().flatten().tolist() == batch.label_index.tolist()
    assert 0.2 < len(batch.label_index) / batch.num_tokens < 0.35


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"vocab_size": 1013},
            "the token shards were written with a vocabulary of 1,009, this one has 1,013; write the shards again",
        ),
        ({"max_seqlen": 4}, "max_seqlen = 4: must be at least 5, for 3 special tokens and some text"),
        ({"tokens_per_step": 60}, "tokens_per_step = 60: must be at least max_seqlen = 61; raise the one or lower"),
    ],
)
def test_settings_that_cannot_work(folder: Path, changes: dict[str, int], message: str) -> None:
    settings = {"vocab_size": VOCAB_SIZE, "max_seqlen": MAX_SEQLEN, "tokens_per_step": TOKENS_PER_STEP} | changes
    with pytest.raises(UserError) as caught:
        Pretraining(
            ObjectiveConfig(),
            Shards.open(folder),
            vocabulary(settings["vocab_size"]),
            settings["max_seqlen"],
            settings["tokens_per_step"],
            SEED,
        )
    assert message in str(caught.value)


def test_an_empty_corpus_and_a_single_document(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="the token shards hold no text; write them again from a corpus that has some"
    ):
        pretraining(stored(tmp_path / "empty", []))
    single = stored(tmp_path / "single", documents(1, 17))
    with pytest.raises(UserError, match="needs at least 2 documents to tell apart, the corpus has 1; separate"):
        pretraining(single)
    assert pretraining(single, nsp=False).batch(0).num_sequences > 0


def test_the_config_is_strict() -> None:
    assert ObjectiveConfig() == ObjectiveConfig(mlm=MaskedConfig(), nsp=True, short_sequence_probability=0.1)
    with pytest.raises(UserError, match=r"unknown key 'mlm.whole_words'; did you mean 'whole_word'\?"):
        ObjectiveConfig.parse({"mlm": {"whole_words": True}}, "recipe.toml")


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
