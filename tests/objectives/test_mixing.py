"""Objectives that take turns look like one from outside."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from encodery.data.schedule import Knots, value_at
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.objectives import mixing
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.mixing import Mixed, Objective, build_objective, with_perplexities
from encodery.objectives.objective import Pretraining
from encodery.objectives.turns import NAMES, Turns
from encodery.train.loss import Loss
from tests.data.synthetic import VOCAB_SIZE, documents, stored
from tests.objectives.corpora import assert_same, original_ids, pretraining
from tests.objectives.pairs import pairs, stored_pairs
from tests.objectives.vocabularies import vocabulary

THREE = {"mlm": 1.0, "clm": 0.5, "tlm": 1.0}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return stored(tmp_path_factory.mktemp("corpus") / "shards", documents(101, 17))


@pytest.fixture(scope="module")
def parallel(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return stored_pairs(tmp_path_factory.mktemp("pairs") / "shards", pairs(211))


def built(shards: Shards, parallel: Shards | None, **config: Any) -> Objective:
    return build_objective(ObjectiveConfig.parse(config, "test"), shards, parallel, vocabulary(), 61, 509, 7)


def test_masked_lm_alone_is_what_it_was(shards: Shards, parallel: Shards) -> None:
    plain = built(shards, None)
    assert isinstance(plain, Pretraining)
    assert_same(plain.batch(3), pretraining(shards).batch(3))
    assert isinstance(built(shards, parallel, weights={"mlm": 3.0}), Pretraining)


def test_each_step_is_the_next_of_its_objective(shards: Shards, parallel: Shards) -> None:
    mixed, plain = built(shards, parallel, weights=THREE), built(shards, None)
    counts: Counter[str] = Counter()
    for step in range(31):
        batch = mixed.batch(step)
        if batch.objective == "mlm":
            assert_same(batch, plain.batch(counts["mlm"]))
        assert batch.causal == (batch.objective == "clm")
        counts[batch.objective] += 1
    assert 11 <= counts["mlm"] <= 14
    assert 5 <= counts["clm"] <= 8
    assert 11 <= counts["tlm"] <= 14


def test_a_batch_is_a_function_of_the_step(shards: Shards, parallel: Shards) -> None:
    in_order, jumping = (built(shards, parallel, weights=THREE) for _ in range(2))
    batches = [in_order.batch(step) for step in range(11)]
    list(jumping.validation_batches(300))
    for step in (7, 2, 10**6, 10, 0):
        assert_same(jumping.batch(step), batches[step] if step < 11 else in_order.batch(step))


def test_objectives_do_not_read_the_same_text_at_the_same_time(shards: Shards) -> None:
    mixed = built(shards, None, nsp=False, weights={"mlm": 1.0, "clm": 1.0})
    first = {batch.objective: batch for batch in map(mixed.batch, range(7, -1, -1))}
    assert original_ids(first["mlm"]).tolist() != first["clm"].input_ids.tolist()


def tiny() -> Model:
    config = EncoderConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=61,
    )
    model = Model(config, ("mlm", "nsp"))
    model.initialize(3)
    return model.eval()


def test_counts_and_losses_are_those_of_the_batch(shards: Shards, parallel: Shards) -> None:
    mixed, model = built(shards, parallel, weights=THREE), tiny()
    assert isinstance(mixed, Mixed)
    assert isinstance(mixed, Loss)
    terms = {}
    for batch in map(mixed.batch, range(7)):
        output, counts = mixed.loss(model, batch), mixed.counts(batch)
        terms[batch.objective] = set(output.losses)
        assert set(output.losses) == set(counts)
        assert set(output.metrics) == {f"{term}_{what}" for term in counts for what in ("loss", "accuracy")}
        logits = model.heads["mlm"](model.encoder(batch)[batch.label_index])
        assert batch.labels is not None
        expected = F.cross_entropy(logits, batch.labels, reduction="sum")
        torch.testing.assert_close(output.losses[batch.objective], expected)
        pieces = batch.split(131)
        assert {piece.objective for piece in pieces} == {batch.objective}
        total = torch.stack([mixed.loss(model, piece).losses[batch.objective] for piece in pieces]).sum()
        torch.testing.assert_close(total, expected)
    assert terms == {"mlm": {"mlm", "nsp"}, "clm": {"clm"}, "tlm": {"tlm"}}


def test_every_objective_is_validated(shards: Shards, parallel: Shards) -> None:
    tokens: Counter[str] = Counter()
    for batch in built(shards, parallel, weights=THREE).validation_batches(2003):
        tokens[batch.objective] += batch.num_tokens
    assert set(tokens) == {"mlm", "clm", "tlm"}
    assert all(abs(count / 2003 - 1) < 0.2 for count in tokens.values())


def test_perplexities_are_of_the_losses() -> None:
    found = with_perplexities({"mlm_loss": 2.0, "mlm_accuracy": 0.5, "clm_loss": 1e6, "nsp_loss": 0.7})
    assert found["mlm_perplexity"] == pytest.approx(7.389056)
    assert found["clm_perplexity"] > 1e300
    assert set(found) - {"mlm_perplexity", "clm_perplexity"} == {"mlm_loss", "mlm_accuracy", "clm_loss", "nsp_loss"}


def test_what_an_objective_needs(shards: Shards) -> None:
    with pytest.raises(UserError) as error:
        built(shards, None, weights={"tlm": 1.0}, nsp=False)
    assert str(error.value) == ("pretrain.objective.weights: tlm needs aligned sentences; add [[corpus.parallel]]")
    with pytest.raises(UserError) as error:
        ObjectiveConfig.parse({"weights": {"clm": 1.0}}, "recipe.toml")
    assert str(error.value) == (
        "recipe.toml: nsp = true, which is learned beside mlm, but mlm has no weight; set nsp = false"
    )


LANGUAGES = ["de", "sw", "ur", "sw"] * 25 + ["de"]


@pytest.fixture(scope="module")
def languages(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return stored(tmp_path_factory.mktemp("languages") / "shards", documents(101, 17), languages=LANGUAGES)


def lifted(shards: Shards, parallel: Shards | None, alpha: Knots, num_steps: int = 60, **config: Any) -> Objective:
    """An objective over languages that are sampled."""
    table = ObjectiveConfig.parse({"nsp": False, **config}, "test")
    return build_objective(table, shards, parallel, vocabulary(), 61, 509, 7, None, num_steps, alpha)


def alphas(monkeypatch: pytest.MonkeyPatch, languages: Shards, alpha: Knots, **config: Any) -> dict[str, Knots]:
    """What each objective over text is given for its own steps."""
    given: dict[str, Knots] = {}

    def watched(*arguments: Any, **named: Any) -> Pretraining:
        own = Pretraining(*arguments, **named)
        given["clm" if arguments[8:9] == (True,) else "mlm"] = named.get("alpha") or arguments[9]
        return own

    monkeypatch.setattr(mixing, "Pretraining", watched)
    lifted(languages, None, alpha, **config)
    return given


def test_alpha_follows_the_steps_of_all(monkeypatch: pytest.MonkeyPatch, languages: Shards) -> None:
    ramp = ((0, 1.0), (60, 0.4))
    found = alphas(monkeypatch, languages, ramp, weights={"mlm": 2.0, "clm": 1.0})
    own = Turns(ObjectiveConfig.parse({"nsp": False, "weights": {"mlm": 2.0, "clm": 1.0}}, "test"), 7).before(60)
    assert own["mlm"] + own["clm"] == 60
    assert found == {name: ((0, 1.0), (own[name], 0.4)) for name in NAMES[:2]}


def test_alpha_is_that_of_the_step_through_all_phases(monkeypatch: pytest.MonkeyPatch, languages: Shards) -> None:
    schedule = [{"steps": 20, "weights": {"clm": 1.0}}, {"steps": 20, "weights": {"mlm": 1.0}}]
    weights = {"mlm": 1.0, "clm": 1.0}
    found = alphas(monkeypatch, languages, ((0, 1.0), (60, 0.4)), schedule=schedule, weights=weights)
    turns = Turns(ObjectiveConfig.parse({"nsp": False, "schedule": schedule, "weights": weights}, "test"), 7)
    for step in range(60):
        name, own = turns.at(step)
        wanted = 1.0 - 0.01 * step
        assert value_at(found[name], own) == pytest.approx(wanted, abs=0.035)  # turns are some steps early or late


def test_epochs_are_those_of_the_steps_that_each_objective_has(languages: Shards, parallel: Shards) -> None:
    ramp = ((0, 1.0), (60, 0.2))
    mixed = lifted(languages, parallel, ramp, weights={"mlm": 2.0, "clm": 1.0, "tlm": 1.0})
    turns = Turns(ObjectiveConfig.parse({"nsp": False, "weights": {"mlm": 2.0, "clm": 1.0, "tlm": 1.0}}, "test"), 7)
    assert isinstance(mixed, Mixed)
    for start, stop in ((0, 60), (13, 37), (59, 60)):
        first, last = turns.before(start), turns.before(stop)
        masked, causal = (mixed._objectives[name].epochs_by_language(first[name], last[name]) for name in NAMES[:2])
        wanted = {language: masked[language] + causal[language] for language in masked}
        assert mixed.epochs_by_language(start, stop) == pytest.approx(wanted)
    halves = [mixed.epochs_by_language(*part) for part in ((0, 29), (29, 60))]
    whole = mixed.epochs_by_language(0, 60)
    assert set(whole) == {"de", "sw", "ur"}
    assert {name: halves[0][name] + halves[1][name] for name in whole} == pytest.approx(whole)


def test_small_languages_are_read_as_often_as_epochs_say(languages: Shards) -> None:
    mixed = lifted(languages, None, ((0, 0.0),), weights={"mlm": 1.0, "clm": 1.0})
    plain = lifted(languages, None, ((0, 1.0),), weights={"mlm": 1.0, "clm": 1.0})
    tokens = languages.tokens_by_language()
    small, large = min(tokens, key=tokens.__getitem__), max(tokens, key=tokens.__getitem__)
    sampled, as_it_is = mixed.epochs_by_language(0, 60), plain.epochs_by_language(0, 60)
    assert sampled[small] > 1.3 * sampled[large]
    assert as_it_is[small] == pytest.approx(as_it_is[large])
