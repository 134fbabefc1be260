"""Checkpoints of a training run: `step-00000100/` with weights, optimizer and state, published as an artifact.

The newest one is found by reading and verifying, not by a pointer that could be wrong. Nothing is ever pickled.
Tensors go to disk through `save_file` of safetensors, straight from their own memory: a large model is not doubled.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from encodery.artifact import (
    MANIFEST,
    Manifest,
    artifact_key,
    canonical_json,
    discard,
    publish,
    read_manifest,
    recover,
    verify,
)
from encodery.artifact.disk import RESTORE, explained, write_bytes
from encodery.config import Config
from encodery.errors import UserError
from encodery.train.selection import Best

MODEL, OPTIMIZER, STATE, BEST = "model.safetensors", "optimizer.safetensors", "state.json", "best.safetensors"


class TrainingState(Config):
    """Where a run stands, beyond weights and optimizer; everything else follows from the recipe and `step`."""

    step: int = Field(default=0, ge=0)
    """Optimizer steps done, skipped ones included."""
    tokens: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0.0)
    """Time spent, where that is limited."""
    skipped_steps: int = Field(default=0, ge=0)
    """Steps that were not applied because loss or gradient was not finite."""
    consecutive_skipped_steps: int = Field(default=0, ge=0)
    threads: int | None = None
    """How many threads share a sum, where a run must give the same bits."""
    ranks: int | None = None
    """How many ranks do, likewise."""
    best: Best | None = None
    """The best evaluation, where the run looks for it."""

    def after_step(self, tokens: int, applied: bool) -> "TrainingState":
        """The state one step later: over `tokens` tokens, its update applied or left out."""
        return self.model_copy(
            update={
                "step": self.step + 1,
                "tokens": self.tokens + tokens,
                "skipped_steps": self.skipped_steps + (not applied),
                "consecutive_skipped_steps": 0 if applied else self.consecutive_skipped_steps + 1,
            }
        )


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint on disk."""

    folder: Path
    step: int
    manifest: Manifest

    def load(self) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
        """Weights, optimizer tensors and state, as they were given to `save_checkpoint`; tensors are on the CPU.

        Raises:
            UserError: a file is not what its name says.
        """
        with explained("read", self.folder):
            state = json.loads((self.folder / STATE).read_bytes())
            return _load_tensors(self.folder / MODEL), _load_tensors(self.folder / OPTIMIZER), state

    def load_best(self) -> dict[str, Tensor] | None:
        """The best weights so far, if they were given to `save_checkpoint`.

        Raises:
            UserError: the file is not what its name says.
        """
        if BEST not in self.manifest.files:
            return None
        with explained("read", self.folder):
            return _load_tensors(self.folder / BEST)


def save_checkpoint(
    folder: Path,
    step: int,
    model_state: Mapping[str, Tensor],
    optimizer_state: Mapping[str, Tensor],
    state: Mapping[str, Any],
    keep: int = 2,
    best: Mapping[str, Tensor] | None = None,
) -> Path:
    """Publish `folder/step-<step>`, then remove all but the newest `keep` checkpoints up to `step`.

    Later ones are removed too: a run that saves `step` has not come from them, so they are damaged or abandoned.

    Args:
        model_state, optimizer_state: tensors by name, on any device, not changed meanwhile. See `optimizer_state`.
        state: plain JSON values.
        best: the best weights so far, of which `state` says where they come from. They are part of the checkpoint, so
            that whichever one a killed run continues from brings those that it knew of.

    Raises:
        UserError: the disk is full, read-only or failing. Earlier checkpoints are intact.
    """
    assert keep >= 1
    files = {MODEL: _storable(model_state), OPTIMIZER: _storable(optimizer_state)}
    if best is not None:
        files[BEST] = _storable(best)
    target = folder / f"step-{step:08d}"
    recover(folder)
    if target.exists() and not (target / MANIFEST).is_file():
        discard(target)  # half a copy, say: never valid, so nothing is lost
    config = {"step": step}
    manifest = {"stage": "checkpoint", "key": artifact_key(config, {}), "config": config}
    size = sum(tensor.nbytes for tensors in files.values() for tensor in tensors.values())
    with publish(target, manifest, size=size) as temporary:
        for name, tensors in files.items():
            save_file(tensors, temporary / name)
        write_bytes(temporary / STATE, canonical_json(state))
    others = _newest_first(folder)
    kept = [other for other in others if other <= step][:keep]
    for other in others:
        if other not in kept:
            discard(others[other])
    return target


def where_it_continues(folder: Path) -> str:
    """From where a run whose checkpoints are in `folder` goes on, for a person."""
    newest = next(iter(_newest_first(folder).values()), None)
    if newest is None:
        return "there is no checkpoint yet, the same command begins anew"
    return f"the same command continues from {newest}"


def latest_checkpoint(
    folder: Path, notice: Callable[[str], None], check: Callable[[Path], None] = lambda path: None
) -> Checkpoint | None:
    """The newest checkpoint in `folder` whose every file is as it was saved; None where none was ever saved.

    Damaged ones are skipped, and so are those that `check`, which gets their folder, refuses by a `UserError`;
    `notice` is told which file and why.

    Raises:
        UserError: there are checkpoints, but all are damaged.
    """
    recover(folder)
    found = _newest_first(folder)
    for step, path in found.items():
        try:
            found_here = Checkpoint(path, step, _verified(path, step))
            check(path)
            return found_here
        except UserError as error:
            notice(f"checkpoint of step {step} skipped: {error}")
    if found:
        names = ", ".join(path.name for path in found.values())
        raise UserError(
            f"{folder}: none of its checkpoints can be used ({names}); restore one from a copy, "
            "or delete the folder to train from the start"
        )
    return None


def checkpoint_at(path: Path) -> Checkpoint:
    """A checkpoint that another rank has verified.

    Raises:
        UserError: it cannot be seen from here.
    """
    manifest = read_manifest(path)
    if manifest is None:
        raise UserError(
            f"{path}: this machine does not see the first rank's newest checkpoint; the run's folder must lie on a "
            "disk that all machines share"
        )
    return Checkpoint(path, int(manifest.config["step"]), manifest)


def _storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as safetensors takes them: contiguous, and tied ones each on their own."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        dense = tensor.detach().contiguous()
        if dense.data_ptr() in seen:
            dense = dense.clone()
        seen.add(dense.data_ptr())
        result[name] = dense
    return result


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path}: no safetensors file ({error}); {RESTORE}") from error
    return tensors


def _newest_first(folder: Path) -> dict[int, Path]:
    """Step → folder of every checkpoint in `folder`, good or not."""
    found = {int(m[1]): path for path in folder.glob("step-*") if (m := _NAME.fullmatch(path.name))}
    return dict(sorted(found.items(), reverse=True))


_NAME = re.compile(r"step-(\d{8,})")


def _verified(path: Path, step: int) -> Manifest:
    """The manifest of a checkpoint that holds what its name says."""
    manifest = verify(path)
    missing = {MODEL, OPTIMIZER, STATE} - manifest.files.keys()
    if manifest.stage != "checkpoint" or manifest.config != {"step": step} or missing:
        raise UserError(f"{path / MANIFEST}: not of the checkpoint of step {step}; {RESTORE}")
    return manifest
