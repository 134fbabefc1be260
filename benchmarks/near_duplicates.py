"""How well near-duplicates are found: copies of real documents with planted edits, in many languages.

    python benchmarks/near_duplicates.py ../shared/data [--copies 120] [--datatrove]

Each copy is of another document and has a share of its words changed: `scattered`, single words replaced by words of
other documents of the language; `block`, one stretch replaced by a stretch of another document; `cut`, the end cut
off. The first two are 2 to 30 % of the words, as is what `cut` takes away. A copy is found if it is what goes.

Prints Markdown: recall by kind and share, beside what the formula of MinHash says of the pairs' exact similarity;
recall by language; what went that was not planted, with its exact similarity to the document that it went for; speed.
`--datatrove` also signs all documents with datatrove's own step, given the same words, and counts what it finds.
"""

import argparse
import csv
import gzip
import json
import random
import re
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from encodery.corpus.dedup.clusters import later_copies
from encodery.corpus.dedup.near import NearConfig, Signer, edges
from encodery.corpus.dedup.words import ngrams, words_of

SHARES = (0.02, 0.05, 0.1, 0.2, 0.3)
WORD = re.compile(r"\s*(?:[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]|[^\s\u0e00-\u0eff\u3040-\u9fff]+)")
LINES_TOGETHER = 12
MAX_PER_LANGUAGE = 260


@dataclass(frozen=True)
class Copy:
    """A planted copy of document `base`; its own number is its place behind all documents."""

    base: int
    kind: str
    share: float
    text: str


def documents(data: Path) -> Iterator[tuple[str, str]]:
    """Language and text of real documents."""
    for language in ("eng", "deu", "fra"):
        with tarfile.open(data / f"text/eltec/{language}.tar.gz") as archive:
            for member in archive.getmembers():
                if member.isfile() and member.name.endswith(".txt"):
                    file = archive.extractfile(member)
                    assert file is not None
                    yield from ((f"{language}, novels", text) for text in pieces(file.read().decode()))
    for language in ("eng", "fra", "yor", "sna", "ibo", "run", "pcm"):
        with gzip.open(data / f"classification/masakhanews/{language}/test.tsv.gz", "rt", newline="") as table:
            yield from ((f"{language}, news", row["text"]) for row in csv.DictReader(table, delimiter="\t"))
    for name in ("Ukranian-NT", "Gujarati-NT", "Swahili-NT", "Armenian-PART", "Estonian-PART"):
        with gzip.open(data / f"parallel/bible/{name}.xml.gz", "rt", encoding="utf-8") as bible:
            verses = re.findall(r"<seg[^>]*verse[^>]*>([^<]*)<", bible.read())
        yield from ((f"{name.split('-')[0]}, bible", text) for text in pieces("\n".join(map(str.strip, verses))))
    for language in ("zh", "ar", "hi"):
        content = json.loads(gzip.decompress((data / f"qa/xquad/xquad.{language}.json.gz").read_bytes()))
        yield from (
            (f"{language}, articles", paragraph["context"])
            for article in content["data"]
            for paragraph in article["paragraphs"]
        )


def pieces(text: str) -> Iterator[str]:
    """Documents of some lines each."""
    lines = [line for line in text.split("\n") if line.strip()]
    for first in range(0, len(lines), LINES_TOGETHER):
        yield "\n".join(lines[first : first + LINES_TOGETHER])


def edited(words: list[str], kind: str, share: float, others: list[str], rng: random.Random) -> list[str]:
    """A copy of a document's words."""
    count = max(1, round(share * len(words)))
    if kind == "cut":
        return words[:-count]
    if kind == "block":
        first = rng.randrange(len(words) - count + 1)
        start = rng.randrange(max(1, len(others) - count))
        return words[:first] + others[start : start + count] + words[first + count :]
    copy = list(words)
    for place in rng.sample(range(len(words)), count):
        copy[place] = rng.choice(others)
    return copy


def similarity(first: str, second: str, size: int) -> float:
    """Exact Jaccard similarity of the sets of runs of words."""
    a, b = (set(ngrams(words_of([text]), size, shorter=True)[0].tolist()) for text in (first, second))
    return len(a & b) / len(a | b)


def found(keys: np.ndarray) -> tuple[set[int], dict[int, int]]:
    """The documents that go, and for each pair's later document the earlier one."""
    pairs = []
    for band in range(keys.shape[1]):
        order = np.argsort(keys[:, band], kind="stable")
        pairs.append(edges(keys[order, band], order.astype(np.uint64)))
    joined = np.concatenate(pairs)
    with tempfile.TemporaryDirectory() as folder:
        (gone,) = later_copies([joined], [len(keys)], Path(folder, "parents"))
    return set(gone.tolist()), {int(later): int(earlier) for earlier, later in joined}


