"""`encodery bench translate`: the pairs, the cases, what is computed and printed; nothing is measured here."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encodery.bench import translate, translate_ours, translate_peer, translate_worker
from encodery.bench.gate import Finished
from encodery.bench.rounds import Block, Outcome, Plan, Round
from encodery.bench.translate_jobs import Case, Job, all_cases
from encodery.bench.translate_pairs import END_TOKEN_ID, START_TOKEN_ID, Pairs
from encodery.errors import UserError

TINY = {
    "vocab_size": 101,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 37,
}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (translate_ours, translate_peer):
        monkeypatch.setattr(module, "SIZES", {"small": TINY, "marian": TINY})
        monkeypatch.setattr(module, "NUM_PAIRS", 17)


def test_pairs_are_as_long_as_those_of_multi30k() -> None:
    pairs = Pairs.make(997, 4001)
    source, target = (np.array([len(ids) for ids in side]) for side in (pairs.sources, pairs.targets))
    assert source.mean() == pytest.approx(13.1, abs=0.3)
    assert target.mean() == pytest.approx(12.6, abs=0.3)
    assert np.corrcoef(np.log(source), np.log(target))[0, 1] == pytest.approx(0.85, abs=0.03)
    padding = [target[i : i + 64].max() * 64 / target[i : i + 64].sum() for i in range(0, 3968, 64)]
    assert np.mean(padding) == pytest.approx(2.06, abs=0.2)
    again = Pairs.make(997, 4001)
    assert all(np.array_equal(a, b) for a, b in zip(pairs.sources, again.sources, strict=True))


def test_both_sides_read_the_same_tokens() -> None:
    pairs = Pairs.make(101, 5)
    batch, padded = pairs.batch(), pairs.padded()
    assert batch.source is not None
    assert batch.labels is not None
    assert padded["input_ids"][padded["attention_mask"] == 1].tolist() == batch.source.input_ids.tolist()
    assert padded["labels"][padded["labels"] != -100].tolist() == batch.labels.tolist()
    assert batch.input_ids[batch.first_tokens.long()].tolist() == [START_TOKEN_ID] * 5
    ends = batch.labels[batch.cu_seqlens[1:].long() - 1]
    assert ends.tolist() == [END_TOKEN_ID] * 5
    assert pairs.tokens == batch.num_tokens + batch.source.num_tokens
    assert pairs.source_batch().input_ids.tolist() == batch.source.input_ids.tolist()
    parts = pairs.batches(2)
    assert [len(part.sources) for part in parts] == [2, 2]
    assert np.array_equal(parts[1].targets[0], pairs.targets[2])


def test_cases_are_selected_by_the_beginning_of_their_name() -> None:
    assert len(translate.select_cases([])) == len(all_cases()) == 10
    assert [case.name for case in translate.select_cases(["decode/1-", "train/small-bf16"])] == [
        "decode/1-beam-1",
        "decode/1-beam-5",
        "train/small-bf16",
    ]
    with pytest.raises(UserError) as error:
        translate.select_cases(["decod", "nothing"])
    assert str(error.value).startswith("--case nothing: there is no such case; choose from decode/1-beam-1, ")


def test_a_result_is_the_median_of_tokens_a_second() -> None:
    def block(seconds: float, tokens: int) -> Block:
        return Block(seconds, tokens, peak_bytes=0, others_cores=0.0)

    rounds = tuple(Round(ours=block(1.0, 100 * n), peer=block(2.0, 100)) for n in (1, 2, 6))
    case = translate.select_cases(["decode/32-beam-5"])[0]
    result = translate.result_of(case, Outcome(rounds, 1, 3, 2))
    assert (result.case, result.unit, result.ours, result.peer, result.ratio) == (
        "decode/32-beam-5",
        "tokens/s",
        200.0,
        50.0,
        4.0,
    )
    assert result.metric is not None
    assert {name: result.metric[name] for name in ("target_ratio", "ratio_low", "ratio_high")} == {
        "target_ratio": 1.5,
        "ratio_low": 2.0,
        "ratio_high": 12.0,
    }


def orders(*steps: int) -> Iterator[str]:
    return iter([json.dumps({"steps": number}) for number in steps])


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("engine", ["encodery", "transformers"])
@pytest.mark.parametrize(("beams", "new_tokens"), [(1, 3), (3, 5), (1, None), (3, None)])
def test_both_engines_say_as_many_tokens_as_they_must(
    engine: str, beams: int, new_tokens: int | None, tmp_path: Path
) -> None:
    values = {"engine": engine, "work": "decode", "pairs": 4, "beams": beams, "new_tokens": new_tokens}
    reports: list[str] = []
    with pytest.raises(Finished):
        translate_worker.run(Job.model_validate(values), tmp_path, orders(1, 2), reports.append)
    _, first, second = map(json.loads, reports)
    wanted = [
        sum(len(ids) + 1 if new_tokens is None else new_tokens for ids in part.targets)
        for part in Pairs.make(101, 17).batches(4)
    ]
    assert (first["tokens"], second["tokens"]) == (wanted[0], wanted[1] + wanted[2])


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_both_engines_train_on_the_same_tokens(precision: str, tmp_path: Path) -> None:
    sizes, counted = [], []
    for engine in ("encodery", "transformers"):
        values = {"engine": engine, "work": "train", "size": "small", "pairs": 5, "precision": precision}
        reports: list[str] = []
        with pytest.raises(Finished):
            translate_worker.run(Job.model_validate(values), tmp_path / engine, orders(3), reports.append)
        ready, report = map(json.loads, reports)
        sizes.append(ready["parameters"])
        counted.append(report["tokens"])
    assert sizes[0] == sizes[1] + 101  # the bias of the logits
    assert counted[0] == counted[1] == sum(part.tokens for part in Pairs.make(101, 17).batches(5))


def test_results_are_printed_as_they_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(case: Case, folder: Path, plan: Plan) -> Outcome:
        fast, slow = Block(1.0, 300, 0, 0.0), Block(1.0, 100, 0, 0.0)
        return Outcome((Round(ours=fast, peer=slow),) * 3, 0, 1, 1)

    monkeypatch.setattr(translate, "measure", measured)
    translate.run_bench(quick=True, only_json=True, cases=["decode/32"])
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["case"] for line in lines] == ["decode/32-beam-1", "decode/32-beam-5"]
    assert {line["ratio"] for line in lines} == {3.0}
    translate.run_bench(quick=True, only_json=False, cases=["decode/1-beam-5"])
    assert "1x met" in capsys.readouterr().out


def test_lengths_end_translations_there() -> None:
    """Rows of one sentence end together, and no sooner."""
    ends = translate_peer.EndsAt([1, 3], beams=2)
    scores = ends(torch.zeros(4, 1, dtype=torch.long), torch.zeros(4, 7))
    assert (scores[:2] > -1).sum(1).tolist() == [1, 1]
    assert scores[:2, END_TOKEN_ID].tolist() == [0.0, 0.0]
    assert (scores[2:] > -1).sum(1).tolist() == [6, 6]
    assert scores[2:, END_TOKEN_ID].isinf().all()
