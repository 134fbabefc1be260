"""Two ranks that learn to translate, from pairs and from text alone, end where one does."""

import shutil
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.graph import selected, stages_of
from encodery.train.log import read_log
from tests.stages.test_monolingual import write_text
from tests.train.groups import end_of, start_ranks
from tests.train.test_ranks import TOLERANCE

pytest.importorskip("sacrebleu")

PAIRS = """
[finetune.pairs]
train = { there = "pairs.{en,de}", back = "pairs.{de,en}" }
epochs = 2
tokens_per_step = 211
micro_batch_tokens = 61
precision = "fp32"
log_every = 1
optimizer = { lr = 1e-3, warmup_steps = 2 }
task = { type = "translation", max_seqlen = 20, dropout = 0.0 }
"""
TABLES = ("pairs", "text")
SETTINGS = ["finetune.text.task.dropout=0.0", "finetune.text.keep=last", "finetune.text.micro_batch_tokens=83"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One project, its translators trained by one rank and, in a copy, by two; what they begin with is the same."""
    folder, copy = (tmp_path_factory.mktemp(name) for name in ("alone", "together"))
    write_text(folder)
    with (folder / "alone.toml").open("a") as recipe:
        recipe.write(PAIRS)
    stages = [f"finetune.{name}" for name in TABLES]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        some = open_run(load_recipe(Path("alone.toml"), SETTINGS), Path("alone.toml"), Console(quiet=True))
        run(some, selected(stages_of(some), ["pretrain"]))
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        run(some, selected(stages_of(some), stages))
    command = ["-m", "encodery", "run", "alone.toml", *stages]
    command += [part for setting in SETTINGS for part in ("--set", setting)]
    for code, said in end_of(start_ranks([command] * 2, copy)):
        assert code == 0, said
    return folder, copy


@pytest.mark.parametrize("table", TABLES)
def test_two_ranks_translate_as_one(trained: tuple[Path, Path], table: str) -> None:
    """The same batches and losses, back-translations among them; weights to the order of sums."""
    alone, together = (folder / "runs/alone/finetune" / table / "1" for folder in trained)
    logs = [[line for line in read_log(each / "log.jsonl") if line["event"] == "step"] for each in (alone, together)]
    assert len(logs[0]) == len(logs[1]) > 3
    terms = {"denoise_loss", "back_translation_loss"} if table == "text" else {"loss"}
    assert terms <= logs[0][0].keys()
    for ours, theirs in zip(*logs, strict=True):
        assert (ours["step"], ours["tokens"]) == (theirs["step"], theirs["tokens"])
        assert ours.keys() == theirs.keys()
        for name in {*terms, "grad_norm"} & ours.keys():
            assert theirs[name] == pytest.approx(ours[name], rel=1e-4)
    one, two = (load_file(each / "model.safetensors") for each in (alone, together))
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(
            two[name], weight, atol=TOLERANCE["atol"], rtol=TOLERANCE["rtol"], msg=f"{name} differs"
        )
