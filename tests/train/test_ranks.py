"""Two ranks against one: the same batches, the same means, the same checkpoints; and what goes wrong on one rank."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from encodery.errors import UserError
from encodery.train import distributed
from encodery.train.distributed import ALONE, Ranks, joined_ranks
from encodery.train.log import read_log
from encodery.train.trainer import Trainer
from tests.train.groups import end_of, start_ranks
from tests.train.ranks_at_work import CASES, STEPS, make

TOLERANCE = {"atol": 2e-5, "rtol": 1e-4}
"""Of the weights after seven steps in fp32: sums over ranks are taken in another order, and nothing else differs."""


def one_rank(folder: Path, case: str) -> Trainer:
    trainer = make(folder / case, case)
    trainer.fit()
    return trainer


def killed_at(folder: Path, case: str, step: int) -> None:
    """One rank trains a case and is ended in the middle."""
    trainer = make(folder / case, case)
    trainer.config = trainer.config.model_copy(update={"checkpoint_every": 1})
    inner = trainer.batches

    def ending(number: int) -> Any:
        if number == step:
            raise KeyboardInterrupt
        return inner(number)

    trainer.batches = ending
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases, trained by two ranks in one group; those to continue were begun by one."""
    folder = tmp_path_factory.mktemp("ranks")
    for case in ("ddp-continue", "fsdp-continue"):
        killed_at(folder, case, 4)
    command = ["-m", "tests.train.ranks_at_work", str(folder), *CASES]
    for code, said in end_of(start_ranks([command] * 2, folder)):
        assert code == 0, said
    return folder


def results(folder: Path, case: str) -> list[dict[str, Any]]:
    return [json.loads((folder / f"result-{rank}.json").read_text())[case] for rank in (0, 1)]


def assert_close(trainer: Trainer, weights: dict[str, Tensor], **tolerance: float) -> None:
    given = tolerance or TOLERANCE
    for name, parameter in trainer.model.named_parameters():
        torch.testing.assert_close(
            weights[name], parameter.detach(), atol=given["atol"], rtol=given["rtol"], msg=f"{name} differs"
        )


def logged(folder: Path, event: str = "step") -> list[dict[str, Any]]:
    return [record for record in read_log(folder / "log.jsonl") if record["event"] == event]


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
@pytest.mark.parametrize("kind", ["", "-pieces", "-lone", "-continue"])
def test_two_ranks_learn_what_one_does(worked: Path, tmp_path: Path, parallel: str, kind: str) -> None:
    """Whole shares, shares of several unequal pieces, a rank without a share, a run that one rank began."""
    case = parallel + kind
    alone = one_rank(tmp_path, case)
    assert_close(alone, load_file(worked / case / "weights.safetensors"))
    assert [result["step"] for result in results(worked, case)] == [STEPS, STEPS]
    ours, theirs = logged(worked / case), logged(tmp_path / case)
    assert len(ours) == len(theirs) == 4
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine["step"], mine["tokens"]) == (other["step"], other["tokens"])
        for name in ("loss", "words", "grad_norm"):
            assert mine.get(name) == pytest.approx(other.get(name), rel=1e-4)
    if kind == "-continue":
        assert [record["step"] for record in logged(worked / case, "resume")] == [0, 4]


def test_the_same_ranks_give_the_same_bits(worked: Path, tmp_path: Path) -> None:
    first, again = (load_file(worked / name / "weights.safetensors") for name in ("ddp-dropout", "ddp-dropout-again"))
    assert all(torch.equal(first[name], again[name]) for name in first)
    alone = one_rank(tmp_path, "ddp-dropout")
    assert any(not torch.equal(first[name], weight) for name, weight in alone.model.named_parameters())


def test_sharded_weights_in_bf16_learn_alike(worked: Path) -> None:
    losses = []
    for case in ("ddp-bf16", "fsdp-bf16"):
        assert all(
            weight.dtype == torch.float32 for weight in load_file(worked / case / "weights.safetensors").values()
        )
        losses.append([record["loss"] for record in logged(worked / case)])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


