"""What loading costs: each weight is copied once, nothing is drawn, and nothing is imported that it does not need."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from encodery.families import FAMILIES
from encodery.families.folder import load_folder, save_folder
from encodery.families.weights import WeightFiles
from encodery.text.tokenizer import Tokenizer
from tests.families.conftest import LABELS, WEIGHTS, Case, edit_weights, example_batch, our_outputs, save_theirs

UNNEEDED = {"torch._dynamo", "sympy", "transformers", "sklearn", "pandas", "pyarrow", "rich", "typer", "scipy"}


def test_nothing_is_drawn_where_nothing_is_missing(bert_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a random number was drawn")

    for name in ("_no_grad_normal_", "_no_grad_uniform_"):  # what all of torch.nn.init ends in
        monkeypatch.setattr(nn.init, name, refuse)
    monkeypatch.setattr(torch.Tensor, "normal_", refuse)
    before = torch.get_rng_state()
    assert load_folder(bert_folder).fresh == ()
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(AssertionError, match="was drawn"):  # a new head must be
        load_folder(bert_folder, ("nsp",))


def test_what_is_drawn_depends_on_the_seed_alone(bert_folder: Path) -> None:
    first, again, other = (load_folder(bert_folder, ("token",), ("a", "b"), seed) for seed in (3, 3, 5))
    assert first.fresh == ("heads.token.out.weight", "heads.token.out.bias")
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name])
        assert torch.equal(tensor, other.model.state_dict()[name]) == (name != "heads.token.out.weight")


def test_every_weight_is_in_memory_aligned_and_takes_a_gradient(case: Case, folder: Path) -> None:
    model = load_folder(folder).model
    for name, tensor in model.state_dict(keep_vars=True).items():
        assert not tensor.is_meta, name
        assert tensor.data_ptr() % 64 == 0, name
        assert tensor.requires_grad == isinstance(tensor, nn.Parameter), name
    if "mlm" in case.heads:
        assert model.state_dict(keep_vars=True)["heads.mlm.decoder.weight"] is model.encoder.embeddings.word.weight


def test_the_file_is_not_what_is_computed_with(bert_folder: Path) -> None:
    """A model may be saved where it was read, and a file that changes later changes no model."""
    loaded = load_folder(bert_folder)
    expected = our_outputs(loaded.model, example_batch())["sequence"]
    (bert_folder / WEIGHTS).write_bytes(b"")  # in place: pages of it would be gone
    assert torch.equal(our_outputs(loaded.model, example_batch())["sequence"], expected)
    save_folder(bert_folder, loaded)
    assert torch.equal(our_outputs(load_folder(bert_folder).model, example_batch())["sequence"], expected)
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.zero_()
    assert torch.equal(our_outputs(load_folder(bert_folder).model, example_batch())["sequence"], expected)


def test_numbers_do_not_depend_on_where_they_lie_in_the_file(bert_folder: Path) -> None:
    """Products of one row differ in the last bit between addresses that are multiples of 32 bytes and others."""
    expected = our_outputs(load_folder(bert_folder).model, example_batch())["sequence"]
    for size in (1, 2, 3, 5):  # the buffer is sorted before the weights, and passed over
        buffer = {"bert.embeddings.position_ids": torch.ones(size)}
        edit_weights(bert_folder, buffer.__ror__)
        assert torch.equal(our_outputs(load_folder(bert_folder).model, example_batch())["sequence"], expected)


def test_one_layer_at_a_time_is_read(bert_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    read = WeightFiles.read

    def record(files: WeightFiles, names: object) -> object:
        calls.append(sorted(names))  # type: ignore[call-overload]
        return read(files, calls[-1])

    monkeypatch.setattr(WeightFiles, "read", record)
    load_folder(bert_folder)
    assert sum(map(len, calls)) == len(WeightFiles(bert_folder).shapes)  # each tensor once
    layers = [{".".join(name.split(".")[:4]) for name in call if ".layer." in name} for call in calls]
    assert [layer for layer in layers if layer] == [{f"bert.encoder.layer.{number}"} for number in (0, 1)]
    assert not any(layer and any(".layer." not in n for n in c) for layer, c in zip(layers, calls, strict=True))


def test_a_prediction_imports_only_what_it_needs(tokenizer: Tokenizer, tmp_path: Path) -> None:
    for model_type in ("bert", "distilbert", "xlm", "modernbert"):
        case = Case(FAMILIES[model_type], frozenset({"sequence"}))
        save_theirs(case.build(LABELS), tokenizer, tmp_path / model_type)
    program = (
        "import sys, encodery\n"
        "for folder in sys.argv[1:]: encodery.load(folder).predict(['sun mare'])\n"
        f"print(sorted({UNNEEDED!r} & sys.modules.keys()))"
    )
    folders = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run([sys.executable, "-c", program, *folders], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
