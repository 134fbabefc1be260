"""Write the estimate for a snapshot of Common Crawl into docs/corpus.md, from the newest `results/*-corpus.jsonl`."""

import json
import re
from pathlib import Path

from encodery.bench.snapshot import WARC, WET, estimate, estimate_table
from encodery.report.tables import markdown_table

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs/corpus.md"


def main() -> None:
    """Replace what stands between the marks."""
    newest = sorted((HERE / "results").glob("*-corpus.jsonl"))[-1]
    lines = map(json.loads, newest.read_text(encoding="utf-8").splitlines())
    metric = next(line["metric"] for line in lines if line["case"] == "pipeline/datatrove")
    table = markdown_table(estimate_table([estimate(snapshot, metric) for snapshot in (WARC, WET)]))
    docs = DOCS.read_text(encoding="utf-8")
    marked = re.compile(r"(<!-- snapshot -->\n).*?(\n<!-- /snapshot -->)", re.DOTALL)
    DOCS.write_text(marked.sub(lambda found: found[1] + table + found[2], docs), encoding="utf-8")
    print(f"{DOCS} from {newest}")


if __name__ == "__main__":
    main()
