"""The `tokenizer` stage over several languages."""

from pathlib import Path

import pytest

from encodery.artifact import read_manifest
from encodery.errors import UserError
from encodery.recipe import load_recipe
from encodery.stages import run
from encodery.stages.graph import selected, stages_of
from encodery.text.tokenizer import Tokenizer
from tests.stages.test_run import opened, planned

SMALL = "\n\n".join(["Ποταμός βλέπει δάσος.", "Δάσος βλέπει ποταμός.", "Πόλη βλέπει δάσος και ποταμός."] * 7)
INPUTS = "[{ path = 'text', language = 'en' }, { path = 'el.txt', language = 'el' }]"


def trained(project: Path, *overrides: str) -> tuple[Tokenizer, dict[str, object]]:
    (project / "el.txt").write_text(SMALL)
    this = opened(project, f"corpus.inputs={INPUTS}", "tokenizer.vocab_size=110", *overrides)
    run(this, selected(stages_of(this), ["tokenizer"]))
    manifest = read_manifest(this.artifact("tokenizer"))
    assert manifest is not None
    return Tokenizer.load(this.artifact("tokenizer")), dict(manifest.metrics)


def test_balance_lifts_the_small_language(project: Path) -> None:
    plain, metrics = trained(project)
    assert metrics == {"vocab_size": 110}
    lifted, metrics = trained(project, "tokenizer.alpha=0.2")
    sentence = "Πόλη βλέπει ποταμός."
    assert len(lifted.encode(sentence).input_ids) < len(plain.encode(sentence).input_ids)
    languages = metrics["languages"]
    assert isinstance(languages, dict)
    assert languages["el"]["share"] < 0.05
    assert 0.3 < languages["el"]["balanced_share"] < 0.5
    assert sum(facts["balanced_share"] for facts in languages.values()) == pytest.approx(1)


def test_balance_needs_languages(project: Path) -> None:
    with pytest.raises(UserError) as error:
        load_recipe(project / "tiny.toml", ["tokenizer.alpha=0.5"])
    assert str(error.value).endswith(
        "tokenizer.alpha = 0.5 balances languages, but corpus.inputs name none; give each input a language or a "
        "language_field"
    )
    with pytest.raises(UserError, match=r"tokenizer.alpha = 1.5: input should be less than or equal to 1"):
        load_recipe(project / "tiny.toml", ["tokenizer.alpha=1.5"])


def test_alpha_of_one_is_no_change(done: Path) -> None:
    assert {item.state for item in planned(done, "tokenizer.alpha=1.0").values()} == {"fresh"}
