"""The one training loop.

It sees a model, a function from a step to a packed batch, and a loss; never a tokenizer, a file format or a family.
Everything that a step depends on is a function of (seed, step) or in the checkpoint, so a killed run continues to the
same bits (on the same machine and number of threads).
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from encodery.batch import Batch
from encodery.data.loader import Loader
from encodery.errors import Hopeless, Interrupted, UserError
from encodery.model.heads import Model
from encodery.train import continuing
from encodery.train.allocator import FreedMemory, bound_kernel_caches, keep_freed_memory
from encodery.train.background import Background
from encodery.train.budget import Budget
from encodery.train.checkpoint import TrainingState
from encodery.train.config import UNBOUNDED, TrainerConfig
from encodery.train.device import (
    autocast,
    check_ranks,
    check_threads,
    deterministic_kernels,
    pick_device,
    seed_dropout,
    step_seed,
)
from encodery.train.distributed import ALONE, Ranks
from encodery.train.log import LOG, NoLog, TrainLog, read_log
from encodery.train.loss import Loss, Prepares, Sums
from encodery.train.optim import build_optimizer, clip_gradients, learning_rate
from encodery.train.parallel import parallelize
from encodery.train.progress import Progress, format_duration, peak_memory_bytes
from encodery.train.replay import keep_batch
from encodery.train.selection import choose
from encodery.train.shares import pieces_of
from encodery.train.signals import stop_signals


class Trainer:
    """Trains `model` for `total_steps` steps, or fewer if `config.time` is over before, continuing from the newest
    verified checkpoint in `folder`.

    `batches(step)` gives the whole batch of a step (steps count from 0); `evaluate()` gives metrics by name;
    `hopeless(evaluations)` says of all evaluations so far why there is no use in going on, if there is none, and
    `look_every` is how many steps may lie between two of them where `config` does not say it. Where `ranks` are
    several, each of them calls `fit` and computes its share of each step; the first one alone evaluates, saves and
    writes, and has the weights afterwards.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        batches: Callable[[int], Batch],
        config: TrainerConfig,
        total_steps: int,
        seed: int,
        folder: Path,
        evaluate: Callable[[], Mapping[str, float]] | None = None,
        console: Console | None = None,
        title: str = "train",
        ranks: Ranks = ALONE,
        hopeless: Callable[[Sequence[Mapping[str, Any]]], str | None] | None = None,
        look_every: int | None = None,
    ) -> None:
        self.device = pick_device(config.device)
        self.model = model.to(self.device)
        self.model.encoder.activation_checkpointing = config.activation_checkpointing
        self.loss = loss
        self.batches = batches
        self.config = config
        self.total_steps = total_steps
        self.seed = seed
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.evaluate = evaluate
        self.hopeless = hopeless
        self.look_every = look_every
        self.ranks = ranks
        self.console = (console or Console(stderr=True)) if ranks.is_first else Console(quiet=True)
        self.title = title
        self.parallel = parallelize(self.model, loss, config, ranks)
        self.optimizer = build_optimizer(self.parallel.trained, config.optimizer)
        self.state = TrainingState()
        self.budget = Budget(config.time)
        self.best: dict[str, Tensor] | None = None
        """The weights of the best evaluation, on the CPU, where they are asked for."""

    def fit(self) -> dict[str, float]:
        """Run the steps that are left; afterwards the model holds the weights to keep. Returns their evaluation.

        Raises:
            Interrupted: SIGTERM or Ctrl-C; the state was saved, the same call continues. `Hopeless`, if the run is.
            UserError: too many non-finite steps in a row, no space for a checkpoint, or none that is whole.
        """
        config = self.config
        if self.device.type == "cpu":
            bound_kernel_caches()
            # still fp32 throughout, but by the kernels of oneDNN, which are faster than those of "highest"
            torch.set_float32_matmul_precision("medium")
        # a tenth of the run: of its steps or, where the time is given, of that
        tenth = None if self.budget.is_limited else max(1, self.total_steps // 10)
        evaluate_every = config.evaluate_every or min(filter(None, (tenth, self.look_every)), default=None)
        checkpoint_every = config.checkpoint_every or tenth
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            stop_signals() as stop,  # first: from here on a signal is answered by saving
            keep_freed_memory() if self.device.type == "cpu" else nullcontext(),
            deterministic_kernels(config.deterministic),
            TrainLog(self.folder / LOG) if self.ranks.is_first else NoLog() as log,
            self._resumed(log) as progress,
            Background(config.asynchronous_checkpoints) as background,
            Loader(self.batches, self.state.step, self.state.step if self.is_done else self.total_steps) as loader,
        ):
            window, freed = Sums(), FreedMemory()
            for batch in loader:
                background.check()
                total_steps = self.budget.total_steps(self.state.step, self.total_steps)
                lr = learning_rate(config.optimizer, self.state.step + 1, total_steps)
                grad_norm = self._step(batch, lr, window)
                if not math.isfinite(grad_norm):
                    self._stop_if_hopeless(batch, log, progress)
                self._look_at_clock()
                passed, why = self.budget.passes_tenth(), None
                step, last = self.state.step, self.is_done
                if last or step % config.log_every == 0:
                    values = self._values(window.over(self.ranks), lr, grad_norm)
                    log.write("step", step, tokens=self.state.tokens, **values)
                    progress.update(step, values, self._expected_steps)
                    freed.return_excess()
                    window = Sums()
                due = step % evaluate_every == 0 if evaluate_every else False
                if not last and (due or (passed and not config.evaluate_every)):
                    self._evaluate(log, progress)
                    last, why = self.is_done, self.ranks.first(self._why_hopeless)
                stopped = self.ranks.any(stop.is_set() or why is not None)
                if last or stopped or (step % checkpoint_every == 0 if checkpoint_every else passed):
                    self._save(log, background)
                if last or stopped:
                    self.ranks.first(background.wait)
                if stopped and not last:
                    raise (Hopeless if why else Interrupted)(
                        f"stopped at step {step} of {self._expected_steps}, state saved in {self.folder}; "
                        f"{why or 'the same command continues'}"
                    )
                if last:
                    break
            return self._finish(log, progress)

    @property
    def is_done(self) -> bool:
        """Whether all steps are done, or time or patience is at its end."""
        return self.state.step == self.total_steps or self.budget.is_spent or self._is_out_of_patience

    @property
    def _is_out_of_patience(self) -> bool:
        rule, best = self.config.early_stopping, self.state.best
        return rule is not None and best is not None and best.waited >= rule.patience

    @property
    def _expected_steps(self) -> int | None:
        """How many steps the run will have had, if it goes on as it went; None while that is not known."""
        steps = self.budget.total_steps(self.state.step, self.total_steps)
        return steps if steps < UNBOUNDED else None

    def _look_at_clock(self) -> None:
        """All ranks go by the first one's."""
        self.budget.look(self.ranks.first)
        if self.budget.is_limited:
            self.state = self.state.model_copy(update={"seconds": self.budget.spent})

    def _step(self, batch: Batch, lr: float, window: Sums) -> float:
        """One update; returns the gradient's norm before clipping, non-finite if the update was left out."""
        started = time.perf_counter()
        trained, rank = self.parallel.trained.train(), self.ranks.rank
        if isinstance(self.loss, Prepares):
            with autocast(self.device, self.config.precision):
                batch = self.loss.prepare(trained, batch, self.ranks)
        seed_dropout(self.device, step_seed(self.seed, self.state.step, rank))  # it depends on (seed, step) alone
        counts = self.loss.counts(batch)
        finite = True
        sums: list[Mapping[str, tuple[float, float]]] = []
        pieces = pieces_of(batch, self.config.micro_batch_tokens, rank, self.ranks.world_size)
        for number, piece in enumerate(pieces, start=1):
            with self.parallel.reducing(number == len(pieces)):
                with autocast(self.device, self.config.precision):
                    total, metrics = self.parallel(piece.to(self.device), counts)
                total.backward()  # type: ignore[no-untyped-call]
            finite = finite and math.isfinite(total.item())
            sums.append(metrics)
        norm = clip_gradients(trained, self.config.optimizer.max_grad_norm)
        finite = not self.ranks.any(not finite)
        applied = finite and math.isfinite(norm)
        if applied:
            for group in self.optimizer.param_groups:
                group["lr"] = lr * group["lr_scale"]
            self.optimizer.step()
            for metrics in sums:
                window.add(metrics)
        self.optimizer.zero_grad(set_to_none=True)
        self.state = self.state.after_step(batch.num_tokens, applied)
        window.tokens += batch.num_tokens
        window.seconds += time.perf_counter() - started
        return norm if finite else math.nan

    def _stop_if_hopeless(self, batch: Batch, log: TrainLog | NoLog, progress: Progress) -> None:
        """Say that a step was left out; after a few in a row keep the batch for replay and stop."""
        step, in_a_row = self.state.step, self.state.consecutive_skipped_steps
        log.write("skip", step, skipped_steps=self.state.skipped_steps)
        continuing.check_weights(self.ranks, self.parallel, self.optimizer, self.checkpoints, step)
        progress.notice(
            f"step {step}: loss or gradient not finite, the update is left out ({self.state.skipped_steps} so far)"
        )
        if in_a_row <= self.config.max_skipped_steps:
            return
        path = self.folder / f"replay-step-{step:08d}.safetensors"
        if self.ranks.is_first:
            keep_batch(batch, path, self.seed, step - 1)
        raise UserError(
            f"step {step}: loss or gradient not finite {in_a_row} times in a row (max_skipped_steps = "
            f"{self.config.max_skipped_steps}); the batch is in {path}; lower optimizer.lr = "
            f'{self.config.optimizer.lr}, warm up longer or set precision = "fp32"'
        )

    def _values(self, window: Sums, lr: float, grad_norm: float) -> dict[str, float]:
        means = window.means()  # term by term in the order of their names: whose turn came first does not show
        values = {name: means[name] for name in sorted(means, key=lambda name: name.rpartition("_")[0])} | {
            "grad_norm": grad_norm,
            "lr": lr,
            "tokens_per_second": window.tokens / window.seconds,
            "peak_memory_bytes": float(peak_memory_bytes()),
        }
        if self.device.type == "cuda":
            values["peak_device_memory_bytes"] = float(torch.cuda.max_memory_allocated(self.device))
        if self.state.skipped_steps:
            values["skipped_steps"] = float(self.state.skipped_steps)
        return values

    def measure(self) -> dict[str, float]:
        """What `evaluate` says of the weights as they are, computed as in the evaluations of the run."""
        if self.evaluate is None:
            return {}
        self.model.eval()
        with torch.inference_mode(), autocast(self.device, self.config.precision):
            return dict(self.evaluate())

    def _evaluate(self, log: TrainLog | NoLog, progress: Progress) -> dict[str, float]:
        """Measure the weights of this step, by what there is; remember the best so far if they are to be kept."""
        self.parallel.complete()
        step, metrics = self.state.step, self.ranks.first(self.measure)
        if not (metrics or self.config.selects):
            return metrics
        log.write("eval", step, **metrics)
        progress.evaluation(step, metrics, self._expected_steps)
        if self.config.selects:
            best = choose(self.state.best, step, metrics, self.config.best_metric)
            self.state = self.state.model_copy(update={"best": best})
            if self.config.keep == "best" and best and best.step == step and self.ranks.is_first:
                weights = continuing.trained_weights(self.model)
                self.best = {name: value.detach().to("cpu", copy=True) for name, value in weights.items()}
        return metrics

    def _why_hopeless(self) -> str | None:
        """By the log alone, so that a run that was killed and continued is judged alike."""
        if self.hopeless is None:
            return None
        return self.hopeless([line for line in read_log(self.folder / LOG) if line["event"] == "eval"])

    def _finish(self, log: TrainLog | NoLog, progress: Progress) -> dict[str, float]:
        """The last evaluation, then back to the best weights if asked to; what was measured of those it keeps."""
        stopped, early, step, metrics = self._is_out_of_patience, self.config.early_stopping, self.state.step, {}
        if stopped and early:
            progress.notice(f"stopped early at step {step}: nothing better in {early.patience} evaluations")
            self.parallel.complete()
        else:
            metrics = self._evaluate(log, progress)
        best = self.state.best
        has_best = self.ranks.first(lambda: self.best is not None)
        goes_back = best is not None and has_best and best.step < step
        if goes_back and self.best is not None:
            continuing.load_weights(self.model, self.best)
        if goes_back or stopped:
            metrics = self.ranks.first(self.measure)
        if best is not None:
            kept = best.step if goes_back else step
            progress.notice(f"best: {best}; the weights of step {kept} are kept")
            log.write("best", self.state.step, best_step=best.step, kept_step=kept, **{best.metric: best.value})
        return metrics

    def _save(self, log: TrainLog | NoLog, background: Background) -> None:
        held, keep = (self.parallel, self.optimizer), self.config.keep_checkpoints
        continuing.save_training(self.ranks, background, *held, self.checkpoints, self.state, keep, self.best)
        log.write("checkpoint", self.state.step)

    def _resumed(self, log: TrainLog | NoLog) -> Progress:
        """Take up the newest checkpoint, if there is one, and show the progress from there."""
        notice = partial(self.console.print, markup=False, soft_wrap=True)
        checkpoint = continuing.newest_checkpoint(self.ranks, self.checkpoints, notice)
        if checkpoint is not None:
            self.state = continuing.restore(self.parallel, self.optimizer, checkpoint)
            self.best = checkpoint.load_best() if self.ranks.is_first else None
        else:
            continuing.check_weights(self.ranks, self.parallel, self.optimizer, self.checkpoints, step=0)
        if self.config.deterministic:
            same = {
                "threads": check_threads(self.state.threads),
                "ranks": check_ranks(self.state.ranks, self.ranks.world_size),
            }
            self.state = self.state.model_copy(update=same)
        log.resume(self.state.step)
        self.budget = Budget(self.config.time, self.state.seconds)
        return Progress(self.title, self._expected_steps, self.console, self.state.step, length=self._length())

    def _length(self) -> str:
        """How long the run is, for a person."""
        steps = f"{self.total_steps:,} steps" if self.total_steps < UNBOUNDED else ""
        time = "" if self.config.time is None else format_duration(self.config.time)
        return " or ".join(filter(None, (time, steps)))
