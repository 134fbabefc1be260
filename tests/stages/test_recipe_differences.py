"""Which keys differ between recipes."""

from pathlib import Path

from encodery.stages.recipe_differences import recipe_differences
from encodery.stages.schemes import load_schemes

from .conftest import RECIPES


def found(*overrides: str) -> list[tuple[str, list[str]]]:
    return recipe_differences(load_schemes([Path(name) for name in RECIPES], overrides))


def test_only_what_differs(schemes: Path) -> None:
    assert found() == [("pretrain.objective.nsp", ["true", "false"])]


def test_tables_that_one_lacks_and_lists(schemes: Path) -> None:
    text = Path("roberta.toml").read_text()
    changed = text.replace("warmup_steps = 2", "betas = [0.9, 0.98]").replace("[finetune.mood]", "[finetune.temper]")
    Path("roberta.toml").write_text(changed)
    rows = dict(found())
    assert rows["pretrain.optimizer.betas"] == ["[0.9, 0.999]", "[0.9, 0.98]"]
    assert rows["pretrain.optimizer.warmup_steps"] == ["2", "–"]
    assert rows["finetune.mood.epochs"] == ["2", "–"]
    assert rows["finetune.temper.epochs"] == ["–", "2"]


def test_names_seeds_and_what_only_watches_do_not_count(schemes: Path) -> None:
    text = 'output = "elsewhere"\n' + Path("roberta.toml").read_text()
    for old, new in (("seed = 7", "seed = 8"), ("log_every = 2", "log_every = 3"), ("[3, 5]", "[2]")):
        text = text.replace(old, new)
    Path("roberta.toml").write_text(text)
    assert found() == [("pretrain.objective.nsp", ["true", "false"])]


def test_one_file_under_two_paths_is_no_difference(schemes: Path) -> None:
    text = Path("roberta.toml").read_text()
    Path("roberta.toml").write_text(text.replace('"train.jsonl"', '"./text/../train.jsonl"'))
    assert found() == [("pretrain.objective.nsp", ["true", "false"])]
    Path("roberta.toml").write_text(text.replace('train = "train.jsonl"', 'train = "dev.jsonl"'))
    keys = [key for key, _ in found()]
    assert keys == ["pretrain.objective.nsp", "finetune.mood.train"]
