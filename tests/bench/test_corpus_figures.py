from typing import Any

import pytest

from encodery.bench.corpus_figures import against_result, memory_result, step_results, workers_result
from encodery.bench.corpus_sides import Done
from encodery.bench.crawl import Crawl, CrawlFile


def crawl(html_bytes: int) -> Crawl:
    files = [CrawlFile(name="00000.warc.gz", html_bytes=html_bytes, pages=50)]
    kinds = {"own": 43, "exact": 4, "near": 3}
    return Crawl(format=1, seed=7, data="x", files=files, kinds=kinds, languages={"en": 50})


def done(seconds: float, **values: Any) -> Done:
    known = {
        "steps": {"read": 1.0, "tiny": 1e-9},
        "facts": {"kept_mb": 7.0},
        "documents": 40,
        "characters": 4000,
        "version": "0.10.1",
    }
    return Done(**{"seconds": seconds, "peak_bytes": 10**8, "others_cores": 0.05, **known, **values})


CRAWL = crawl(100_000_000)


def test_a_rate_is_html_a_second() -> None:
    ours = [done(10.0), done(5.0), done(20.0)]
    result = against_result("pipeline", "datatrove", CRAWL, ours, [done(40.0), done(40.0), done(20.0)])
    assert (result.bench, result.case, result.unit) == ("corpus", "pipeline/datatrove", "MB/s")
    assert (result.ours, result.peer, result.ratio) == (10.0, 2.5, 4.0)
    assert result.peer_name == "datatrove 0.10.1, one worker"
    assert result.versions["datatrove"] == "0.10.1"
    metric = result.metric
    assert metric is not None
    assert (metric["target_ratio"], metric["ratio_low"], metric["ratio_high"]) == (3.0, 1.0, 8.0)
    assert (metric["exact_copies"], metric["near_copies"], metric["pages"]) == (4, 3, 50)
    assert (metric["ours_documents"], metric["peer_characters"]) == (40, 4000)
    assert metric["ours_ms_per_mb.read"] == 10.0
    assert "ours_ms_per_mb.tiny" not in metric
    assert metric["kept_mb"] == 7.0


def test_steps_that_both_have_are_side_by_side() -> None:
    ours = [done(10.0, steps={"read": 2.0, "gopher": 1.0, "repetition": 4.0, "repair": 1.0})]
    theirs = [done(40.0, steps={"read": 1.0, "extract": 3.0, "Gopher Repetition": 10.0, "MinHash stage 1": 7.0})]
    found = [*step_results(CRAWL, ours, theirs)]
    assert [(result.case, result.ours, result.peer, result.ratio) for result in found] == [
        ("step/read", 50.0, 25.0, 2.0),
        ("step/heuristics", 20.0, 10.0, 2.0),
    ]
    assert found[0].peer_name == "datatrove 0.10.1"


def test_two_workers_are_against_one() -> None:
    result = workers_result(CRAWL, [done(10.0)], [done(5.0)])
    assert (result.ours, result.peer, result.ratio) == (20.0, 10.0, 2.0)
    assert result.metric is not None
    assert result.metric["target_ratio"] == 1.8
    assert result.metric["same_documents"] is True


def test_workers_that_leave_something_else_are_told() -> None:
    result = workers_result(CRAWL, [done(10.0)], [done(5.0, documents=41)])
    assert result.metric is not None
    assert result.metric["same_documents"] is False


def test_memory_is_the_most_of_any_run() -> None:
    few, many = [done(1.0, peak_bytes=10**8)], [done(1.0, peak_bytes=2 * 10**8), done(1.0, peak_bytes=10**8)]
    result = memory_result(crawl(10**7), CRAWL, few, many)
    assert (result.case, result.unit, result.ours, result.peer, result.ratio) == ("memory", "MB", 200.0, 100.0, 0.5)
    assert result.metric is not None
    assert result.metric["times_the_input"] == 10.0


@pytest.mark.parametrize(("others", "quiet"), [(0.05, True), (0.5, False)])
def test_disturbed_runs_are_told(others: float, quiet: bool) -> None:
    result = workers_result(CRAWL, [done(10.0)], [done(5.0, others_cores=others)])
    assert result.metric is not None
    assert result.metric["quiet"] is quiet
