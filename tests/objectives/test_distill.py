"""The triple loss against one written out in float64, a teacher that stays as it is, and what is left out."""

from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encodery.batch import Batch, LossOutput, Sequence, pack
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.model import soft_targets
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.model.inherit import evenly_spaced, inherit
from encodery.objectives.distill import Distillation, DistillConfig, Teacher, add_projection, drop_projection
from tests.families.conftest import tiny
from tests.model.conftest import randomize

VOCABULARY = 101
CPU = torch.device("cpu")


def model(seed: int, layers: int = 2, width: int = 21, **changes: Any) -> Model:
    config = EncoderConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=3,
        intermediate_size=37,
        max_position_embeddings=29,
        **{"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, **changes},
    )
    made = Model(config, ("mlm",))
    randomize(made, seed)
    return made


def masked_batch() -> Batch:
    """Three sequences of which five tokens are scored; the ids are as after masking."""
    generator = torch.Generator().manual_seed(3)
    sequences = []
    for length, scored in ((13, (1, 2, 7)), (2, ()), (17, (0, 16))):
        ids = torch.randint(5, VOCABULARY, (length,), generator=generator).tolist()
        labels = [(31 * place + length) % VOCABULARY if place in scored else -100 for place in range(length)]
        sequences.append(Sequence(ids, token_labels=labels))
    return pack(sequences)


BATCH = masked_batch()
TOKENS, MASKED = 32, 5


def by_hand(student: Model, teacher: Model, config: DistillConfig) -> dict[str, Tensor]:
    """Each term as DistilBERT's authors have it, over whole matrices of logits; sums, not weighted."""
    assert BATCH.label_index is not None
    assert BATCH.labels is not None
    ours, theirs = student.encoder(BATCH), teacher.encoder(BATCH).detach()
    said, wanted = student.heads["mlm"](ours), teacher.heads["mlm"](theirs).detach()
    rows = BATCH.label_index if config.scored == "masked" else torch.arange(TOKENS)
    soft = F.kl_div(
        F.log_softmax(said[rows] / config.temperature, -1),
        F.softmax(wanted[rows] / config.temperature, -1),
        reduction="none",
    ).sum()
    projection = getattr(student, "projection", nn.Identity())
    cosine = nn.CosineEmbeddingLoss(reduction="sum")(projection(ours), theirs, torch.ones(TOKENS))
    return {
        "ce": soft * config.temperature**2,
        "mlm": F.cross_entropy(said[BATCH.label_index], BATCH.labels, reduction="sum"),
        "cos": cosine,
    }


def gradients(model: Model, output: LossOutput, counts: Any) -> dict[str, Tensor]:
    torch.stack([loss / counts[name] for name, loss in output.losses.items()]).sum().backward()  # type: ignore[no-untyped-call]
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("scored", ["all", "masked"])
@pytest.mark.parametrize("width", [21, 15])
@pytest.mark.parametrize("at_once", [1 << 24, 7 * VOCABULARY])
def test_the_triple_loss_and_its_gradient(
    scored: Literal["all", "masked"], width: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soft_targets, "LOGITS_AT_ONCE", at_once)
    config = DistillConfig(scored=scored)
    student, expected, teacher = model(1, width=width), model(1, width=width), model(2, 3).double()
    for one in (student, expected):
        add_projection(one, 21, 11)
        one.double()
    objective = Distillation(config, Teacher(teacher, "fp32", CPU))
    counts = objective.counts(BATCH)
    assert counts == {"ce": TOKENS if scored == "all" else MASKED, "mlm": MASKED, "cos": TOKENS}
    output = objective.loss(student, BATCH)
    oracle = by_hand(expected, model(2, 3).double().eval(), config)
    for name, alpha in (("ce", 5.0), ("mlm", 2.0), ("cos", 1.0)):
        torch.testing.assert_close(output.losses[name], alpha * oracle[name], rtol=1e-10, atol=1e-10)
        total, count = output.metrics[f"{name}_loss"]
        assert total == pytest.approx(oracle[name].item(), rel=1e-9)
        assert count == counts[name]
    means = 5.0 * oracle["ce"] / counts["ce"] + 2.0 * oracle["mlm"] / MASKED + oracle["cos"] / TOKENS
    means.backward()  # type: ignore[no-untyped-call]
    found = gradients(student, output, counts)
    wanted = {name: parameter.grad for name, parameter in expected.named_parameters() if parameter.grad is not None}
    assert found.keys() == wanted.keys()
    assert ("projection.weight" in found) == (width != 21)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-8, atol=1e-10, msg=name)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_teacher_has_no_gradient_and_stays_bit_equal(precision: Literal["fp32", "bf16"]) -> None:
    student, teacher = model(1), Teacher(model(2, 3, hidden_dropout_prob=0.5), precision, CPU)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    before = {name: tensor.clone() for name, tensor in teacher.model.state_dict().items()}
    assert {tensor.dtype for tensor in before.values()} == {dtype}
    objective = Distillation(DistillConfig(), teacher)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        student.train()
        with torch.autocast("cpu", torch.bfloat16):
            output = objective.loss(student, BATCH)
        gradients(student, output, objective.counts(BATCH))
        optimizer.step()
        optimizer.zero_grad()
        losses.append(output.metrics["ce_loss"][0])
    assert losses[-1] < losses[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.model.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.model.parameters())
    again = [teacher.hidden(BATCH) for _ in range(2)]
    assert torch.equal(*again)  # no dropout