@pytest.mark.parametrize("kind", ["nan", "gradient"])
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_number_gone_wrong_on_one_rank_is_left_out_on_all(worked: Path, parallel: str, kind: str) -> None:
    case = f"{parallel}-{kind}"
    assert [result["skipped"] for result in results(worked, case)] == [1, 1]
    assert [record["step"] for record in logged(worked / case, "skip")] == [3]
    assert all(weight.isfinite().all() for weight in load_file(worked / case / "weights.safetensors").values())


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_weight_lost_on_one_rank_ends_all(worked: Path, parallel: str) -> None:
    case = f"{parallel}-weight"
    first, second = results(worked, case)
    assert first["said"] == second["said"]
    assert first["said"].startswith(
        "UserError: step 6: the weight encoder.embeddings.word.weight on rank 1 has values that are not finite"
    )
    assert f"the same command continues from {worked / case}/checkpoints/step-00000003." in first["said"]
    assert [path.name for path in (worked / case / "checkpoints").iterdir()] == ["step-00000003"]


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_signal_to_one_rank_stops_all_and_one_rank_goes_on(worked: Path, tmp_path: Path, parallel: str) -> None:
    """The same checkpoint files, whoever wrote them: one rank, without the strategy, ends where it would have."""
    case = f"{parallel}-stop"
    first, second = results(worked, case)
    assert first == second
    assert 0 < first["step"] < STEPS
    assert first["said"].startswith(f"Interrupted: stopped at step {first['step']} of 7, state saved in ")
    folder = tmp_path / "copy"
    shutil.copytree(worked / case, folder / "ddp-continue")
    names = [path.name for path in (folder / "ddp-continue" / "checkpoints").iterdir()]
    assert names == [f"step-{first['step']:08d}"]
    going_on = one_rank(folder, "ddp-continue")
    assert [record["step"] for record in logged(folder / "ddp-continue", "resume")] == [0, first["step"]]
    straight = one_rank(tmp_path / "straight", "ddp")
    assert_close(straight, {name: weight.detach() for name, weight in going_on.model.named_parameters()})


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_the_first_rank_judges_and_keeps_the_best(worked: Path, tmp_path: Path, parallel: str) -> None:
    """Evaluations of steps 2, 4, 6 and 7 give 0.1, 0.9, 0.3 and 0.2; what is kept is measured once more."""
    case = f"{parallel}-best"
    alone = one_rank(tmp_path, case)
    assert_close(alone, load_file(worked / case / "weights.safetensors"))
    first, second = results(worked, case)
    assert first["metrics"] == second["metrics"]
    assert first["metrics"]["score"] == 0.7
    evaluations = logged(worked / case, "eval")
    assert [record["score"] for record in evaluations] == [0.1, 0.9, 0.3, 0.2]
    assert [record["best_step"] for record in logged(worked / case, "best")] == [4]
    assert first["metrics"]["loss"] == pytest.approx(evaluations[1]["loss"], rel=1e-6)


def test_the_number_of_ranks_is_part_of_the_bits(worked: Path) -> None:
    with pytest.raises(UserError) as refused:
        make(worked / "ddp-fixed", "ddp-fixed").fit()
    assert str(refused.value) == (
        "deterministic = true, but this run began with 2 ranks and has 1 now, which changes the last bits; start it "
        "with 2, or set deterministic = false"
    )


LOSE_ONE = """
import os, signal, sys
from encodery.errors import UserError
from encodery.train.distributed import joined_ranks
try:
    with joined_ranks() as ranks:
        ranks.any(False)
        if ranks.rank == int(sys.argv[1]):
            if sys.argv[2] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise UserError("shard 3 is gone")
        if sys.argv[3] == "collective":
            ranks.any(False)
        elif ranks.is_first:
            import time; time.sleep(0.5); ranks.gather(1)
        else:
            ranks.listen()
except UserError as error:
    sys.exit(f"said: {error}")
"""


@pytest.mark.parametrize(
    ("rank", "how", "where", "words"),
    [
        (1, "error", "collective", "shard 3 is gone"),
        (0, "error", "listen", "shard 3 is gone"),
        (1, "kill", "collective", "is gone without a word"),
    ],
)
def test_one_rank_fails_and_all_end(rank: int, how: str, where: str, words: str, tmp_path: Path) -> None:
    """With one message, by whoever failed; where that one could say nothing, by another."""
    command = ["-c", LOSE_ONE, str(rank), how, where]
    ends = end_of(start_ranks([command] * 2, tmp_path), timeout=60)
    assert all(code != 0 for code, _ in ends)
    everything = "".join(said for _, said in ends)
    assert words in everything
    assert everything.count("said: ") == 1


