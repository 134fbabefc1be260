"""`encodery compare` from its recipes to its files: what runs, what does not, what a killed one continues."""

import json
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from encodery.artifact import read_manifest
from encodery.errors import UserError
from encodery.stages import Run, Stage, engine
from encodery.train.checkpoint import save_checkpoint
from encodery.train.log import read_log
from tests.train.groups import end_of, start_ranks

from .conftest import RECIPES

stats: Any = pytest.importorskip("scipy.stats")

Command = Callable[..., tuple[int, str, str]]
VOID = {"meta", "br", "img", "link", "input", "hr"}


def result(folder: Path = Path("result")) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "comparison.json").read_text())
    return values


def metrics(values: Mapping[str, Any], scheme: int, stage: str) -> Iterator[Mapping[str, Any]]:
    """Of each seed, from the manifests."""
    for run in values["schemes"][scheme]["runs"]:
        manifest = read_manifest(Path("result") / run["stages"][stage.format(run["seed"])])
        assert manifest is not None
        yield manifest.metrics


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that are built from here on, with the scheme and the seed of their run."""
    names: list[str] = []
    build = engine._build

    def watched(run: Run, stage: Stage, key: str, parents: Mapping[str, str]) -> None:
        names.append(f"{run.recipe.name} {run.recipe.seed} {stage.name}")
        build(run, stage, key, parents)

    monkeypatch.setattr(engine, "_build", watched)
    return names


def test_the_second_call_runs_nothing_and_writes_the_same(
    compared: Path, encodery: Command, built: list[str]
) -> None:
    before = {path: path.read_bytes() for path in Path("result").glob("comparison.*")}
    code, out, err = encodery("compare", *RECIPES, "--seeds", "2", "--output", "result")
    assert (code, err, built) == (0, "", [])
    assert {path: path.read_bytes() for path in before} == before
    assert len(before) == 3
    assert "Difference to bert (paired by seed ± 95 %)" in out
    assert f"comparison {compared / 'result' / 'comparison.html'}" in out


def test_text_is_prepared_once_for_all(compared: Path) -> None:
    names = sorted(path.name.rpartition("-")[0] for path in Path("result/stages").iterdir())
    assert names == sorted(
        ["tokenizer", "shards", *["pretrain", "exam"] * 4, *["finetune.mood.1", "finetune.mood.2"] * 2]
    )


def test_more_seeds_run_only_these(compared: Path, encodery: Command, built: list[str]) -> None:
    before = result()
    code, _, _ = encodery("compare", *RECIPES, "--seeds", "3", "--output", "result")
    assert code == 0
    stages = ("pretrain", "finetune.mood.3", "exam")
    assert built == [f"{scheme} 3 {stage}" for scheme in ("bert", "roberta") for stage in stages]
    after = result()
    assert after["seeds"] == [1, 2, 3]
    for key, figure in before["figures"].items():
        for scheme, found in figure["schemes"].items():
            assert after["figures"][key]["schemes"][scheme]["values"][:2] == found["values"]


def test_other_order_other_yardstick_and_nothing_runs(compared: Path, encodery: Command, built: list[str]) -> None:
    before = result()["figures"]["exam.mlm_loss"]["differences"]["roberta"]
    code, _, _ = encodery("compare", *reversed(RECIPES), "--seeds", "2", "--output", "result")
    assert (code, built, result()["first"]) == (0, [], "roberta")
    assert result()["figures"]["exam.mlm_loss"]["differences"]["bert"]["mean"] == pytest.approx(-before["mean"])


def test_a_shared_change_keeps_what_was_there(compared: Path, encodery: Command, built: list[str]) -> None:
    other = ("compare", *RECIPES, "--seeds", "1", "--output", "result")
    code, _, _ = encodery(*other, "--set", "finetune.mood.epochs=1")
    assert (code, built) == (0, [f"{scheme} 1 finetune.mood.1" for scheme in ("bert", "roberta")])
    built.clear()
    code, _, _ = encodery(*other)
    assert (code, built) == (0, [])


def test_a_killed_one_continues_and_ends_the_same(
    schemes: Path, compared_once: Path, encodery: Command, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:

    def killed(folder: Path, step: int, *rest: Any, **options: Any) -> Path:
        saved: Path = save_checkpoint(folder, step, *rest, **options)
        if built[-1] == "roberta 1 pretrain" and step == 6:
            raise KeyboardInterrupt
        return saved

    command = ("compare", *RECIPES, "--seeds", "1", "--output", "result")
    monkeypatch.setattr("encodery.train.continuing.save_checkpoint", killed)
    assert encodery(*command)[0] == 130
    assert built[-1] == "roberta 1 pretrain"
    assert not Path("result/comparison.json").exists()
    monkeypatch.setattr("encodery.train.continuing.save_checkpoint", save_checkpoint)
    built.clear()
    code, out, _ = encodery(*command)
    assert (code, built) == (0, [f"roberta 1 {stage}" for stage in ("pretrain", "finetune.mood.1", "exam")])
    assert "continue pretrain" in out
    found, whole = result(), result(compared_once / "result")
    log = read_log(Path("result") / found["schemes"][1]["runs"][0]["stages"]["pretrain"] / "log.jsonl")
    assert [record["step"] for record in log if record["event"] == "resume"] == [0, 6]
    for key, figure in found["figures"].items():
        if figure["group"] != "cost":
            for scheme, one in figure["schemes"].items():
                assert one["values"] == whole["figures"][key]["schemes"][scheme]["values"][:1], key


def test_figures_are_those_of_the_manifests(compared: Path) -> None:
    values = result()
    for key, stage, path in (
        ("as_trained.mlm_loss", "pretrain", ("valid", "mlm_loss")),
        ("exam.mlm_accuracy", "exam", ("mlm_accuracy",)),
        ("finetune.mood.test.accuracy", "finetune.mood.{}", ("test", "accuracy")),
        ("pretraining.tokens", "pretrain", ("tokens",)),
        ("parameters", "pretrain", ("parameters",)),
    ):
        for number, scheme in enumerate(("bert", "roberta")):
            found = []
            for one in metrics(values, number, stage):
                value: Any = one
                for part in path:
                    value = value[part]
                found.append(value)
            assert values["figures"][key]["schemes"][scheme]["values"] == found, key


def test_intervals_and_differences_are_those_of_the_paired_t_test(compared: Path) -> None:
    figure = result()["figures"]["exam.mlm_loss"]
    first, second = (figure["schemes"][name]["values"] for name in ("bert", "roberta"))
    for name, seeds in (("bert", first), ("roberta", second)):
        ends = stats.t.interval(0.95, 1, sum(seeds) / 2, stats.sem(seeds))
        assert figure["schemes"][name]["interval"] == pytest.approx(ends)
        assert figure["schemes"][name]["interval_over"] == "seeds"
    theirs = stats.ttest_rel(second, first).confidence_interval(0.95)
    ours = figure["differences"]["roberta"]
    assert ours["interval"] == pytest.approx((theirs.low, theirs.high))
    assert ours["excludes_zero"] is not (theirs.low <= 0 <= theirs.high)


def test_what_each_scheme_asked_in_its_own_way_is_not_subtracted(compared: Path) -> None:
    figures = result()["figures"]
    assert figures["as_trained.mlm_loss"]["differences"] == {}
    assert figures["pretraining.seconds"]["differences"] == {}
    assert set(figures["as_trained.nsp_loss"]["schemes"]) == {"bert"}  # the other has none


class Elements(HTMLParser):
    """Names of all elements; fails where one is closed that is not open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert not self._open
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.names.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_says_the_same_and_needs_nothing_else(compared: Path) -> None:
    html = Path("result/comparison.html").read_text()
    page, values = Elements(html), result()
    assert "https://" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert not {"script", "img", "link"} & {*page.names}
    # one task, and held out and in training: the loss of masked words, and that of the next sentence of one scheme
    assert page.names.count("svg") == 1 + 2 + 2
    for figure in values["figures"].values():
        if figure["group"] == "tasks":
            for one in figure["schemes"].values():
                assert f"{one['mean']:.4f} ± {one['interval'][1] - one['mean']:.4f}" in page.text
    for words in ("bert vs roberta", "pretrain.objective.nsp", "2 schemes, 2 seed(s) each, compared with bert."):
        assert words in page.text