def datatrove_keys(texts: list[str], config: NearConfig) -> np.ndarray:
    """Bands as datatrove's step signs them, each made one number."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.word_tokenizers import WordTokenizer

    class OurWords(WordTokenizer):  # type: ignore[misc]
        def word_tokenize(self, text: str) -> list[str]:
            return [word.strip() for word in WORD.findall(text)]

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    settings = MinhashConfig(
        n_grams=config.words,
        num_buckets=config.bands,
        hashes_per_bucket=config.rows,
        hash_config=HashConfig(precision=64, hash_fc="sha1"),
    )
    step = MinhashDedupSignature("/tmp", settings, language=OurWords())
    keys = np.zeros((len(texts), config.bands), np.uint64)
    for number, text in enumerate(texts):
        runs = step.get_shingles(text)
        if runs.size:
            keys[number] = [hash(tuple(band)) & (2**64 - 1) for band in step.get_signature(runs)]
    return keys


def plant(texts: list[tuple[str, str]], copies: int, rng: random.Random) -> list[Copy]:
    """Copies of so many documents for each kind and share, of each document at most one."""
    bases = iter(rng.sample(range(len(texts)), len(texts)))
    by_language: dict[str, list[int]] = defaultdict(list)
    for number, (language, _) in enumerate(texts):
        by_language[language].append(number)
    planted = []
    for kind in ("scattered", "block", "cut"):
        for share in SHARES:
            for base in (next(bases) for _ in range(copies)):
                language, text = texts[base]
                other = rng.choice([number for number in by_language[language] if number != base])
                words = edited(WORD.findall(text), kind, share, WORD.findall(texts[other][1]), rng)
                planted.append(Copy(base, kind, share, "".join(words)))
    return planted


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and processor seconds."""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def report_cells(copies: list[Copy], gone: list[bool], likeness: list[float], config: NearConfig) -> None:
    print("| edit | share of words | exact similarity, mean | found | the formula says |\n|---|---|---|---|---|")
    cells = dict.fromkeys((copy.kind, copy.share) for copy in copies)
    for kind, share in cells:
        rows = [number for number, copy in enumerate(copies) if (copy.kind, copy.share) == (kind, share)]
        expected = [1 - (1 - likeness[row] ** config.rows) ** config.bands for row in rows]
        hit = sum(gone[row] for row in rows)
        mean = np.mean([likeness[row] for row in rows])
        print(f"| {kind} | {share:.0%} | {mean:.2f} | {hit / len(rows):.3f} | {np.mean(expected):.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--copies", type=int, default=120)
    parser.add_argument("--datatrove", action="store_true")
    options = parser.parse_args()
    rng, config = random.Random(20261123), NearConfig()
    by_language: dict[str, list[str]] = defaultdict(list)
    for language, text in documents(options.data):
        if len(WORD.findall(text)) >= 50:
            by_language[language].append(text)
    texts = [
        (language, text)
        for language, own in by_language.items()
        for text in (rng.sample(own, MAX_PER_LANGUAGE) if len(own) > MAX_PER_LANGUAGE else own)
    ]
    copies = plant(texts, options.copies, rng)
    everything = [text for _, text in texts] + [copy.text for copy in copies]
    size = sum(len(text.encode()) for text in everything) / 1e6
    Signer(config).bands(everything[:50])  # tables are made once
    keys, seconds = timed(lambda: Signer(config).bands(everything))
    gone, pairs = found(keys)
    hits = [len(texts) + number in gone for number in range(len(copies))]
    likeness = [similarity(texts[copy.base][1], copy.text, config.words) for copy in copies]
    print(
        f"{len(texts)} documents, {len(copies)} planted copies, {size:.1f} MB; signed at {size / seconds:.0f} MB/s\n"
    )
    report_cells(copies, hits, likeness, config)
    print("\n| language | documents | copies | found |\n|---|---|---|---|")
    for language, own in by_language.items():
        rows = [number for number, copy in enumerate(copies) if texts[copy.base][0] == language]
        hit = sum(hits[row] for row in rows)
        print(f"| {language} | {min(len(own), MAX_PER_LANGUAGE)} | {len(rows)} | {hit} |")
    print("\n| exact similarity of the pair | copies | found |\n|---|---|---|")
    for low, high in ((0.0, 0.3), (0.3, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01)):
        rows = [row for row, value in enumerate(likeness) if low <= value < high]
        hit = sum(hits[row] for row in rows)
        print(f"| {low} to {min(high, 1)} | {len(rows)} | {hit / max(len(rows), 1):.3f} |")
    others = sorted(number for number in gone if number < len(texts))
    near = sorted(similarity(texts[number][1], everything[pairs[number]], config.words) for number in others)
    print(f"\nPrecision: {sum(hits)} of {len(gone)} that went were planted; {len(others)} were not. Their exact")
    print(f"similarity to what they went for: {', '.join(f'{value:.2f}' for value in near)}")
    if options.datatrove:
        theirs, their_seconds = timed(lambda: datatrove_keys(everything, config))
        their_gone, _ = found(theirs)
        their_hits = [len(texts) + number in their_gone for number in range(len(copies))]
        print(
            f"\ndatatrove: {size / their_seconds:.1f} MB/s; found {sum(their_hits)} copies (ours {sum(hits)}), both "
        )
        print(f"{sum(a and b for a, b in zip(hits, their_hits, strict=True))}; not planted and gone: ", end="")
        print(len([number for number in their_gone if number < len(texts)]))


if __name__ == "__main__":
    main()
