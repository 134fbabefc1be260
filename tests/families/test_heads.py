"""What the conformance of logits does not show: dropout in the heads, and positions that are computed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from encodery.families import FAMILIES
from encodery.families.family import config_to_theirs
from encodery.families.folder import load_folder
from encodery.text.tokenizer import Tokenizer
from tests.families.conftest import (
    CASES,
    Case,
    assert_same_outputs,
    by_heads,
    example_batch,
    our_outputs,
    save_theirs,
    their_outputs,
    tiny,
)


class Scale(nn.Module):
    """Where dropout stands, made visible: a factor that its probability decides."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + self.p)


def make_visible(module: nn.Module, prefix: str | None = None) -> Iterator[str]:
    """Replace dropout in the heads; gives the names."""
    for name, part in list(module.named_modules()):
        if isinstance(part, nn.Dropout) and (prefix is None or not name.startswith(prefix)):
            parent, _, last = name.rpartition(".")
            setattr(module.get_submodule(parent), last, Scale(part.p))
            yield name


@torch.no_grad()
@pytest.mark.parametrize("case", [case for case in CASES if case.heads], ids=by_heads)
def test_dropout_stands_where_transformers_has_it(case: Case, tokenizer: Tokenizer, tmp_path: Path) -> None:
    chances = {"hidden_dropout_prob": 0.23, "classifier_dropout": 0.31, "qa_dropout": 0.37}
    known = {name: chance for name, chance in chances.items() if name in case.family.config_map}
    theirs = case.build(**config_to_theirs(case.family, tiny(case.family, **known), case.heads))
    folder = save_theirs(theirs, tokenizer, tmp_path / "theirs")
    ours = load_folder(folder).model
    batch = example_batch()
    visible = list(make_visible(theirs, case.family.base_prefix))
    list(make_visible(ours.heads))
    assert bool(visible) >= bool({"sequence", "token", "choice"} & case.heads)
    assert_same_outputs(our_outputs(ours, batch), their_outputs(theirs, case, batch))


@pytest.mark.parametrize("model_type", ["distilbert", "xlm"])
@torch.no_grad()
def test_computed_positions(model_type: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """They are weights in the files of `transformers`, and must be accounted for."""
    case = Case(FAMILIES[model_type], frozenset({"sequence"}))
    theirs = case.build(**config_to_theirs(case.family, tiny(case.family, position="sinusoidal"), case.heads))
    folder = save_theirs(theirs, tokenizer, tmp_path / "theirs")
    loaded = load_folder(folder)
    assert loaded.model.config.position == "sinusoidal"
    assert loaded.fresh == ()
    batch = example_batch()
    assert_same_outputs(our_outputs(loaded.model, batch), their_outputs(theirs, case, batch))
