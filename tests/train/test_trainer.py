"""The one loop: what a step does, what a checkpoint brings back, and what happens when numbers go wrong."""

import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from encodery.batch import Batch, LossOutput, Sequence, pack
from encodery.errors import Hopeless, Interrupted, UserError
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.train import trainer as module
from encodery.train.budget import Budget
from encodery.train.checkpoint import checkpoint_at, save_checkpoint
from encodery.train.config import UNBOUNDED, TrainerConfig
from encodery.train.device import pick_device, step_seed
from encodery.train.log import read_log
from encodery.train.loss import mean_metrics
from encodery.train.optim import learning_rate
from encodery.train.trainer import Trainer

CONFIG = EncoderConfig(
    vocab_size=53, hidden_size=10, num_hidden_layers=2, num_attention_heads=2, intermediate_size=17,
    max_position_embeddings=13,
)  # fmt: skip


class FirstToken:
    """A loss to train with: the class of a sequence is whether its first token is odd."""

    def counts(self, batch: Batch) -> Mapping[str, int]:
        return {"first": batch.num_sequences}

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        assert batch.sequence_labels is not None
        head: Any = model.heads["sequence"]
        logits = head(model.pool(model.encoder(batch, batch.first_tokens))).float()
        loss = torch.nn.functional.cross_entropy(logits, batch.sequence_labels, reduction="sum")
        return LossOutput({"first": loss}, {"loss": (loss.item(), float(batch.num_sequences))})


def batches(step: int) -> Batch:
    draw = torch.Generator().manual_seed(step)
    ids = [torch.randint(5, 53, (length,), generator=draw).tolist() for length in (7, 3, 11, 5)]
    return pack([Sequence(row, None, row[0] % 2) for row in ids])


def make(folder: Path, total_steps: int = 7, config: EncoderConfig = CONFIG, **settings: Any) -> Trainer:
    model = Model(config, ("sequence",), num_labels=2)
    model.initialize(3)
    table = TrainerConfig(**{"precision": "fp32", "log_every": 1, **settings})
    return Trainer(model, FirstToken(), batches, table, total_steps, 5, folder, console=Console(quiet=True))


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}


def same(left: Trainer, right: Trainer) -> bool:
    ours, theirs = weights(left), weights(right)
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_it_learns(tmp_path: Path) -> None:
    trainer = make(tmp_path, total_steps=211, optimizer={"lr": 1e-2})
    trainer.fit()
    losses = [record["loss"] for record in read_log(tmp_path / "log.jsonl") if record["event"] == "step"]
    assert sum(losses[:10]) / 10 > 0.6
    assert sum(losses[-10:]) / 10 < 0.3


def test_one_step_is_that_of_pytorch(tmp_path: Path) -> None:
    """Loss over the global count, clipping, AdamW with its two groups, written out."""
    settings = {"lr": 1e-2, "warmup_steps": 0, "schedule": "constant", "max_grad_norm": 0.1, "weight_decay": 0.5}
    trainer = make(tmp_path, total_steps=1, optimizer=settings)
    reference = make(tmp_path / "other").model
    trainer.fit()
    torch.manual_seed(step_seed(5, 0))
    reference.train()
    batch = batches(0)
    loss = FirstToken().loss(reference, batch).losses["first"] / batch.num_sequences
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(reference.parameters(), 0.1)
    decayed = [p for p in reference.parameters() if p.ndim > 1]
    plain = [p for p in reference.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.5}, {"params": plain, "weight_decay": 0.0}]
    torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.999), eps=1e-6).step()
    for name, parameter in reference.named_parameters():
        torch.testing.assert_close(weights(trainer)[name], parameter.detach(), atol=1e-6, rtol=1e-5)


def test_layers_learn_at_their_share_of_the_rate(tmp_path: Path) -> None:
    """AdamW without decay moves a weight by its rate and nothing else: half the rate is half the way."""
    settings = {"lr": 1e-2, "warmup_steps": 0, "schedule": "constant", "weight_decay": 0.0}
    moved = []
    for factor in (1.0, 0.5):
        trainer = make(tmp_path / str(factor), 1, optimizer={**settings, "layer_decay": factor})
        before = weights(trainer)
        trainer.fit()
        moved.append({name: value - before[name] for name, value in weights(trainer).items()})
    shares = {"encoder.embeddings": 0.125, "encoder.layers.0": 0.25, "encoder.layers.1": 0.5}
    for name, whole in moved[0].items():
        share = next((share for start, share in shares.items() if name.startswith(start)), 1.0)
        torch.testing.assert_close(moved[1][name], share * whole, atol=1e-7, rtol=1e-3)


