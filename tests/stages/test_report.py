"""The report says what the manifests say."""

from html.parser import HTMLParser
from pathlib import Path

from encodery.artifact import Manifest, read_manifest
from tests.stages.test_run import complete


class Text(HTMLParser):
    """All text of a page, and its headings."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def manifest(project: Path, stage: str) -> Manifest:
    found = read_manifest(project / "runs" / "tiny" / stage)
    assert found is not None
    return found


def test_the_figures_are_those_of_the_manifests(done: Path) -> None:
    page = (done / "runs/tiny/report/report.html").read_text()
    text = Text(page).text
    pretrain, shards = manifest(done, "pretrain").metrics, manifest(done, "shards").metrics
    assert f"{pretrain['valid']['mlm_loss']:.3f}" in text
    assert f"unigram entropy {shards['valid']['unigram_entropy']:.3f}" in text
    assert f"always the commoner answer: {pretrain['nsp_majority']:.1%}" in text
    scores = [manifest(done, f"finetune/mood/{seed}").metrics["test"]["accuracy"] for seed in (3, 5)]
    assert f"{sum(scores) / 2:.1%}" in text
    assert f"{shards['train']['tokens']:,}" in text
    assert "max_position_embeddings = 48" in text  # the recipe as it was run
    for heading in ("Text", "Pretraining", "Fine-tuning: mood"):
        assert f">{heading}<" in page


def test_the_surest_mistakes_are_shown(done: Path) -> None:
    import json

    page = Text((done / "runs/tiny/report/report.html").read_text()).text
    lines = (done / "runs/tiny/finetune/mood/3/predictions.jsonl").read_text().splitlines()
    wrong = [record for record in map(json.loads, lines) if record["label"] != record["true"]]
    assert wrong, "a model of two epochs makes mistakes"
    assert max(wrong, key=lambda record: record["score"])["text"] in page


def test_the_page_needs_nothing_else(done: Path) -> None:
    page = (done / "runs/tiny/report/report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "<script" not in page


def test_a_run_over_phases_says_the_sizes_of_all_its_steps(project: Path) -> None:
    complete(project, "pretrain.phases=[{ start = 0.5, tokens_per_step = 512 }]", "finetune={}")
    text = Text((project / "runs/tiny/report/report.html").read_text()).text
    assert "pretrained for 12 steps of about 256, then 512 tokens." in text


def test_smoothed_masks_are_read_against_the_entropy_of_what_they_hide(project: Path) -> None:
    complete(project, "pretrain.objective.mlm.sample_alpha=0.7", "finetune={}")
    text = Text((project / "runs/tiny/report/report.html").read_text()).text
    hidden = manifest(project, "pretrain").metrics["hidden_entropy"]
    assert hidden > manifest(project, "shards").metrics["valid"]["unigram_entropy"]
    assert f"unigram entropy of what is hidden {hidden:.3f}" in text


def test_masks_that_hide_all_tokens_alike_have_no_entropy_of_their_own(done: Path) -> None:
    assert "hidden_entropy" not in manifest(done, "pretrain").metrics