def test_bfloat16_is_near() -> None:
    whole, half = (
        Distillation(DistillConfig(), Teacher(model(2, 3), precision, CPU)).loss(model(1), BATCH).metrics
        for precision in ("fp32", "bf16")
    )
    for name in ("ce_loss", "cos_loss"):
        assert half[name][0] == pytest.approx(whole[name][0], rel=0.05)
        assert half[name][0] != whole[name][0]


def test_a_student_equal_to_its_teacher_has_nothing_to_learn_but_the_text() -> None:
    student = model(1)
    objective = Distillation(DistillConfig(), Teacher(model(1), "fp32", CPU))
    output = objective.loss(student, BATCH)
    assert abs(output.losses["ce"].item()) < 1e-3
    assert abs(output.losses["cos"].item()) < 1e-4
    assert output.losses["mlm"].item() > 1


def test_a_term_of_weight_zero_is_left_out_of_training_and_shown_on_held_out_text() -> None:
    student = model(1, width=15)
    objective = Distillation(DistillConfig(alpha_cos=0.0, alpha_ce=0.0), Teacher(model(2), "fp32", CPU))
    assert objective.counts(BATCH) == {"mlm": MASKED}
    assert objective.loss(student, BATCH).losses.keys() == {"mlm"}
    with torch.inference_mode():
        shown = objective.loss(student.eval(), BATCH).metrics
    assert shown.keys() == {"ce_loss", "mlm_loss", "mlm_accuracy"}  # no cosine: nothing brings 15 to 21
    soft = Distillation(DistillConfig(alpha_cos=0.0, alpha_mlm=0.0, scored="masked"), Teacher(model(2), "fp32", CPU))
    assert soft.counts(BATCH) == {"ce": MASKED}
    assert soft.loss(student, BATCH).losses.keys() == {"ce"}


def test_masked_rows_alone_give_what_they_give_among_all() -> None:
    teacher = Teacher(model(2), "fp32", CPU)
    alone, among = (
        Distillation(DistillConfig(scored="masked", alpha_cos=alpha), teacher).loss(model(1), BATCH).losses
        for alpha in (0.0, 1.0)
    )
    for name in ("ce", "mlm"):
        torch.testing.assert_close(alone[name], among[name], rtol=1e-5, atol=1e-5)


def test_the_projection_comes_and_goes() -> None:
    student = model(1, width=15)
    names = [name for name, _ in student.named_parameters()]
    add_projection(student, 21, 7)
    assert student.get_submodule("projection")(torch.zeros(3, 15)).shape == (3, 21)
    assert [name for name, _ in student.named_parameters()] == [*names, "projection.weight", "projection.bias"]
    drop_projection(student)
    drop_projection(student)
    assert [name for name, _ in student.named_parameters()] == names
    add_projection(student, 15, 7)
    assert [name for name, _ in student.named_parameters()] == names


def test_something_must_be_learned() -> None:
    with pytest.raises(UserError) as error:
        DistillConfig.parse({"alpha_ce": 0, "alpha_mlm": 0, "alpha_cos": 0}, "recipe.toml")
    assert str(error.value) == (
        "recipe.toml: alpha_ce, alpha_mlm and alpha_cos are all 0, so that nothing is learned; raise one"
    )


@pytest.mark.parametrize("student_family", FAMILIES)
@pytest.mark.parametrize("teacher_family", FAMILIES)
def test_any_family_teaches_any_family(teacher_family: str, student_family: str) -> None:
    """From the layers it can take, of another depth, over a text with languages; every weight of it learns."""
    families = FAMILIES[student_family], FAMILIES[teacher_family]
    student, teacher = (family.model(tiny(family), ("mlm",)) for family in families)
    for seed, made in enumerate((student, teacher)):
        made.initialize(seed)
    inherit(student, teacher, evenly_spaced(2, 2))
    assert torch.equal(student.encoder.embeddings.word.weight, teacher.encoder.embeddings.word.weight)
    batch = replace(BATCH, language_ids=torch.arange(TOKENS) % 5)
    objective = Distillation(DistillConfig(), Teacher(teacher, "bf16", CPU))
    output = objective.loss(student.train(), batch)
    assert all(loss.isfinite() for loss in output.losses.values())
    learned = gradients(student, output, objective.counts(batch))
    trained = {name for name, parameter in student.named_parameters() if parameter.requires_grad}
    assert learned.keys() == trained
    assert all(gradient.isfinite().all() for gradient in learned.values())
