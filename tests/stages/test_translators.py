"""What a translation starts from: a checkpoint of any objective, with either cross-attention, through the stages."""

from pathlib import Path

import pytest
import torch
from rich.console import Console

from encodery.families.folder import load_folder
from encodery.model.translator import Translator
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages.engine import Run
from encodery.stages.graph import selected, stages_of
from encodery.train.log import read_log
from tests.conftest import own_copy
from tests.stages.test_translations import metrics_of, write_words

pytest.importorskip("sacrebleu")

SIDES = {"source": "en", "target": "de"}
STANDING = (
    "finetune.both.optimizer.lr=1e-9",
    "finetune.both.epochs=1",
    "finetune.both.seeds=[7]",
    "finetune.both.keep=last",
)
"""Another seed than pretraining had, and so slow that the weights at the end are those at the start."""


def opened(*changes: str) -> Run:
    return open_run(load_recipe(Path("words.toml"), changes), Path("words.toml"), Console(quiet=True))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose text is tokens already."""
    folder = tmp_path_factory.mktemp("words")
    write_words(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        some = opened()
        run(some, selected(stages_of(some), ["shards"]))
    return folder


@pytest.fixture
def project(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one's own, also the current directory."""
    return own_copy(shards, tmp_path / "words", monkeypatch)


@pytest.mark.parametrize(("objective", "cross_attention"), [("clm", "fresh"), ("tlm", "fresh"), ("mlm", "self")])
def test_a_translator_begins_with_what_was_pretrained(project: Path, objective: str, cross_attention: str) -> None:
    """Encoder, decoder and the head over the words; what looks at the source is drawn or as self-attention is."""
    changes = [f"pretrain.objective.weights={{ {objective} = 1.0 }}"]
    if objective == "tlm":
        sides = [f"{side} = {{ path = 'train.{code}', language = '{code}' }}" for side, code in SIDES.items()]
        changes.append(f"corpus.parallel=[{{ {', '.join(sides)} }}]")
    some = opened(*changes, *STANDING, f"finetune.both.task.cross_attention={cross_attention}")
    run(some, selected(stages_of(some), ["finetune.both"]))
    steps = [line for line in read_log(project / "runs/words/pretrain/log.jsonl") if line["event"] == "step"]
    assert all(f"{objective}_loss" in step for step in steps)
    before = load_folder(project / "runs/words/pretrain", ("mlm",)).model
    after = load_folder(project / "runs/words/finetune/both/7").model
    assert isinstance(after, Translator)
    starts = {"encoder": before.encoder, "decoder": before.encoder, "head": before.heads["mlm"]}
    for name, start in starts.items():
        found = getattr(after, name).state_dict()
        for key, weight in start.state_dict().items():
            torch.testing.assert_close(found[key], weight, atol=1e-6, rtol=0, msg=f"{name}.{key}")
    for layer in after.decoder.stack:
        cross = torch.cat([layer.cross_attention.query.weight, layer.cross_attention.key_value.weight])
        assert torch.allclose(cross, layer.attention.qkv.weight, atol=1e-6) == (cross_attention == "self")
    assert metrics_of(project / "runs/words/finetune/both/7")["steps"] > 0
