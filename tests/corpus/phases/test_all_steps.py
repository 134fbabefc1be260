"""Crawl files and web pages through all that judges them: the same, whoever runs it."""

import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

from encodery.corpus.clean_table import CleanTable
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.launch import LocalLaunch, RayLaunch
from encodery.corpus.ledger import Ledger
from tests.corpus.phases.conftest import ALL_STEPS, Crawl, prose, write_web
from tests.corpus.phases.test_cleaning import documents, ours

TASKS = {"models": 1, "extract": 5, "paragraphs": 1, "filter": 5, "near": 1, "clusters": 1, "grade": 1, "write": 1}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    return Crawl(tmp_path_factory.mktemp("web"), write_web)


@pytest.fixture(scope="module")
def whole(web: Crawl, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder in which one process did all, and what came out."""
    folder = tmp_path_factory.mktemp("whole")
    assert web.run(folder, table=ALL_STEPS) == TASKS
    return folder, web.result(folder, ALL_STEPS)


def test_every_step_has_something_to_do(web: Crawl, whole: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, files = whole
    ledger: Ledger = web.cleaning(folder, ALL_STEPS).collect(tmp_path).ledger
    assert ledger.steps == [
        "read", "repair", "paragraphs", "language", "repetition", "gopher", "fineweb", "decontaminate", "perplexity",
        "personal", "near", "buckets",
    ]  # fmt: skip
    reasons = {reason for reason, _ in ledger.counts if "/" in reason and not reason.startswith("left/")}
    assert reasons >= {
        "read/status", "paragraphs/repeated", "gopher/short", "decontaminate/test", "personal/email",
        "personal/phone", "near/copy",
    }  # fmt: skip
    buckets = {name.split("/")[2].split("-")[0] for name in files if name.startswith("documents/en/")}
    assert buckets == {"head", "middle", "tail"}
    german = documents(folder / "into", "de")
    assert any(each["source"].endswith("#de") for each in german), "a part of an English page"
    assert any("fließt" in each["text"] and "mühle" in each["text"] for each in german)
    assert not any("Ã" in each["text"] for each in german)
    assert all(set(each["scores"]) == {"language"} and 0.5 <= each["scores"]["language"] <= 1 for each in german)
    english = documents(folder / "into", "en")
    assert all(set(each["scores"]) == {"language", "perplexity"} for each in english)
    assert {each["url"].partition("/1")[0] for each in english if "url" in each} >= {
        "http://en.example",
        "http://e.x",
    }


def test_two_processes_do_the_same(web: Crawl, whole: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    assert web.run(tmp_path, LocalLaunch(workers=2), ALL_STEPS) == TASKS
    assert web.result(tmp_path, ALL_STEPS) == whole[1]


def test_groups_of_files_change_nothing_of_the_documents(
    web: Crawl, whole: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    table = ALL_STEPS.model_copy(update={"task_bytes": 1 << 30})
    assert web.run(tmp_path, table=table)["extract"] == 1
    web.result(tmp_path, table)
    for language in ("en", "de"):
        assert documents(tmp_path / "into", language) == documents(whole[0] / "into", language)


def test_a_wrapped_book_goes_through_the_default_steps(tmp_path: Path) -> None:
    """As Gutenberg has them: lines of 70 characters, blank ones between paragraphs, each of too few words to be a
    document."""
    book = [prose("en", number, 1) for number in range(7)]
    (tmp_path / "book.txt").write_text("\n\n".join(textwrap.fill(paragraph, 70) for paragraph in book))
    web = Crawl(tmp_path, lambda _: [CorpusInput(path="../book.txt", documents="file")])
    web.base.mkdir()
    web.run(tmp_path / "work", table=CleanTable())
    web.result(tmp_path / "work", CleanTable())
    (found,) = documents(tmp_path / "work" / "into", "en")
    assert found["text"].split("\n") == book
    web.inputs = [CorpusInput(path="../book.txt")]
    web.run(tmp_path / "other", table=CleanTable())
    (tmp_path / "into").mkdir()
    counts = web.cleaning(tmp_path / "other", CleanTable()).collect(tmp_path / "into").ledger.counts
    assert counts["gopher/short", "documents"] == 7, "without it each paragraph is a document"


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_workers_of_ray_do_the_same(web: Crawl, whole: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, runtime_env={"env_vars": ours()})
    try:
        assert web.run(tmp_path, RayLaunch(), ALL_STEPS) == TASKS
    finally:
        ray.shutdown()
    assert web.result(tmp_path, ALL_STEPS) == whole[1]
