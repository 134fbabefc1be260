"""Validates real labelled sets as `encodery validate` does: findings by set and code, time, memory.

    python benchmarks/validate_shared.py DATA_FOLDER [SET...] [--findings FILE]
    python benchmarks/validate_shared.py --rows 1000000

DATA_FOLDER has `classification`, `nli`, `ner` and `qa` with the published files. `--findings` also writes every
finding, as JSON Lines, for looking at them. `--rows` takes invented texts instead, a hundredth of which is there
twice: what does memory do?
"""

import argparse
import csv
import gzip
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from encodery.data.examples import read_records
from encodery.data.validation.columns import Columns
from encodery.data.validation.printing import json_line
from encodery.data.validation.survey import Options, Survey
from encodery.data.validation.validating import Split, findings_of, judged_rows, survey_of

Records = Iterator[tuple[str, dict[str, Any]]]
Reader = Callable[[Path], Records]


def table(path: Path, quoting: Literal[0, 3] = csv.QUOTE_NONE) -> Records:
    """A tab-separated file with a header."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=quoting)
        for row in rows:
            yield f"{path}:{rows.line_num}", row


def lines(path: Path) -> Records:
    """JSON Lines."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            yield f"{path}:{number}", json.loads(line)


def columns(path: Path) -> Records:
    """CoNLL: a token a line (an index may go before it), its tag last, a blank line between sentences."""
    tokens: list[str] = []
    tags: list[str] = []
    start = 1
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        for number, line in enumerate([*file, "\n"], start=1):
            cells = line.rstrip("\r\n").split("\t" if "\t" in line else " ")
            if line.strip():
                start = start if tokens else number
                tokens.append(cells[-2])
                tags.append(cells[-1])
            elif tokens:
                yield f"{path}:{start}", {"tokens": tokens, "tags": tags}
                tokens, tags = [], []


