"""MB of text per second and core of what finds duplicates, on novels in three languages and on the text of web pages.

    python benchmarks/dedup_speed.py ../shared/data

Processor time, the best of five rounds; batches of 500 documents, as the pipeline has them. Prints Markdown. `sha1`
is what hashing the normal forms costs by itself: the floor for `paragraph_hashes`.
"""

import argparse
import random
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha1
from pathlib import Path

from near_duplicates import pieces
from resiliparse.extract.html2text import extract_plain_text

from encodery.corpus.dedup.decontaminate import DecontaminateConfig, DecontaminateStep
from encodery.corpus.dedup.near import NearConfig, Signer
from encodery.corpus.dedup.normal_form import normal_forms, paragraph_hashes
from encodery.corpus.dedup.words import words_of
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page

DOCUMENTS, BATCH, ROUNDS = 3000, 500, 5
EVALUATION = {"path": "qa/squad-v1.1/dev-v1.1.json.gz", "fields": ["question", "context"]}


def sets(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Names and documents."""
    for language in ("eng", "deu", "fra"):
        with tarfile.open(data / f"text/eltec/{language}.tar.gz") as archive:
            files = [archive.extractfile(member) for member in archive.getmembers() if member.name.endswith(".txt")]
            texts = [piece for file in files if file for piece in pieces(file.read().decode())]
        yield f"novels, {language}", random.Random(1).sample(texts, DOCUMENTS)
    texts = []
    with tarfile.open(data / "web/trafilatura-eval/html.tar.gz") as archive:
        for file in (archive.extractfile(member) for member in archive.getmembers() if member.isfile()):
            assert file is not None
            lines = extract_plain_text(file.read().decode("utf-8", "replace")).split("\n")
            texts.append("\n".join(line for line in lines if line.strip()))
    yield "web pages", [text for text in texts if text]


def rate(function: Callable[[Sequence[Page]], object], batches: list[list[Page]], size: float) -> float:
    """MB/s."""
    function(batches[0])
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for batch in batches:
            function(batch)
        rounds.append(time.process_time() - start)
    return size / min(rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    signer = Signer(NearConfig())
    clean = DecontaminateStep(DecontaminateConfig.parse({"against": [EVALUATION]}, "benchmark"), options.data)

    def paragraphs(batch: Sequence[Page]) -> list[str]:
        return [paragraph for page in batch for paragraph in page.paragraphs]

    def hashed(batch: Sequence[Page]) -> list[bytes]:
        return [sha1(paragraph.encode(), usedforsecurity=False).digest() for paragraph in paragraphs(batch)]

    functions: dict[str, Callable[[Sequence[Page]], object]] = {
        "sha1": hashed,
        "normal_forms": lambda batch: normal_forms(paragraphs(batch)),
        "paragraph_hashes": lambda batch: paragraph_hashes(paragraphs(batch)),
        "words_of": lambda batch: words_of([page.text for page in batch]),
        "Signer": signer,
        "DecontaminateStep": lambda batch: clean(batch, Ledger()),
    }
    print(f"| text | MB | bytes per paragraph | {' | '.join(functions)} |\n|{'---|' * (len(functions) + 3)}")
    for name, texts in sets(options.data):
        pages = [Page(text, f"{name}!{number}") for number, text in enumerate(texts)]
        batches = [pages[first : first + BATCH] for first in range(0, len(pages), BATCH)]
        size = sum(len(text.encode()) for text in texts) / 1e6
        length = size * 1e6 / sum(text.count("\n") + 1 for text in texts)
        rates = [f"{rate(function, batches, size):.0f}" for function in functions.values()]
        print(f"| {name} | {size:.1f} | {length:.0f} | {' | '.join(rates)} |")


if __name__ == "__main__":
    main()
