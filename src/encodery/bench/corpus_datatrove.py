"""The peer: the same steps by what datatrove 0.10 ships, on its own local executor.

Reading is fastwarc (its own reader needs `libmagic` and runs at half the speed), extraction resiliparse without its
sandbox, languages `lid.176.ftz`: its own steps for these download models. Its filters and both kinds of duplicates
are its own, with a tokenizer of words that takes all languages. The order is that of FineWeb.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import regex
import xxhash
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
    SentenceDedupFilter,
    SentenceDedupSignature,
    SentenceFindDedups,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.dedup.sentence_dedup import SentDedupConfig
from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashes import xxhash as datatrove_xxhash
from datatrove.utils.word_tokenizers import WordTokenizer

from encodery.bench.corpus_worker import Order, Ran

BUCKETS = 14
CONFIDENCE = 0.5
_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}]+")
# datatrove 0.10.1 hands strings to xxhash, which takes bytes alone since 4.0
datatrove_xxhash.xxhash64 = lambda text: xxhash.xxh64_intdigest(text.encode("utf-8", "replace"))


class Words(WordTokenizer):  # type: ignore[misc]
    """Characters of scripts without spaces one by one, other words whole; sentences are lines."""

    def word_tokenize(self, text: str) -> list[str]:
        return list(_WORD.findall(text))

    def sent_tokenize(self, text: str) -> list[str]:
        return [line for line in text.split("\n") if line]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"[^\n]+", text)]


class Pages(PipelineStep):  # type: ignore[misc]
    """WARC files to documents of HTML; task i reads every file whose number is i, modulo the tasks."""

    name = "read"

    def __init__(self, crawl: str) -> None:
        super().__init__()
        self.crawl = crawl

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        from fastwarc.warc import ArchiveIterator, WarcRecordType

        for path in sorted(Path(self.crawl).glob("*.warc.gz"))[rank::world_size]:
            with path.open("rb") as file:
                for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
                    with self.track_time():
                        html = record.reader.read().decode("utf-8", "replace")
                        url = record.headers.get("WARC-Target-URI", "")
                        document = Document(html, f"{path.name}/{record.stream_pos}", metadata={"url": url})
                    yield document


class Extract(PipelineStep):  # type: ignore[misc]
    """HTML to text."""

    name = "extract"

    def run(self, data: Iterable[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        from resiliparse.extract.html2text import extract_plain_text

        for document in data:
            with self.track_time():
                document.text = extract_plain_text(document.text, main_content=True)
            if document.text:
                yield document


class Language(BaseFilter):  # type: ignore[misc]
    """The language of a document, and whether it is sure enough."""

    name = "language"

    def __init__(self, model: str) -> None:
        super().__init__()
        self.model = model
        self._identify: Any = None

    def filter(self, doc: Document) -> bool:
        self._identify = self._identify or identifier(self.model)
        language, score = self._identify(doc.text)
        doc.metadata |= {"language": language, "score": score}
        return bool(score >= CONFIDENCE)


def judges(names: Iterable[str]) -> list[BaseFilter]:
    """Its filters by name."""
    words = Words()
    known = {
        "gopher quality": GopherQualityFilter(min_stop_words=None, language=words),  # its stop words are English
        "gopher repetition": GopherRepetitionFilter(language=words),
        "fineweb": FineWebQualityFilter(language=words),
    }
    return [known[name] for name in names]


def identifier(model: str) -> Any:
    """A function from text to language and score: of a file in fastText's format, of py3langid without one."""
    if model:
        import fasttext

        loaded = fasttext.load_model(model)

        def identify(text: str) -> tuple[str, float]:
            labels, scores = loaded.predict(text.replace("\n", " ").encode("utf-8", "replace").decode())
            return labels[0].removeprefix("__label__"), float(scores[0])

        return identify
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).classify


def run(order: Order) -> Ran:
    """Leave what is kept in `work/kept`."""
    crawl, work = Path(order.crawl), Path(order.work)
    tasks = len(list(crawl.glob("*.warc.gz")))
    words, near = Words(), MinhashConfig(num_buckets=BUCKETS, hashes_per_bucket=8)
    lines = SentDedupConfig(n_sentences=1, split_sentences=False, min_doc_words=0, min_num_sentences=0)
    folder = {
        name: str(work / name) for name in ("text", "signed", "pairs", "gone", "single", "lines", "twice", "kept")
    }
    stages: list[tuple[int, list[Any]]] = [
        (
            tasks,
            [
                Pages(str(crawl)),
                Extract(),
                Language(order.model),
                *judges(order.filters),
                JsonlWriter(folder["text"]),
            ],
        ),
        (tasks, [JsonlReader(folder["text"]), MinhashDedupSignature(folder["signed"], near, words)]),
        (BUCKETS, [MinhashDedupBuckets(folder["signed"], folder["pairs"], config=near)]),
        (1, [MinhashDedupCluster(folder["pairs"], folder["gone"], near)]),
        (tasks, [JsonlReader(folder["text"]), MinhashDedupFilter(folder["gone"]), JsonlWriter(folder["single"])]),
        (tasks, [JsonlReader(folder["single"]), SentenceDedupSignature(folder["lines"], 1, lines, words)]),
        (1, [SentenceFindDedups(folder["lines"], folder["twice"], config=lines)]),
        (
            tasks,
            [
                JsonlReader(folder["single"]),
                SentenceDedupFilter(folder["twice"], lines, language=words),
                JsonlWriter(folder["kept"], output_filename="${language}/${rank}.jsonl.gz"),
            ],
        ),
    ]
    seconds: Counter[str] = Counter()
    for number, (count, steps) in enumerate(stages):
        stats = LocalPipelineExecutor(steps, count, order.workers, str(work / f"log{number}")).run()
        for step in stats.stats:
            seconds[step.name] += step.time_stats.total
    return Ran({name.rpartition(": ")[2]: number for name, number in seconds.items()})


def texts(work: Path) -> Iterator[str]:
    """The texts that are kept."""
    for path in sorted((work / "kept").rglob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["text"]