def squad(path: Path, keep: Collection[str] | None = None) -> Records:
    """SQuAD's JSON, of all questions or those with these ids; the source is the question's id."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"]
    for article in articles:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                if keep is None or question["id"] in keep:
                    answers = question["answers"]
                    record = {key: question[key] for key in ("id", "question")} | {"context": paragraph["context"]}
                    record["answers"] = {key: [a[key] for a in answers] for key in ("text", "answer_start")}
                    yield f"{path}#{question['id']}", record


def invented(rows: int) -> Records:
    """Texts of nine words, every hundredth as the one before it."""
    for number in range(rows):
        draw = random.Random(number - (number % 100 == 99))
        text = " ".join(f"word{draw.randrange(50_000)}" for _ in range(9))
        yield f"train.jsonl:{number + 1}", {"text": text, "label": "ab"[number // 2 % 2]}


def named(folder: Path, pattern: str, reader: Reader, **splits: str) -> list[Split]:
    """The splits whose files are there."""
    paths = {name: folder / pattern.format(part) for name, part in splits.items()}
    return [Split(name, partial(reader, path)) for name, path in paths.items() if path.exists()]


def data_sets(data: Path) -> Iterator[tuple[str, list[Split], Options]]:
    """Every set, with what its columns mean."""
    usual = {"train": "train", "dev": "dev", "test": "test"}
    topic = Options(columns=Columns({"label": "category"}))
    yield "sst2", named(data / "classification/sst2", "{}.tsv.gz", table, **usual), _options(text="sentence")
    for language in ("hau", "yor", "pcm", "por"):
        splits = named(data / "classification/afrisenti" / language, "{}.tsv.gz", table, **usual)
        yield f"afrisenti-{language}", splits, _options(text="tweet")
    for language in ("eng", "fra", "ibo", "pcm", "run", "sna", "yor"):
        reader = partial(table, quoting=csv.QUOTE_MINIMAL)
        splits = named(data / "classification/masakhanews" / language, "{}.tsv.gz", reader, **usual)
        yield f"masakhanews-{language}", splits, topic
    sick = {"text": "sentence_A", "text_pair": "sentence_B"}
    parts = {"train": "train", "dev": "trial", "test": "test_annotated"}
    splits = named(data / "nli/sick", "SICK_{}.txt.gz", table, **parts)
    yield "sick-entailment", splits, _options(**sick, label="entailment_judgment")
    yield "sick-relatedness", splits, _options(**sick, label="relatedness_score")
    pair = {"text": "sentence1", "text_pair": "sentence2"}
    yield "ocnli", named(data / "nli/ocnli", "{}.json.gz", lines, train="train.10k", dev="dev"), _options(**pair)
    for language in ("en", "sw"):
        columns_of = {"text": f"sentence1_{language}", "text_pair": f"sentence2_{language}"}
        splits = named(data / "nli/xnli", language + ".{}.tsv.gz", table, dev="dev", test="test")
        yield f"xnli-{language}", splits, _options(**columns_of)
    for name, first in (("wikiann", "train"), ("wikineural", "none")):
        for language in ("en", "de", "es", "nl"):
            splits = named(
                data / "ner" / name / language, "{}.conllu.gz", columns, train=first, dev="val", test="test"
            )
            if splits:
                yield f"{name}-{language}", splits, Options()
    for language in ("hau", "ibo", "pcm", "swa", "wol", "yor", "zul"):
        yield (
            f"masakhaner2-{language}",
            named(data / "ner/masakhaner2" / language, "{}.txt.gz", columns, **usual),
            Options(),
        )
    yield from _questions(data / "qa")
    yield from _translations(data / "parallel")


def _translations(data: Path) -> Iterator[tuple[str, list[Split], Options]]:
    parts = {"train": "train", "dev": "val", "test": "test_2016_flickr", "test17": "test_2017_flickr"}
    for language in ("de", "fr"):
        files = {name: data / f"multi30k/{part}.{{en,{language}}}.gz" for name, part in parts.items()}
        splits = [Split(name, partial(read_records, path)) for name, path in files.items()]
        yield f"multi30k-en-{language}", splits, Options()
    for folder in sorted((data / "mafand").iterdir()):
        if folder.is_dir():
            usual = {"train": "train", "dev": "dev", "test": "test"}
            yield f"mafand-{folder.name}", named(folder, "{}.json.gz", lines, **usual), Options()


def _questions(data: Path) -> Iterator[tuple[str, list[Split], Options]]:
    split = json.loads((data / "squad-v1.1/article_split.json").read_text())
    path = data / "squad-v1.1/dev-v1.1.json.gz"
    parts = [Split(name, partial(squad, path, set(split[name]))) for name in ("train", "dev")]
    yield "squad", parts, Options()
    for language in ("en", "de", "es", "ar", "hi", "zh"):
        yield (
            f"xquad-{language}",
            [Split("test", partial(squad, data / f"xquad/xquad.{language}.json.gz"))],
            Options(),
        )
    pivot = _options(question="question_translated", answers="answer_pivot")
    for language in ("hau", "ibo", "swa", "yor", "zul"):
        name = f"gold_span_passages.afriqa.{language}.en." + "{}.json.gz"
        yield f"afriqa-{language}", named(data / "afriqa", name, lines, train="train", dev="dev", test="test"), pivot


def _options(**names: str) -> Options:
    return Options(columns=Columns(names))


def measure(
    splits: list[Split], options: Options, write: Callable[[str], object]
) -> tuple[Survey, Counter[str], float]:
    """All findings of a set: counts by code, and seconds."""
    begin = time.perf_counter()
    survey = survey_of(splits, options)
    codes: Counter[str] = Counter()
    for row in judged_rows(splits, survey):
        for finding in findings_of(row, survey):
            codes[finding.code] += 1
            write(json_line(finding) + "\n")
    return survey, codes, time.perf_counter() - begin


def main() -> None:
    """One Markdown row a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("sets", nargs="*", help="only those whose names begin so")
    parser.add_argument("--findings", type=Path, default=Path("/dev/null"))
    parser.add_argument("--rows", type=int, default=0)
    arguments = parser.parse_args()
    sets = [(f"{arguments.rows:,} rows", [Split("train", partial(invented, arguments.rows))], Options())]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with arguments.findings.open("w", encoding="utf-8") as file:
        for name, splits, options in data_sets(arguments.data) if arguments.data else sets:
            if splits and (not arguments.sets or name.startswith(tuple(arguments.sets))):
                survey, codes, seconds = measure(splits, options, file.write)
                print(_row(name, survey.sizes, codes, seconds), flush=True)
    print(f"memory before {before / 1024:.0f} MiB,", end=" ")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def _row(name: str, sizes: Mapping[str, int], codes: Counter[str], seconds: float) -> str:
    parts = ", ".join(f"{split} {size:,}" for split, size in sizes.items())
    found = ", ".join(f"{code} {count:,}" for code, count in sorted(codes.items()))
    return f"| {name} | {parts} | {found or 'nothing'} | {seconds:.1f} |"


if __name__ == "__main__":
    main()
