import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from encodery.batch import Batch
from encodery.train.replay import keep_batch


def batch_of(first: int) -> Batch:
    """Two sequences of 3 and 4 tokens, counted up."""
    return Batch(
        input_ids=torch.arange(first, first + 7),
        position_ids=torch.tensor([0, 1, 2, 0, 1, 2, 3]),
        cu_seqlens=torch.tensor([0, 3, 7], dtype=torch.int32),
        max_seqlen=4,
        sequence_labels=torch.tensor([1, 0]),
    )


def test_from_the_file_alone_the_same_batch_can_be_made(tmp_path: Path) -> None:
    given = replace(batch_of(11), causal=True, objective="clm")
    keep_batch(given, tmp_path / "kept.safetensors", seed=13, step=5)
    with safe_open(tmp_path / "kept.safetensors", "pt") as file:
        said = file.metadata()
        kept: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert (said.pop("seed"), said.pop("step")) == ("13", "5")
    again = Batch(**kept, **{name: json.loads(value) for name, value in said.items()})
    assert (again.causal, again.objective, again.max_seqlen) == (True, "clm", 4)
    for name, value in vars(given).items():
        other = getattr(again, name)
        assert torch.equal(other, value) if isinstance(value, torch.Tensor) else other == value, name


def test_its_source_is_kept_beside_it(tmp_path: Path) -> None:
    keep_batch(replace(batch_of(11), source=batch_of(29)), tmp_path / "kept.safetensors", seed=13, step=5)
    kept = load_file(tmp_path / "kept.safetensors")
    assert torch.equal(kept["input_ids"], batch_of(11).input_ids)
    assert torch.equal(kept["source.input_ids"], batch_of(29).input_ids)
