"""A model without its numbers: no memory, no drawing, no compiler."""

import subprocess
import sys

import torch

from encodery.families import FAMILIES
from encodery.model.heads import Model
from encodery.model.skeleton import shapes_only
from tests.families.conftest import tiny


def test_shapes_and_ties_are_those_of_the_real_model() -> None:
    for family in FAMILIES.values():
        real = Model(tiny(family), ("mlm", "nsp"))
        with shapes_only():
            skeleton = Model(tiny(family), ("mlm", "nsp"))
        assert all(tensor.is_meta for tensor in skeleton.state_dict().values())
        found = {name: (tensor.shape, tensor.dtype) for name, tensor in skeleton.state_dict().items()}
        assert found == {name: (tensor.shape, tensor.dtype) for name, tensor in real.state_dict().items()}
        assert [name for name, _ in skeleton.named_parameters()] == [name for name, _ in real.named_parameters()]
        assert (
            skeleton.state_dict(keep_vars=True)["heads.mlm.decoder.weight"] is skeleton.encoder.embeddings.word.weight
        )


def test_nothing_is_drawn() -> None:
    before = torch.get_rng_state()
    with shapes_only():
        Model(tiny(FAMILIES["bert"]), ("mlm", "nsp"))
    assert torch.equal(torch.get_rng_state(), before)
    weight = torch.nn.Linear(3, 5).weight  # and outside all is as before
    assert not torch.equal(torch.get_rng_state(), before)
    assert not weight.is_meta
    assert weight.std() > 0


def test_a_model_of_absurd_size_takes_no_memory() -> None:
    config = tiny(FAMILIES["bert"], vocab_size=1 << 24, max_position_embeddings=1 << 24, intermediate_size=1 << 24)
    with shapes_only():
        assert Model(config, ("mlm",)).encoder.embeddings.word.weight.shape == (1 << 24, 42)


def test_the_compiler_is_not_imported() -> None:
    program = (
        "import sys\n"
        "from encodery.model.config import EncoderConfig\n"
        "from encodery.model.heads import Model\n"
        "from encodery.model.skeleton import shapes_only\n"
        "for position in ('learned', 'sinusoidal', 'rope'):\n"
        "    with shapes_only(): Model(EncoderConfig(vocab_size=101, position=position), ('mlm', 'nsp'))\n"
        "print(sorted({'torch._dynamo', 'sympy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
