"""The data of `recipes/squad-minilm.toml`: the articles of SQuAD v1.1, cut in train and dev, and QAMR.

    python benchmarks/squad_split.py DATA_FOLDER TARGET_FOLDER

DATA_FOLDER has `squad-v1.1` (the dev set and `article_split.json`) and `qamr`, as `../shared/data/qa`. The target
gets `train.jsonl` and `dev.jsonl`, rows of SQuAD, whose articles differ. QAMR goes to train alone: its sentences come
as words, which are written as people write them, and of its answers those that are words in a row.
"""

import argparse
import gzip
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

Row = dict[str, Any]
MARKS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "``": '"', "''": '"'}
CLOSING = {",", ".", ";", ":", "?", "!", ")", "]", "%", "'s", "n't", "'", "'re", "'ve", "'ll", "'d", "'m"}
"""Words that no space comes before."""
OPENING = {"(", "[", "$", "#"}
"""Words that none comes behind."""


def squad(folder: Path, part: str) -> Iterator[Row]:
    """The questions of a part of the split."""
    wanted = set(json.loads((folder / "article_split.json").read_text())[part])
    with gzip.open(folder / "dev-v1.1.json.gz", "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"]
    for article in articles:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                if asked["id"] in wanted:
                    yield row(asked["id"], asked["question"], paragraph["context"], asked["answers"])


def row(identifier: str, question: str, context: str, answers: list[dict[str, Any]]) -> Row:
    """As the `datasets` library has it."""
    table = {key: [answer[key] for answer in answers] for key in ("text", "answer_start")}
    return {"id": identifier, "question": question, "context": context, "answers": table}


def written(words: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """Words as a text, and where each one is in it; the second of two quotation marks closes."""
    text, spans, quoted, before = "", [], False, ""
    for word in words:
        opens = word == "``" or (word == '"' and not quoted)
        closes = word == "''" or (word == '"' and quoted)
        quoted = opens or (quoted and not closes)
        if text and not closes and word not in CLOSING and before not in OPENING | {"``"}:
            text += " "
        shown = MARKS.get(word, word)
        spans.append((len(text), len(text) + len(shown)))
        text += shown
        before = "``" if opens else MARKS.get(word, word)
    return text, spans


def qamr(folder: Path) -> Iterator[Row]:
    """Each question with the answer that its asker gave."""
    sentences = {}
    with gzip.open(folder / "wiki-sentences.tsv.gz", "rt", encoding="utf-8") as file:
        for line in file:
            identifier, words = line.rstrip("\n").split("\t")
            sentences[identifier] = written(words.split(" "))
    with gzip.open(folder / "dev.tsv.gz", "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            fields = line.rstrip("\n").split("\t")
            places = sorted(map(int, fields[6].split()))
            if not places or any(after - place != 1 for place, after in pairwise(places)):
                continue
            context, spans = sentences[fields[0]]
            start, end = spans[places[0]][0], spans[places[-1]][1]
            yield row(f"qamr-{number}", fields[5], context, [{"text": context[start:end], "answer_start": start}])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    arguments.target.mkdir(parents=True, exist_ok=True)
    folder = arguments.data / "squad-v1.1"
    parts = {"train": [*squad(folder, "train"), *qamr(arguments.data / "qamr")], "dev": [*squad(folder, "dev")]}
    for name, rows in parts.items():
        path = arguments.target / f"{name}.jsonl"
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in rows), encoding="utf-8")
        print(f"{path}: {len(rows):,} questions")


if __name__ == "__main__":
    main()
