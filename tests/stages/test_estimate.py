"""The estimate of a plan against numbers worked out by hand."""

from pathlib import Path

import pytest
from rich.console import Console

from encodery.families.folder import load_folder
from encodery.model.config import EncoderConfig
from encodery.recipe import load_recipe
from encodery.stages import open_run, plan
from encodery.stages.estimate import (
    BYTES_PER_PARAMETER,
    PROCESS_BYTES,
    distill_cost,
    flops_per_token,
    measured_flops,
    memory_bytes,
    num_parameters,
    plan_table,
    pretrain_cost,
)
from encodery.stages.graph import stages_of
from tests.stages.test_distilling import DISTILL, opened_student
from tests.stages.test_run import opened

BASE = EncoderConfig(vocab_size=30522)


def test_flops_of_bert_base() -> None:
    """85 million weights in the layers, six operations each; attention over 128 tokens; 15 % of the vocabulary."""
    layers = 12 * 12 * 768**2
    assert flops_per_token(BASE, 128) == 6 * layers + 12 * 12 * 128 * 768 + 0.15 * 6 * (768**2 + 768 * 30522)


def test_a_gate_is_a_third_product_and_a_window_bounds_what_is_seen() -> None:
    """Of 12 layers, 4 see all of 1,024 tokens and 8 see 64 to either side and the token itself."""
    modern = BASE.model_copy(update={"gated_mlp": True, "global_attn_every_n_layers": 3})
    layers = 12 * (4 * 768**2 + 3 * 768 * 3072)
    attention = 12 * (4 * 1024 + 8 * 129) * 768
    assert flops_per_token(modern, 1024) == 6 * layers + attention + 0.15 * 6 * (768**2 + 768 * 30522)
    assert flops_per_token(modern, 101) == 6 * layers + 12 * 12 * 101 * 768 + 0.15 * 6 * (768**2 + 768 * 30522)


def test_a_student_pays_for_its_teacher(done: Path) -> None:
    """The teacher goes forward, a third of what training it would cost; every token reaches both vocabularies."""
    taught = opened_student(done, "distill.steps=7", "distill.teacher_precision=fp32")
    teacher = load_folder(done / "runs" / "tiny" / "pretrain").model.config
    student = taught.recipe.student.encoder(teacher.vocab_size)
    cost = distill_cost(taught)
    assert cost.tokens == 7 * 256
    each = flops_per_token(student, 32, 1.0) + flops_per_token(teacher, 32, 1.0) / 3
    assert cost.flops == pytest.approx(cost.tokens * each)
    assert cost.memory_bytes == PROCESS_BYTES + memory_bytes(student, 256) + 4 * num_parameters(teacher)
    masked = distill_cost(opened_student(done, "distill.steps=7", "distill.objective.scored=masked"))
    assert masked.flops < cost.flops
    assert masked.memory_bytes == cost.memory_bytes - 2 * num_parameters(teacher)
    console = Console(width=200)
    with console.capture() as capture:
        console.print(plan_table(taught, plan(taught, stages_of(taught))))
    assert "1,792" in capture.get()


def test_a_teacher_yet_to_be_trained_has_the_sizes_of_the_model(project: Path) -> None:
    recipe = load_recipe(project / "tiny.toml", [DISTILL])
    cost = distill_cost(open_run(recipe, project / "tiny.toml", Console(quiet=True)))
    student, teacher = recipe.student.encoder(90), recipe.model.encoder(90)
    each = flops_per_token(student, 32, 1.0) + flops_per_token(teacher, 32, 1.0) / 3
    assert cost.flops == pytest.approx(6 * 256 * each)


def test_memory_holds_at_least_the_optimizer_state() -> None:
    parameters = 110_106_428  # the pretraining model of BERT-base, as published
    assert memory_bytes(BASE, 0) == parameters * BYTES_PER_PARAMETER
    assert memory_bytes(BASE, 2048) > memory_bytes(BASE, 1024) > parameters * BYTES_PER_PARAMETER


def test_layers_computed_again_keep_their_inputs_alone() -> None:
    """Beside one layer's own: 12 vectors of 768 numbers, four bytes each, a token."""
    layer = (20 * 768 + 4 * 3072) * 2
    saved = memory_bytes(BASE, 1024) - memory_bytes(BASE, 1024, recomputed=True)
    assert saved == 1024 * (11 * layer - 12 * 768 * 4)


def test_this_machine_is_measured() -> None:
    assert 1e8 < measured_flops("fp32") < 1e15


def test_causal_lm_scores_every_token(project: Path) -> None:
    plain, causal, both = (
        pretrain_cost(opened(project, "pretrain.objective.nsp=false", *weights))
        for weights in (
            (),
            ("pretrain.objective.weights={ clm = 1.0 }",),
            (
                "pretrain.objective.schedule=[{ steps = 3, weights = { clm = 1.0 } }]",
                "pretrain.objective.weights={ mlm = 1.0 }",
            ),
        )
    )
    vocabulary = 6 * (32**2 + 32 * 90) * plain.tokens
    assert causal.flops - plain.flops == pytest.approx(0.85 * vocabulary)
    assert both.flops - plain.flops == pytest.approx(0.85 * vocabulary * 3 / 12)  # of 12 steps
    assert causal.memory_bytes == both.memory_bytes > plain.memory_bytes


def test_a_narrow_screen_cuts_no_name_and_no_figure(project: Path) -> None:
    """As in a pipe, where a console has 80 columns."""
    run = opened(project)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(plan_table(run, plan(run, stages_of(run))))
    text = capture.get()
    assert "…" not in text
    names = [stage.name for stage in stages_of(run)]
    assert [line.split()[0] for line in text.splitlines() if " run " in line] == names
    cost = pretrain_cost(run)
    assert f"pretrain: {cost.tokens:,} tokens, {cost.flops:.1e} FLOPs, about 0.9 GB, about" in text