IN_A_GROUP = """
import sys
import torch
import torch.distributed as dist
from encodery.errors import UserError
from encodery.train.distributed import joined_ranks
dist.init_process_group("gloo")
rank = dist.get_rank()
for run in (1, 2):  # what was said in the first run is not heard in the second
    with joined_ranks({}) as ranks:
        assert (ranks.rank, ranks.world_size) == (rank, 2)
        assert ranks.first(lambda: run) == run
        assert ranks.gather(rank) == [0, 1]
try:
    with joined_ranks() as ranks:
        if rank == 1:
            raise UserError("shard 5 is gone")
        ranks.listen()
except UserError as error:
    print("said:", error)
except SystemExit as end:
    print("left:", end.__context__)
total = torch.ones(3)
dist.all_reduce(total)  # the group is as it was
assert total.tolist() == [2.0, 2.0, 2.0]
with joined_ranks() as ranks:
    print("after:", ranks.gather(rank))
"""


def test_a_group_that_is_there_is_used_and_left(tmp_path: Path) -> None:
    """As Ray Train makes one: no environment is asked, several runs follow one another in it, also after an error."""
    ends = end_of(start_ranks([["-c", IN_A_GROUP]] * 2, tmp_path), timeout=60)
    assert [code for code, _ in ends] == [0, 0], ends
    said = [text.splitlines() for _, text in ends]
    assert sorted(lines[0] for lines in said) == ["left: shard 5 is gone", "said: shard 5 is gone"]
    assert all(lines[1:] == ["after: [0, 1]"] for lines in said)


def test_a_group_of_one_trains_alone_and_one_without_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(torch.distributed, "get_backend_config", lambda: "cuda:nccl")
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 1)
    with joined_ranks({"WORLD_SIZE": "3"}) as ranks:
        assert ranks is ALONE
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    with pytest.raises(UserError) as refused, joined_ranks({}):
        pytest.fail("no such group")
    assert str(refused.value) == (
        "the process group of rank 0 is of 'cuda:nccl', but ranks agree on the CPU, too; initialise it with the "
        "backend cpu:gloo,cuda:nccl"
    )


def test_places_that_are_none_are_refused() -> None:
    for environment, words in (
        ({"WORLD_SIZE": "two"}, r"WORLD_SIZE = 'two' in the environment is no number; torchrun sets it, or unset it"),
        (
            {"WORLD_SIZE": "2"},
            r"WORLD_SIZE = 2, but RANK = None and MASTER_ADDR = None name no place among that many",
        ),
        (
            {"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "here"},
            r"RANK = '2' and MASTER_ADDR = 'here' name no place",
        ),
    ):
        with pytest.raises(UserError, match=words), joined_ranks(environment):
            pytest.fail("no such place")


def test_more_ranks_than_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    environment = {"WORLD_SIZE": "3", "RANK": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "here"}
    with pytest.raises(UserError, match="LOCAL_RANK = 1, but this machine has 1 CUDA devices"):
        distributed._join(environment)


def test_a_process_by_itself_is_the_first_and_only() -> None:
    with joined_ranks({}) as ranks:
        assert ranks is ALONE
    assert ranks.is_first
    assert ranks.gather("a") == ["a"]
    assert [ranks.any(False), ranks.any(True)] == [False, True]
    assert ranks.first(lambda: 3) == 3
    ranks.dismiss_others()
    with joined_ranks({"WORLD_SIZE": "1", "RANK": "0"}) as ranks:
        assert ranks is ALONE


class Store:
    """A store of one process, as far as the ranks ask."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def check(self, keys: list[str]) -> bool:
        return all(key in self.words for key in keys)

    def get(self, key: str) -> bytes:
        return self.words[key].encode()


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(distributed, "LAST_WORD_SECONDS", 0.0)
    store: Any = Store()
    ranks = Ranks.__new__(Ranks)
    ranks.rank, ranks.world_size, ranks._store, ranks._turn = 1, 2, store, 0
    with pytest.raises(UserError, match="rank 1 has waited 0 s for rank 0; it may hang there"):
        ranks.listen()
    assert ranks.last_word().startswith("another rank of this run is gone without a word")
    store.words["turn-2"] = "[3]"
    assert ranks.listen() == [3]
    store.words["failed"] = "disk full"
    with pytest.raises(UserError, match="disk full"):
        ranks.listen()


@pytest.mark.gpu
def test_two_gpus_learn_what_one_does(tmp_path: Path) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices")
    command = ["-m", "tests.train.ranks_at_work", str(tmp_path), "ddp", "fsdp"]
    for code, said in end_of(start_ranks([command] * 2, tmp_path)):
        assert code == 0, said
    for case in ("ddp", "fsdp"):
        alone = one_rank(tmp_path / "alone", case)
        assert_close(alone, load_file(tmp_path / case / "weights.safetensors"), atol=1e-3, rtol=1e-2)
