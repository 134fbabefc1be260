"""Translation LM: pairs in one sequence, positions begun anew, both sides hidden."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encodery.batch import Batch
from encodery.data.pairs import Pairs
from encodery.data.shard_writer import write_shards
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.model.layers import fairseq_positions
from encodery.objectives.masked import MaskedConfig
from encodery.objectives.pair_order import PairOrder
from encodery.objectives.translation import Translation
from tests.data.synthetic import VOCAB_SIZE, documents, stored
from tests.model.conftest import randomize
from tests.objectives.corpora import assert_same, original_ids
from tests.objectives.pairs import SOURCE, TARGET, pairs, stored_pairs
from tests.objectives.test_masked import within
from tests.objectives.vocabularies import CLS, MASK, SEP, vocabulary

LANGUAGES = {"de": 0, "en": 1, "sw": 2}


def translation(
    shards: Shards,
    max_seqlen: int = 67,
    tokens_per_step: int = 509,
    lang2id: dict[str, int] | None = None,
    seed: int = 7,
    **masking: Any,
) -> Translation:
    config = MaskedConfig.parse(masking, "test")
    return Translation(config, shards, vocabulary(), max_seqlen, tokens_per_step, seed, lang2id)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return stored_pairs(tmp_path_factory.mktemp("pairs") / "shards", pairs(211))


def is_source(ids: torch.Tensor) -> torch.Tensor:
    return (ids >= SOURCE.start) & (ids < SOURCE.stop)


def is_target(ids: torch.Tensor) -> torch.Tensor:
    return ids >= TARGET.start


def test_a_pair_is_laid_out_as_the_paper_says(tmp_path: Path) -> None:
    """Section 3.3 and figure 1: one sequence, positions of the target reset, a language for each token."""
    shards = stored_pairs(tmp_path / "shards", [[np.array([11, 13, 17]), np.array([601, 607])]])
    objective = translation(shards, tokens_per_step=11, lang2id=LANGUAGES)
    seen = set()
    for step in range(17):
        batch = objective.batch(step)
        assert batch.language_ids is not None
        assert batch.token_type_ids is not None
        assert batch.cu_seqlens.tolist() == [0, 9]
        assert (batch.max_seqlen, batch.causal, batch.objective) == (9, False, "tlm")
        ids = tuple(original_ids(batch).tolist())
        seen.add(ids)
        if ids[1] == 11:
            assert ids == (CLS, 11, 13, 17, SEP, CLS, 601, 607, SEP)
            assert batch.position_ids.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3]
            assert batch.language_ids.tolist() == [1] * 5 + [0] * 4
            assert batch.token_type_ids.tolist() == [0] * 5 + [1] * 4
        else:
            assert ids == (CLS, 601, 607, SEP, CLS, 11, 13, 17, SEP)
            assert batch.position_ids.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4]
            assert batch.language_ids.tolist() == [0] * 4 + [1] * 5
            assert batch.token_type_ids.tolist() == [0] * 4 + [1] * 5
    assert len(seen) == 2  # either language comes first
    assert translation(shards, tokens_per_step=11).batch(0).language_ids is None


def test_which_language_comes_first_is_a_fair_coin(shards: Shards) -> None:
    objective = translation(shards, tokens_per_step=8009)
    first = torch.cat([original_ids(b)[b.first_tokens.long() + 1] for b in map(objective.batch, range(11))])
    assert within(float(is_source(first).float().mean()), 0.5, len(first))


@pytest.mark.parametrize("whole_word", [False, True])
def test_both_sides_are_hidden_as_masked_lm_hides(shards: Shards, whole_word: bool) -> None:
    objective = translation(shards, tokens_per_step=8009, mask_probability=0.2, whole_word=whole_word)
    batches = [objective.batch(step) for step in range(11)]
    labels = torch.cat([batch.labels for batch in batches if batch.labels is not None])
    text = torch.cat([original_ids(batch) for batch in batches])
    for side in (is_source, is_target):
        trials = int(side(text).sum())
        assert within(int(side(labels).sum()) / trials, 0.2, trials // (2 if whole_word else 1))
    hidden = torch.cat([b.input_ids[b.label_index] for b in batches if b.label_index is not None])
    assert within(float((hidden == MASK).float().mean()), 0.8, len(labels))
    assert not ((labels == CLS) | (labels == SEP)).any()


def test_the_sides_are_hidden_apart(tmp_path: Path) -> None:
    """Token k of the one side and token k of the other have draws of their own."""
    corpus = [[np.full(19, 11), np.full(19, 601)] for _ in range(53)]
    objective = translation(stored_pairs(tmp_path / "shards", corpus), mask_probability=0.5)
    both = trials = 0
    for step in range(11):
        batch = objective.batch(step)
        chosen = torch.zeros(batch.num_tokens)
        chosen[batch.label_index] = 1
        sides = chosen.view(-1, 2, 21)[:, :, 1:-1]
        both += int((sides[:, 0] == sides[:, 1]).sum())
        trials += sides[:, 0].numel()
    assert within(both / trials, 0.5, trials)


def test_a_batch_is_a_function_of_the_step(shards: Shards) -> None:
    in_order, jumping = translation(shards), translation(shards)
    batches = [in_order.batch(step) for step in range(7)]
    list(jumping.validation_batches(500))
    for step in (5, 2, 10**6, 6, 0):
        assert_same(jumping.batch(step), batches[step] if step < 7 else in_order.batch(step))
    assert not torch.equal(translation(shards, seed=8).batch(0).input_ids[:5], batches[0].input_ids[:5])


def test_several_shards_make_no_difference(tmp_path: Path) -> None:
    corpus = pairs(97)
    one = translation(stored_pairs(tmp_path / "one", corpus), lang2id=LANGUAGES)
    many = translation(stored_pairs(tmp_path / "many", corpus, max_tokens_per_shard=307), lang2id=LANGUAGES)
    for step in (0, 3, 31):
        assert_same(one.batch(step), many.batch(step))


def test_every_pair_comes_once_an_epoch(tmp_path: Path) -> None:
    corpus = [[np.array([5 + number]), np.array([600 + number])] for number in range(97)]
    objective = translation(stored_pairs(tmp_path / "shards", corpus), tokens_per_step=67)
    found = torch.cat([original_ids(objective.batch(step)) for step in range(97)])
    per_step = objective.batch(0).num_sequences
    sources = found[is_source(found)].view(per_step, 97) - 5  # so many epochs
    assert [sorted(epoch.tolist()) for epoch in sources] == [list(range(97))] * per_step
    assert sources[0].tolist() != sources[1].tolist()
    validation = torch.cat([original_ids(batch) for batch in objective.validation_batches(10**6)])
    assert sorted(validation[is_source(validation)].tolist()) == list(range(5, 102))


def test_steps_hold_as_many_tokens_as_asked_on_average(shards: Shards) -> None:
    for max_seqlen in (67, 23):
        objective = translation(shards, max_seqlen=max_seqlen, tokens_per_step=2003)
        sizes = [objective.batch(step).num_tokens for step in range(31)]
        assert abs(np.mean(sizes) / 2003 - 1) < 0.05


def test_a_long_pair_loses_the_end_of_its_longer_side(tmp_path: Path) -> None:
    corpus = [[np.arange(11, 16), np.arange(600, 723)]]
    objective = translation(stored_pairs(tmp_path / "shards", corpus), max_seqlen=17, tokens_per_step=17)
    ids = original_ids(objective.batch(0))
    assert objective.batch(0).max_seqlen == 17
    assert ids[is_source(ids)].tolist() == list(range(11, 16))
    assert ids[is_target(ids)].tolist() == list(range(600, 608))


def test_pairs_of_several_languages_have_each_their_own(tmp_path: Path) -> None:
    corpus = [[np.array([5 + number]), np.array([600 + number])] for number in range(31)]
    labels = ["en/de", "sw/en"] * 15 + ["en/de"]
    batch = translation(stored_pairs(tmp_path / "shards", corpus, labels), lang2id=LANGUAGES).batch(0)
    assert batch.language_ids is not None
    ids = original_ids(batch)
    for number, language in zip(ids.tolist(), batch.language_ids.tolist(), strict=True):
        if number >= 600:
            assert language == (1 if (number - 600) % 2 else 0)
        elif number >= 5:
            assert language == (2 if (number - 5) % 2 else 1)


def test_the_loss_is_the_same_in_pieces(shards: Shards) -> None:
    objective = translation(shards, tokens_per_step=401)
    config = FAMILIES["xlm"].encoder(
        {
            "vocab_size": VOCAB_SIZE,
            "hidden_size": 26,
            "num_attention_heads": 2,
            "num_hidden_layers": 1,
            "max_position_embeddings": 67,
        },
        "test",
    )
    model = FAMILIES["xlm"].model(config, ("mlm",))
    randomize(model)
    batch = objective.batch(0)
    whole = objective.loss(model.eval(), batch)
    pieces = [objective.loss(model, piece) for piece in batch.split(1)]
    assert len(pieces) == batch.num_sequences > 3
    torch.testing.assert_close(torch.stack([piece.losses["tlm"] for piece in pieces]).sum(), whole.losses["tlm"])
    assert set(whole.metrics) == {"tlm_loss", "tlm_accuracy"}
    assert whole.metrics["tlm_loss"][1] == objective.counts(batch)["tlm"]


def test_positions_of_fairseq_count_no_padding_of_the_other_side() -> None:
    """A source that spells the padding token out must not shift its translation."""
    batch = Batch(
        input_ids=torch.tensor([0, 1, 1, 1, 2, 0, 9, 1, 8, 2, 0, 7, 2]),
        position_ids=torch.tensor([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2]),
        cu_seqlens=torch.tensor([0, 10, 13]).int(),
        max_seqlen=10,
    )
    assert fairseq_positions(batch, 1).tolist() == [0, -1, -1, -1, 1, 0, 1, -1, 2, 3, 0, 1, 2]
    moved = replace(batch, position_ids=batch.position_ids + 5)
    assert fairseq_positions(moved, 1).tolist() == [5, -1, -1, -1, 6, 5, 6, -1, 7, 8, 5, 6, 7]


@pytest.mark.parametrize(
    ("label", "what"),
    [("en/sw", "is in the language 'sw'"), ("", "does not say its language")],
)
def test_a_language_that_the_model_lacks(tmp_path: Path, label: str, what: str) -> None:
    shards = stored_pairs(tmp_path / "shards", pairs(2), label)
    with pytest.raises(UserError) as error:
        translation(shards, lang2id={"en": 0, "de": 1})
    assert str(error.value) == (
        f"corpus.parallel: some text {what}, but the model's languages are en, de; give the source and the target "
        "one of these each as its language"
    )


def test_settings_that_cannot_work(shards: Shards, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        translation(shards, max_seqlen=5)
    assert str(error.value) == (
        "max_seqlen = 5: must be at least 6 for tlm, for 4 special tokens and a token of each side"
    )
    with pytest.raises(UserError, match="written with a vocabulary of 1,009, this one has 1,013; write them again"):
        Translation(MaskedConfig(), shards, vocabulary(1013), 67, 509, 7)
    with pytest.raises(UserError, match=r"hold 7 documents of .* sentences, where a pair has two; write them again"):
        translation(stored(tmp_path / "text", documents(7, 17)))
    with pytest.raises(UserError, match="hold no pair; write them again from files that have some"):
        translation(stored_pairs(tmp_path / "empty", []))


def of_three_kinds(folder: Path) -> Shards:
    """Pairs in the shares 8 : 3 : 1."""
    labels = ["de/en"] * 152 + ["de/sw"] * 57 + ["en/sw"] * 19
    return stored_pairs(folder, pairs(228), labels, 503)


def sampling(shards: Shards, alpha: float, tokens_per_step: int = 509) -> Translation:
    keys = (vocabulary(), 67, tokens_per_step, 7)
    return Translation(MaskedConfig(), shards, *keys, lang2id=LANGUAGES, alpha=alpha)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_pairs_are_sampled_by_their_languages(tmp_path: Path, alpha: float) -> None:
    """The share of each is that of the pairs raised to alpha, and what is told is what was read."""
    shards = of_three_kinds(tmp_path / "shards")
    objective = sampling(shards, alpha)
    read, steps = np.zeros(3), 301
    for step in range(steps):
        batch = objective.batch(step)
        assert batch.language_ids is not None
        sides = batch.language_ids[batch.first_tokens.long()] + batch.language_ids[batch.cu_seqlens[1:].long() - 1]
        read += np.bincount(sides.numpy() - 1, minlength=3)  # 0 + 1, 0 + 2, 1 + 2
    counts = np.array([152, 57, 19])
    wanted = (counts / 228) ** alpha / ((counts / 228) ** alpha).sum()
    assert read / read.sum() == pytest.approx(wanted, abs=0.01)
    told = objective.epochs_by_pair(0, steps)
    assert list(told) == ["de/en", "de/sw", "en/sw"]
    assert list(told.values()) == pytest.approx(read / counts, rel=0.02 if alpha == 1.0 else 1e-9)
    assert objective.epochs_by_language(0, steps) == {}
    far = sampling(shards, alpha)
    assert_same(far.batch(10**6), objective.batch(10**6))


def test_sampled_pairs_come_up_once_before_any_comes_again(tmp_path: Path) -> None:
    order = PairOrder(Pairs(of_three_kinds(tmp_path / "shards")), 0.0, 7)
    found = order.at(np.arange(3 * 40))
    small = found[(found >= 209) & (found < 228)]  # the 19 pairs of the third kind: two epochs and a start
    assert len(small) >= 38
    assert sorted(small[:19].tolist()) == sorted(small[19:38].tolist()) == list(range(209, 228))
    assert small[:19].tolist() != small[19:38].tolist()


def test_pairs_that_name_no_languages_cannot_be_sampled(tmp_path: Path) -> None:
    corpus = pairs(29)
    (tmp_path / "shards").mkdir()
    write_shards(corpus, tmp_path / "shards", VOCAB_SIZE, max_sentence_tokens=None)
    with pytest.raises(UserError) as refused:
        PairOrder(Pairs(Shards.open(tmp_path / "shards")), 0.5, 7)
    assert str(refused.value) == (
        "pretrain.objective.pair_alpha = 0.5 samples pairs by their languages, but corpus.parallel names none; leave "
        "pair_alpha out, or name the languages of source and target"
    )
