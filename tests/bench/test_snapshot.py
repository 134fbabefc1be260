"""The paper estimate, and that the docs say what the committed measurement gives."""

import json
import re
from pathlib import Path

import pytest

from encodery.bench.snapshot import WARC, WET, Snapshot, estimate, estimate_table
from encodery.report.tables import markdown_table

ROOT = Path(__file__).parents[2]
METRIC = {
    "html_mb": 100.0,
    "read_characters": 20_000_000,
    "kept_mb": 5.0,
    "disk_mb.extract": 8.0,
    "disk_mb.filter": 13.0,
    "disk_mb.write": 7.0,
    "ours_ms_per_mb.read": 20.0,
    "ours_ms_per_mb.near": 10.0,
    "peer_ms_per_mb.read": 99.0,
}
SMALL = Snapshot("small", stored_bytes=1e9, html_bytes=3.6e9, characters=7.2e8)


def test_reading_goes_by_html_and_the_rest_by_text() -> None:
    found = estimate(SMALL, METRIC)
    read, near = found.costs
    assert (read.step, read.rate, near.step, near.rate) == ("read", 50.0, "near", 20.0)
    assert [read.core_hours, near.core_hours] == pytest.approx([0.02, 0.01])
    assert found.core_hours == pytest.approx(0.03)


def test_disk_is_what_lies_there_at_most() -> None:
    found = estimate(SMALL, METRIC)
    assert found.disk_bytes == pytest.approx(13e6 * 36)
    assert found.kept_bytes == pytest.approx(5e6 * 36)


def test_text_needs_no_reading_of_html() -> None:
    assert [cost.step for cost in estimate(WET, METRIC).costs] == ["near"]


def test_the_table_has_a_column_for_each_way() -> None:
    table = estimate_table([estimate(WARC, METRIC), estimate(WET, METRIC)])
    assert table.header == ("step", "of one core", "from WARC", "from WET")
    assert table.rows[0] == ("read", "50 MB/s", "2,407 core-hours", "")
    assert table.rows[2] == ("all steps", "", "2,553 core-hours", "347 core-hours")
    assert table.rows[3] == ("network, once", "", "90 TB", "9 TB")


def measured() -> dict[str, float]:
    """The newest measurement that is committed."""
    files = sorted((ROOT / "benchmarks/results").glob("*-corpus.jsonl"))
    if not files:
        pytest.skip("no measurement is committed")
    lines = map(json.loads, files[-1].read_text(encoding="utf-8").splitlines())
    metric: dict[str, float] = next(line["metric"] for line in lines if line["case"] == "pipeline/datatrove")
    return metric


def test_the_docs_say_what_was_measured() -> None:
    metric = measured()
    table = markdown_table(estimate_table([estimate(WARC, metric), estimate(WET, metric)]))
    docs = (ROOT / "docs/corpus.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- snapshot -->\n(.*?)\n<!-- /snapshot -->", docs, re.DOTALL)
    assert found, "docs/corpus.md has no table between <!-- snapshot --> and <!-- /snapshot -->"
    assert found[1] == table, "make it again: benchmarks/snapshot_table.py"