def test_markdown_has_the_tables(compared: Path) -> None:
    text = Path("result/comparison.md").read_text()
    assert text.startswith("# bert vs roberta\n")
    assert "| figure | bert | roberta |\n| --- | ---: | ---: |\n| mood: test accuracy | " in text
    assert r"| pretrain.objective.nsp | true | false |" in text


def test_one_seed_has_the_interval_of_the_test_examples(compared: Path, encodery: Command) -> None:
    code, out, _ = encodery("compare", *RECIPES, "--seeds", "1", "--output", "result")
    assert code == 0
    assert "One seed: intervals are those of the test examples (bootstrap)" in out
    values = result()
    figure = values["figures"]["finetune.mood.test.accuracy"]
    [manifest] = metrics(values, 1, "finetune.mood.{}")
    assert figure["schemes"]["roberta"]["interval"] == manifest["test"]["intervals"]["accuracy"]
    assert figure["schemes"]["roberta"]["interval_over"] == "test examples"
    assert figure["differences"]["roberta"]["interval"] is None
    assert values["figures"]["exam.mlm_loss"]["schemes"]["bert"]["interval"] is None
    assert "unknown: one seed" in Path("result/comparison.md").read_text()


def refused(encodery: Command, *arguments: str) -> str:
    code, _, err = encodery("compare", *arguments)
    assert code == 2, err
    assert not Path("runs").exists()  # nothing was begun
    return err.removeprefix("encodery: ").strip()


