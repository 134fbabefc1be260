"""How many planted test texts the step `decontaminate` finds, in which sets, and what it finds where none is planted.

    python benchmarks/decontamination.py ../shared/data [--texts 400]

Texts of published test sets are written into real documents of the same language or, where there are none, of others:
as they are; `edited`, in capitals where there are such, without punctuation and over two lines; `worded`, with one
word of ten replaced. Prints Markdown.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import regex
from near_duplicates import WORD, documents

from encodery.corpus.dedup.decontaminate import DecontaminateConfig, DecontaminateStep
from encodery.corpus.dedup.words import words_of
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page

SETS = [
    *({"path": f"qa/xquad/xquad.{code}.json.gz", "fields": ["question"]} for code in ("en", "de", "zh", "ar", "hi")),
    {"path": "qa/squad-v1.1/dev-v1.1.json.gz", "name": "squad-contexts", "fields": ["context"]},
    {"path": "nli/xnli/sw.test.tsv.gz", "name": "xnli-sw"},
    {"path": "nli/ocnli/dev.json.gz", "name": "ocnli-zh", "fields": ["sentence1", "sentence2"]},
    {
        "path": "nli/sick/SICK_test_annotated.txt.gz",
        "name": "sick",
        "format": "tsv",
        "fields": ["sentence_A", "sentence_B"],
    },
    {"path": "classification/sst2/test.tsv.gz", "name": "sst2"},
    {"path": "ner/masakhaner2/yor/test.txt.gz", "format": "conll", "name": "masakhaner2-yor"},
]
CLEAN_MEGABYTES = 20


def variants(text: str, rng: random.Random) -> dict[str, str]:
    """The ways in which a test text is written into a document."""
    plain = regex.sub(r"\p{P}", " ", text.upper())
    words = WORD.findall(text)
    for place in rng.sample(range(len(words)), max(1, len(words) // 10)):
        words[place] = " other"
    return {"as it is": text, "edited": plain.replace(" ", "\n", 1), "worded": "".join(words)}


def dropped(step: DecontaminateStep, texts: list[str]) -> int:
    """How many of these documents the step drops."""
    pages = [Page(text, f"planted!{number}") for number, text in enumerate(texts)]
    step(pages, Ledger())
    return sum(bool(page.dropped) for page in pages)


def planted(step: DecontaminateStep, data: Path, around: list[str], count: int, rng: random.Random) -> None:
    """A row for each set: which share of its texts is found."""
    print("| test set | texts | of them long enough | as it is | edited | worded |\n|---|---|---|---|---|---|")
    for entry in step.config.against:
        found = sorted({text for text in entry.texts(data) if text.strip()})
        words = words_of(found)
        counts = np.diff(words.text_starts)
        alone = np.diff(np.concatenate([[0], np.cumsum(words.alone)])[words.text_starts])
        needed = np.where(2 * alone > counts, 12, 8)
        usable = [text for text, enough in zip(found, counts >= needed, strict=True) if enough]
        chosen = rng.sample(usable, min(count, len(usable)))
        rows: dict[str, list[str]] = {}
        for text in chosen:
            before, after = rng.choice(around), rng.choice(around)
            for kind, changed in variants(text, rng).items():
                rows.setdefault(kind, []).append(f"{before}\n{changed}. {after}")
        shares = " | ".join(f"{dropped(step, texts) / len(texts):.3f}" for texts in rows.values())
        print(f"| {entry.label} | {len(found)} | {len(usable)} | {shares} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--texts", type=int, default=400)
    options = parser.parse_args()
    rng = random.Random(20261123)
    step = DecontaminateStep(DecontaminateConfig.parse({"against": SETS}, "benchmark"), options.data)
    start = time.process_time()
    step([Page("warm", "x")], Ledger())
    print(f"All texts of the sets read and indexed: {time.process_time() - start:.1f} s\n")
    clean: list[Page] = []
    size = 0
    for language, text in documents(options.data):
        if "articles" not in language and size < CLEAN_MEGABYTES * 1e6:
            clean.append(Page(text, f"{language}!{len(clean)}", language=language))
            size += len(text.encode())
    ledger = Ledger()
    start = time.process_time()
    for first in range(0, len(clean), 500):
        step(clean[first : first + 500], ledger)
    seconds = time.process_time() - start
    around = [page.text[:500] for page in clean if not page.dropped][:2000]
    planted(step, options.data, around, options.texts, rng)
    gone = [page for page in clean if page.dropped]
    print(f"\n{len(clean)} documents without planted texts, {size / 1e6:.0f} MB: {size / seconds / 1e6:.0f} MB/s;")
    print(f"{len(gone)} dropped:")
    for page in gone:
        print(f"- {page.dropped}: {page.source}")


if __name__ == "__main__":
    main()