def test_micro_batches_sum_to_the_whole(tmp_path: Path) -> None:
    """Without dropout, whose draws follow the pieces, accumulation changes nothing but rounding."""
    trainers = []
    without = CONFIG.model_copy(update={"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
    for name, tokens in (("whole", 1000), ("pieces", 8)):
        trainer = make(tmp_path / name, config=without, micro_batch_tokens=tokens, optimizer={"lr": 1e-3})
        trainer.fit()
        trainers.append(trainer)
    whole, pieces = map(weights, trainers)
    assert len(batches(0).split(8)) == 4
    for name in whole:
        torch.testing.assert_close(whole[name], pieces[name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "settings", [{"precision": "fp32"}, {"precision": "bf16"}, {"optimizer": {"layer_decay": 0.7}}]
)
def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path, settings: dict[str, Any]) -> None:
    straight = make(tmp_path / "straight", **settings)
    straight.fit()
    for stop in (1, 4, 6):
        folder = tmp_path / f"stopped-{stop}"
        first = make(folder, checkpoint_every=1, **settings)

        def stopping(step: int, stop: int = stop) -> Batch:
            if step == stop:
                raise KeyboardInterrupt
            return batches(step)

        first.batches = stopping
        with pytest.raises(KeyboardInterrupt):
            first.fit()
        second = make(folder, checkpoint_every=1, **settings)
        second.fit()
        assert same(straight, second)
        steps = [record["step"] for record in read_log(folder / "log.jsonl") if record["event"] == "step"]
        assert steps == list(range(1, 8))


def test_a_finished_run_only_evaluates(tmp_path: Path) -> None:
    make(tmp_path).fit()
    again = make(tmp_path)
    again.evaluate = lambda: {"accuracy": 0.25}
    again.batches = lambda step: pytest.fail("no step is left")
    assert again.fit() == {"accuracy": 0.25}
    assert again.state.step == 7


def poisoned(*steps: int) -> Callable[[Model, Batch], LossOutput]:
    """A loss that is not a number at these steps."""
    count = iter(range(1000))

    def loss(model: Model, batch: Batch) -> LossOutput:
        output = FirstToken().loss(model, batch)
        factor = math.nan if next(count) in steps else 1.0
        return LossOutput({"first": output.losses["first"] * factor}, output.metrics)

    return loss


def test_a_non_finite_step_is_left_out_counted_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make(tmp_path)
    trainer.console = Console(width=200)
    monkeypatch.setattr(trainer.loss, "loss", poisoned(2, 4, 5))
    with trainer.console.capture() as screen:
        trainer.fit()
    assert trainer.state.skipped_steps == 3
    assert all(parameter.isfinite().all() for parameter in trainer.model.parameters())
    assert "step 3: loss or gradient not finite, the update is left out (1 so far)" in screen.get()
    skips = [record["step"] for record in read_log(tmp_path / "log.jsonl") if record["event"] == "skip"]
    assert skips == [3, 5, 6]


def test_too_many_in_a_row_stop_the_run_and_keep_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make(tmp_path, max_skipped_steps=2, optimizer={"lr": 0.25})
    monkeypatch.setattr(trainer.loss, "loss", poisoned(1, 2, 3, 4))
    with pytest.raises(UserError) as stop:
        trainer.fit()
    path = tmp_path / "replay-step-00000004.safetensors"
    assert str(stop.value) == (
        "step 4: loss or gradient not finite 3 times in a row (max_skipped_steps = 2); the batch is in "
        f'{path}; lower optimizer.lr = 0.25, warm up longer or set precision = "fp32"'
    )
    kept = load_file(path)
    assert torch.equal(kept["input_ids"], batches(3).input_ids)
    assert torch.equal(kept["sequence_labels"], batches(3).sequence_labels)  # type: ignore[arg-type]


def test_a_gradient_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    """Beside a loss that is one; so is one of many weights."""
    trainer = make(tmp_path)
    calls = iter(range(1000))
    weight: Any = trainer.model.encoder.embeddings.word.weight
    weight.register_hook(lambda gradient: gradient * math.nan if next(calls) in (2, 6) else gradient)
    trainer.fit()
    assert [record["step"] for record in read_log(tmp_path / "log.jsonl") if record["event"] == "skip"] == [3, 7]
    assert trainer.state.skipped_steps == 2
    assert all(parameter.isfinite().all() for parameter in trainer.model.parameters())


KEPT = "what the optimizer keeps of"


@pytest.mark.parametrize(
    ("where", "step", "said_at", "what", "newest"),
    [
        ("weight", 4, 4, "the weight", 2),
        ("weight", 5, 6, "the weight", 4),
        ("weight", 7, 7, "the weight", 6),
        ("exp_avg_sq", 4, 4, KEPT, 2),
        ("exp_avg_sq", 7, 7, KEPT, 6),
    ],
)
def test_a_weight_that_is_no_number_is_never_saved(
    tmp_path: Path, where: str, step: int, said_at: int, what: str, newest: int
) -> None:
    """In the middle, and in the last step, whose weights would be published: the same call then ends as ever."""
    whole = make(tmp_path / "whole")
    whole.fit()
    trainer = make(tmp_path / "run", checkpoint_every=2)
    weight = trainer.model.encoder.embeddings.word.weight

    def lose(*_: object) -> None:
        if trainer.state.step == step - 1:
            (weight.detach() if where == "weight" else trainer.optimizer.state[weight][where])[7, 3] = math.nan

    trainer.optimizer.register_step_post_hook(lose)
    with pytest.raises(UserError) as stop:
        trainer.fit()
    checkpoint = trainer.checkpoints / f"step-{newest:08d}"
    assert str(stop.value) == (
        f"step {said_at}: {what} encoder.embeddings.word.weight has values that are not finite, so that no further "
        f"step can be computed; nothing of that is saved: the same command continues from {checkpoint}. If it comes "
        "again at the same step, lower optimizer.lr or warm up longer; if it comes elsewhere, have the machine's "
        "memory checked"
    )
    assert max(path.name for path in trainer.checkpoints.iterdir()) == checkpoint.name
    again = make(tmp_path / "run", checkpoint_every=2)
    again.fit()
    assert same(whole, again)


def test_a_model_that_is_no_number_is_not_trained(tmp_path: Path) -> None:
    trainer = make(tmp_path)
    with torch.no_grad():
        trainer.model.encoder.embeddings.word.weight[3, 2] = math.inf
    with pytest.raises(UserError) as refused:
        trainer.fit()
    assert str(refused.value) == (
        "the weight encoder.embeddings.word.weight has values that are not finite before the first step; start from "
        "another model"
    )


@pytest.mark.parametrize("poisoned", ["weights", "optimizer"])
def test_a_checkpoint_of_what_is_no_number_is_passed_over(tmp_path: Path, poisoned: str) -> None:
    """One of before such weights were looked for."""
    whole = make(tmp_path / "whole")
    whole.fit()
    trainer = make(tmp_path / "run", checkpoint_every=2)
    trainer.fit()
    weights, tensors, state = checkpoint_at(trainer.checkpoints / "step-00000007").load()
    for tensor in (weights if poisoned == "weights" else tensors).values():
        tensor.fill_(math.nan)
    save_checkpoint(trainer.checkpoints, 7, weights, tensors, state)
    again = make(tmp_path / "run", checkpoint_every=2)
    again.console = Console(width=500)
    with again.console.capture() as screen:
        again.fit()
    assert "checkpoint of step 7 skipped: " in screen.get()
    assert "has values that are not finite" in screen.get()
    assert same(whole, again)


def test_a_stop_request_saves_and_the_same_call_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = make(tmp_path / "straight")
    straight.fit()
    request = threading.Event()

    class Signals:
        def __enter__(self) -> threading.Event:
            return request

        def __exit__(self, *_: object) -> None: ...

    def asking(step: int) -> Batch:
        if step == 3:
            request.set()
        return batches(step)

    stopped = make(tmp_path / "stopped", checkpoint_every=1000)
    stopped.batches = asking
    with monkeypatch.context() as patch:
        patch.setattr(module, "stop_signals", Signals)
        with pytest.raises(
            Interrupted, match=r"stopped at step [234] of 7, state saved in .*stopped; the same command"
        ):
            stopped.fit()
    assert [path.name for path in (tmp_path / "stopped" / "checkpoints").iterdir()] == [
        f"step-{stopped.state.step:08d}"
    ]
    again = make(tmp_path / "stopped", checkpoint_every=1000)
    again.fit()
    assert same(straight, again)


def test_evaluation_happens_in_between_and_at_the_end(tmp_path: Path) -> None:
    trainer = make(tmp_path, evaluate_every=3)
    modes = []

    def evaluate() -> dict[str, float]:
        modes.append(trainer.model.training)
        return mean_metrics(trainer.loss, trainer.model, [batches(99), batches(98)])

    trainer.evaluate = evaluate
    final = trainer.fit()
    evaluations = [record for record in read_log(tmp_path / "log.jsonl") if record["event"] == "eval"]
    assert [record["step"] for record in evaluations] == [3, 6, 7]
    assert final["loss"] == evaluations[-1]["loss"]
    assert modes == [False] * 3


def looked_at(folder: Path, look_every: int | None, **settings: Any) -> list[int]:
    trainer = make(folder, **settings)
    trainer.look_every = look_every
    trainer.evaluate = lambda: {"loss": 1.0}
    trainer.fit()
    return [record["step"] for record in read_log(folder / "log.jsonl") if record["event"] == "eval"]


def test_a_long_run_is_looked_at_early_where_that_is_asked_for(tmp_path: Path) -> None:
    assert looked_at(tmp_path / "tenths", None, total_steps=71)[:3] == [7, 14, 21]
    assert looked_at(tmp_path / "early", 5, total_steps=71)[:3] == [5, 10, 15]
    assert looked_at(tmp_path / "short", 5, total_steps=23)[:3] == [2, 4, 6]
    assert looked_at(tmp_path / "told", 5, total_steps=23, evaluate_every=11) == [11, 22, 23]


def test_a_run_that_stops_by_itself_says_so(tmp_path: Path) -> None:
    trainer = make(tmp_path, evaluate_every=2)
    trainer.evaluate = lambda: {"loss": 1.0}
    trainer.hopeless = lambda evaluations: "it is no use" if len(evaluations) == 2 else None
    with pytest.raises(Hopeless, match=r"stopped at step 4 of 7, state saved in .*; it is no use"):
        trainer.fit()


def test_a_mean_is_taken_once_over_everything() -> None:
    class Counting:
        def counts(self, batch: Batch) -> Mapping[str, int]:
            return {}

        def loss(self, model: Model, batch: Batch) -> LossOutput:
            return LossOutput({}, {"m": (float(batch.num_tokens), float(batch.num_sequences)), "none": (0.0, 0.0)})

    model = Model(CONFIG, ("sequence",), num_labels=2)
    parts = batches(0).split(11)
    assert len(parts) == 3
    assert mean_metrics(Counting(), model, parts) == {"m": 26 / 4}


def test_no_cuda_is_said() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match='device = "cuda", but this machine has no usable CUDA device'):
        pick_device("cuda")


def test_every_step_has_a_seed_of_its_own() -> None:
    seeds = {step_seed(seed, step) for seed in range(11) for step in range(101)}
    assert len(seeds) == 11 * 101


@pytest.mark.gpu
def test_cuda_and_cpu_learn_alike(tmp_path: Path) -> None:
    losses = []
    for device in ("cpu", "cuda"):
        trainer = make(tmp_path / device, total_steps=101, device=device, optimizer={"lr": 1e-2})
        trainer.fit()
        log = read_log(tmp_path / device / "log.jsonl")
        losses.append(sum(r["loss"] for r in log if r["event"] == "step" and r["step"] > 80) / 20)
    assert losses[0] == pytest.approx(losses[1], abs=0.1)


def test_recomputing_layers_changes_no_bit(tmp_path: Path) -> None:
    plain, recomputing = make(tmp_path / "a"), make(tmp_path / "b", activation_checkpointing=True)
    plain.fit()
    recomputing.fit()
    assert recomputing.model.encoder.activation_checkpointing
    assert same(plain, recomputing)


class Ticks:
    """A clock on which every look takes a second."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are timed by such a clock: a step is a second."""
    monkeypatch.setattr(module, "Budget", lambda seconds, spent=0.0: Budget(seconds, spent, Ticks()))


def steps_of(folder: Path) -> list[dict[str, Any]]:
    return [record for record in read_log(folder / "log.jsonl") if record["event"] == "step"]


@pytest.mark.usefixtures("ticking")
def test_a_run_ends_when_its_time_is_over_and_the_rate_with_it(tmp_path: Path) -> None:
    settings = {"lr": 1.0, "warmup_ratio": 0.0}
    trainer = make(tmp_path, total_steps=UNBOUNDED, time="29s", optimizer=settings)
    trainer.fit()
    assert trainer.state.step == 29
    assert trainer.state.seconds == 29.0
    rates = [record["lr"] for record in steps_of(tmp_path)]
    steady = [learning_rate(trainer.config.optimizer, step, 29) for step in range(2, 30)]
    assert rates[1:] == pytest.approx(steady)  # before the first step the pace is not known


@pytest.mark.usefixtures("ticking")
def test_steps_may_end_before_the_time(tmp_path: Path) -> None:
    trainer = make(tmp_path, total_steps=7, time="2m")
    trainer.fit()
    assert trainer.state.step == 7


@pytest.mark.usefixtures("ticking")
def test_a_tenth_of_the_time_is_between_evaluations_and_checkpoints(tmp_path: Path) -> None:
    trainer = make(tmp_path, total_steps=UNBOUNDED, time="30s", keep_checkpoints=20)
    trainer.evaluate = lambda: {"loss": 1.0}
    trainer.fit()
    events = [(record["event"], record["step"]) for record in read_log(tmp_path / "log.jsonl")]
    tenths = list(range(3, 31, 3))
    assert [step for event, step in events if event == "eval"] == tenths
    assert [step for event, step in events if event == "checkpoint"] == tenths


@pytest.mark.usefixtures("ticking")
def test_the_time_of_earlier_sittings_is_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make(tmp_path, total_steps=UNBOUNDED, time="20s", checkpoint_every=6)
    step = Trainer._step

    def killed(self: Trainer, *arguments: Any) -> float:
        if self.state.step == 8:
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", killed)
        with pytest.raises((KeyboardInterrupt, Interrupted)):
            first.fit()
    second = make(tmp_path, total_steps=UNBOUNDED, time="20s", checkpoint_every=6)
    second.fit()
    assert [record["step"] for record in steps_of(tmp_path)] == list(range(1, 21))
    assert second.state.seconds == 20.0


@pytest.mark.usefixtures("ticking")
def test_a_run_with_a_time_is_looked_at_at_its_tenths_and_early(tmp_path: Path) -> None:
    assert looked_at(tmp_path / "tenths", None, total_steps=UNBOUNDED, time="100s")[:3] == [10, 20, 30]
    assert looked_at(tmp_path / "both", 7, total_steps=UNBOUNDED, time="100s")[:4] == [7, 10, 14, 20]


@pytest.mark.usefixtures("ticking")
def test_what_a_person_reads_of_the_time(tmp_path: Path) -> None:
    console = Console(record=True, width=200)
    trainer = make(tmp_path, total_steps=UNBOUNDED, time="5s", log_every=3, evaluate_every=1)
    trainer.console = console
    trainer.evaluate = lambda: {"loss": 1.0}
    trainer.fit()
    text = console.export_text()
    assert "train: 5s\nevaluation at step 1/5  loss 1.0000\n" in text
    assert "step 5/5" in text
    assert str(UNBOUNDED) not in text


def test_a_run_without_anything_to_measure_by_speaks_of_no_evaluation(tmp_path: Path) -> None:
    console = Console(record=True, width=200)
    trainer = make(tmp_path, total_steps=5, log_every=3, evaluate_every=2)
    trainer.console = console
    trainer.evaluate = dict
    trainer.fit()
    assert "step 5/5" in (text := console.export_text())
    assert "evaluation" not in text
    assert "eval" not in {record["event"] for record in read_log(tmp_path / "log.jsonl")}
