"""The published sizes: docs/families.md states them, and every figure in it is counted here and in `transformers`."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from encodery.families import FAMILIES
from encodery.families.family import config_to_theirs

PAGE = Path(__file__).parents[2] / "docs" / "families.md"
COLUMNS = "family preset layers hidden heads feed-forward positions vocabulary encoder with_head published".split()  # noqa: SIM905
ROWS = [
    dict(zip(COLUMNS, (cell.strip() for cell in line.strip("|").split("|")), strict=True))
    for line in PAGE.read_text().split("## What differs")[0].splitlines()
    if line.startswith(tuple(f"| {name} |" for name in FAMILIES))
]
# Of files that were released: number of values in their safetensors, buffers left out.
RELEASED = {
    ("bert", "large"): 336_226_108,
    ("distilbert", "base"): 66_985_530,
    ("roberta", "base"): 124_697_433,
    ("roberta", "large"): 355_412_057,
    ("xlm-roberta", "base"): 278_295_186,
    ("xlm-roberta", "large"): 560_142_482,
}


def number(text: str) -> int:
    return int(text.replace(",", ""))


def count(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_every_preset_has_its_row() -> None:
    listed = [(row["family"], row["preset"]) for row in ROWS]
    assert listed == [(name, preset) for name, family in FAMILIES.items() for preset in family.presets]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['family']}-{row['preset']}")
def test_a_preset_has_the_published_number_of_parameters(row: dict[str, str]) -> None:
    family = FAMILIES[row["family"]]
    config = family.encoder(family.preset(row["preset"]), row["preset"])
    sizes = (
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
        config.num_positions,
        config.vocab_size,
    )
    assert sizes == tuple(number(row[column]) for column in COLUMNS[2:8])
    lm_heads = frozenset({"mlm", "nsp"} & set(family.heads))
    for heads, column in ((frozenset[str](), "encoder"), (lm_heads, "with_head")):
        with torch.device("meta"):
            ours = family.model(config, heads, pooler=not heads and bool(family.pooler_map))
            theirs_config = transformers.AutoConfig.for_model(**config_to_theirs(family, config, heads))
            theirs = getattr(transformers, family.architectures[heads])(theirs_config)
        assert count(ours) == count(theirs) == number(row[column])
    assert RELEASED.get((row["family"], row["preset"]), count(ours)) == count(ours)
    if stated := re.match(r"([\d.]+) (M|B) \(\d\)$", row["published"]):
        # some papers round down, some leave out the head: each figure is one of the two counts, to a few per cent
        unit = {"M": 1e6, "B": 1e9}[stated[2]]
        counts = [number(row[column]) / unit for column in ("encoder", "with_head")]
        assert min(abs(value / float(stated[1]) - 1) for value in counts) < 0.031
    else:
        assert row["published"] == "not stated"