@pytest.mark.parametrize("seeds", ["0", "-3"])
def test_no_seeds(schemes: Path, encodery: Command, seeds: str) -> None:
    assert refused(encodery, *RECIPES, "--seeds", seeds) == (
        f"--seeds {seeds}: one or more is needed, three or more for intervals over seeds"
    )


def test_no_such_budget(schemes: Path, encodery: Command) -> None:
    assert refused(encodery, *RECIPES, "--budget", "money") == "--budget money: one of tokens, time is allowed"


def test_a_folder_of_something_else_is_left_alone(schemes: Path, encodery: Command) -> None:
    Path("thesis").mkdir()
    Path("thesis/chapter.txt").write_text("three years")
    line = refused(encodery, *RECIPES, "--output", "thesis")
    assert line == "thesis: exists and is no comparison of Encodery; choose another --output"
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter.txt"]


def test_what_stops_a_run_says_of_which_scheme_and_seed(
    compared: Path, encodery: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(run: Run, stage: Stage, *_: Any) -> None:
        raise UserError(f"cannot save {stage.name}: no space left")

    monkeypatch.setattr(engine, "_build", full)
    code, _, err = encodery("compare", *RECIPES, "--seeds", "3", "--output", "result")
    assert (code, err) == (2, "encodery: bert, seed 3: cannot save pretrain: no space left\n")


def test_two_at_once_are_refused(compared: Path, encodery: Command) -> None:
    with engine.lock(Path("result"), "compare"):
        code, _, err = encodery("compare", *RECIPES, "--seeds", "2", "--output", "result")
    assert code == 2
    assert err == "encodery: result: another `encodery compare` is at work here; wait for it or stop it\n"


def test_two_ranks_compare_once(schemes: Path) -> None:
    """They train together, and the first one says and writes all; what one finds wrong ends both in one line."""
    small = ["--set", "finetune={}", "--set", "pretrain.steps=2"]
    command = ["-m", "encodery", "compare", *RECIPES, *small, "--output", "result"]
    (code, said), (other_code, other_said) = end_of(start_ranks([[*command, "--seeds", "1"]] * 2, schemes))
    assert (code, other_code) == (0, 0), said + other_said
    assert other_said == ""
    assert said.count("bert, seed 1") == 1
    assert len(result()["schemes"]) == 2
    for valid in metrics(result(), 0, "pretrain"):
        assert valid["steps"] == 2
    ends = end_of(start_ranks([[*command, "--seeds", "1"], [*command, "--seeds", "2"]], schemes))
    assert [code for code, _ in ends] == [2, 2]
    assert "".join(said for _, said in ends) == (
        "encodery: rank 1 was not started as rank 0 was: seeds 1 → 2; start every rank with the same recipe file and "
        "arguments\n"
    )
