"""What a student has of its teacher when it begins: exactly the named layers, and its function where it can be."""

import re
from typing import Any

import pytest
import torch

from encodery.batch import Sequence, pack
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.model.inherit import check_layers, differing_fields, evenly_spaced, inherit
from tests.model.conftest import TINY, make_model

CONFIG = TINY.model_copy(update={"hidden_size": 21, "num_hidden_layers": 5, "type_vocab_size": 2})
BATCH = pack([Sequence(list(range(start, start + length))) for start, length in ((5, 13), (40, 1), (50, 7))])


def model(seed: int, **changes: Any) -> Model:
    return make_model(EncoderConfig(**{**CONFIG.model_dump(), **changes}), ("mlm",), seed)


def test_the_papers_layers() -> None:
    assert evenly_spaced(6, 12) == (0, 2, 4, 7, 9, 11)
    assert evenly_spaced(1, 12) == (0,)
    assert evenly_spaced(3, 3) == (0, 1, 2)
    assert evenly_spaced(4, 2) == (0, 0, 1, 1)


def test_exactly_the_named_layers_are_copied() -> None:
    teacher, student, before = model(1), model(2, num_hidden_layers=3), model(2, num_hidden_layers=3)
    copied = inherit(student, teacher, (4, 0, 2))
    assert copied == ["embeddings", "layers 4, 0, 2", "head"]
    taught = teacher.state_dict()
    for name, tensor in student.state_dict().items():
        parts = name.split(".")
        if parts[1] == "layers":
            parts[2] = {"0": "4", "1": "0", "2": "2"}[parts[2]]
        assert torch.equal(tensor, taught[".".join(parts)]), name
        assert not torch.equal(tensor, before.state_dict()[name]), name


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"type_vocab_size": 0},
        {"type_vocab_size": 5},
        {"position_offset": 2, "max_position_embeddings": 31},
        {"position_offset": 2, "max_position_embeddings": 23, "type_vocab_size": 1, "pad_token_id": 1},
    ],
)
def test_a_student_with_all_layers_computes_what_its_teacher_does(changes: dict[str, Any]) -> None:
    """Also without token types, and where positions begin at another row."""
    teacher, student = model(1), model(2, **changes)
    inherit(student, teacher, range(5))
    with torch.no_grad():
        torch.testing.assert_close(student.logits("mlm", BATCH), teacher.logits("mlm", BATCH), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(model(2, **changes).logits("mlm", BATCH), teacher.logits("mlm", BATCH), atol=0.1)


def test_token_types_that_the_teacher_lacks_say_nothing() -> None:
    teacher, student = model(1, type_vocab_size=0), model(2)
    inherit(student, teacher, range(5))
    assert student.encoder.embeddings.token_type is not None
    assert not student.encoder.embeddings.token_type.weight.any()


def test_layers_of_another_shape_stay_fresh() -> None:
    teacher, student, before = model(1), model(2, intermediate_size=41), model(2, intermediate_size=41)
    assert inherit(student, teacher, range(5)) == ["embeddings", "head"]
    for ours, drawn in zip(student.encoder.layers.parameters(), before.encoder.layers.parameters(), strict=True):
        assert torch.equal(ours, drawn)
    assert torch.equal(student.encoder.embeddings.word.weight, teacher.encoder.embeddings.word.weight)


def test_nothing_of_another_width_is_taken() -> None:
    student = model(2, hidden_size=18)
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    assert inherit(student, model(1), range(5)) == []
    assert all(torch.equal(tensor, before[name]) for name, tensor in student.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "layers", "message"),
    [
        ({}, (0, 1), "2 layers are named, but the student has 5"),
        ({"num_hidden_layers": 2}, (0, 5), "the teacher has no layer 5; its layers are 0 to 4"),
        (
            {"intermediate_size": 41, "norm": "pre"},
            range(5),
            "no layer of the teacher can be copied: the student and it have intermediate_size = 41 and 37, "
            "norm = 'pre' and 'post'",
        ),
        (
            {"position": "rope", "hidden_size": 24, "num_attention_heads": 3},
            range(5),
            "no layer of the teacher can be copied: the student and it have hidden_size = 24 and 21, "
            "position = 'rope' and 'learned'",
        ),
    ],
)
def test_layers_that_cannot_be_copied(changes: dict[str, Any], layers: tuple[int, ...], message: str) -> None:
    student = EncoderConfig(**{**CONFIG.model_dump(), **changes})
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_layers(student, CONFIG, layers)


def test_positions_learned_or_sinusoidal_make_no_other_layer() -> None:
    assert differing_fields(CONFIG, EncoderConfig(**{**CONFIG.model_dump(), "position": "sinusoidal"})) == []
    check_layers(CONFIG, CONFIG, range(5))
