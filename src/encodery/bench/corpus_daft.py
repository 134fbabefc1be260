"""The peer: the same steps in Daft's data frames, on its native runner. It may run in another environment.

Reading, MinHash, joins and groups are Daft's; extraction is resiliparse, languages and filters are those of the
other peer, in user functions. Of documents that share a band the first is kept, of paragraphs the first copy.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import daft
import pyarrow.parquet as pq
from daft import DataType, col
from daft.functions import monotonically_increasing_id

from encodery.bench.corpus_datatrove import BUCKETS, CONFIDENCE, identifier, judges
from encodery.bench.corpus_worker import Order, Ran

_ROWS = 8
_NGRAM = 5
_LINES = 1 << 20
"""More lines than a document has."""
_LANGUAGE = DataType.struct({"language": DataType.string(), "score": DataType.float64()})


@daft.func(return_dtype=DataType.string())  # type: ignore[untyped-decorator,unused-ignore]
def text_of(content: bytes) -> str:
    """The text of an HTTP response."""
    from resiliparse.extract.html2text import extract_plain_text

    html = content.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")
    return str(extract_plain_text(html, main_content=True))


@daft.func(return_dtype=_LANGUAGE, unnest=True)  # type: ignore[untyped-decorator,unused-ignore]
def language_of(text: str, model: str) -> dict[str, Any]:
    """The language and how sure it is."""
    language, score = _identifier(model)(text)
    return {"language": language, "score": float(score)}


@daft.func(return_dtype=DataType.bool())  # type: ignore[untyped-decorator,unused-ignore]
def is_good(text: str, filters: str) -> bool:
    """Whether all filters keep it."""
    from datatrove.data import Document

    return all(judge.filter(Document(text, "")) is True for judge in _judges(filters))


@daft.func(return_dtype=DataType.list(DataType.int64()))  # type: ignore[untyped-decorator,unused-ignore]
def bands_of(hashes: list[int]) -> list[int]:
    """A number for each band of a signature."""
    return [hash((band, *hashes[band * _ROWS : (band + 1) * _ROWS])) for band in range(BUCKETS)]


@daft.func(return_dtype=DataType.list(DataType.int64()))  # type: ignore[untyped-decorator,unused-ignore]
def places_of(lines: list[str]) -> list[int]:
    """The number of each line."""
    return list(range(len(lines)))


@daft.func(return_dtype=DataType.string())  # type: ignore[untyped-decorator,unused-ignore]
def joined(lines: list[dict[str, Any]]) -> str:
    """Lines in order, as one text."""
    return "\n".join(line["line"] for line in sorted(lines, key=lambda line: line["place"]))


@cache
def _identifier(model: str) -> Any:
    return identifier(model)


@cache
def _judges(names: str) -> list[Any]:
    return judges([name for name in names.split(",") if name])


def run(order: Order) -> Ran:
    """Leave what is kept in `work/kept`. Daft runs all steps at the same time: no seconds for each."""
    daft.set_runner_native()
    pages = daft.read_warc(f"{order.crawl}/*.warc.gz").where(col("WARC-Type") == "response")
    texts = pages.select(text_of(col("warc_content")).alias("text")).where(col("text") != "")
    known = texts.select(col("text"), language_of(col("text"), order.model)).where(col("score") >= CONFIDENCE)
    if order.filters:
        known = known.where(is_good(col("text"), ",".join(order.filters)))
    documents = known.with_column("document", monotonically_increasing_id()).collect()
    signed = documents.select(
        "document",
        bands_of(
            col("text")
            .normalize(remove_punct=True, lowercase=True)
            .minhash(num_hashes=BUCKETS * _ROWS, ngram_size=_NGRAM)
        ).alias("band"),
    ).explode("band")
    firsts = signed.groupby("band").agg(col("document").min().alias("first"))
    copies = signed.join(firsts, on="band").where(col("first") < col("document")).select("document").distinct()
    single = documents.join(copies, on="document", how="anti")
    split = single.with_column("line", col("text").split("\n")).with_column("place", places_of(col("line")))
    lines = split.select("document", "language", "line", "place").explode("line", "place").where(col("line") != "")
    lines = lines.with_columns(
        {
            "hash": col("line").normalize(remove_punct=True, lowercase=True, nfd_unicode=True).hash(),
            "order": col("document") * _LINES + col("place"),
        }
    ).collect()
    kept = lines.join(lines.groupby("hash").agg(col("order").min().alias("least")), on="hash")
    kept = kept.where(col("order") == col("least"))
    line = daft.functions.to_struct(col("line"), col("place"))
    whole = kept.groupby("document", "language").agg(line.list_agg().alias("lines"))
    whole = whole.select("document", "language", joined(col("lines")).alias("text"))
    whole.write_parquet(str(Path(order.work) / "kept"), partition_cols=["language"])
    return Ran()


def texts(work: Path) -> Iterator[str]:
    """The texts that are kept."""
    for path in sorted((work / "kept").rglob("*.parquet")):
        yield from pq.read_table(path, columns=["text"])["text"].to_pylist()
