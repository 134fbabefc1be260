"""Translation without pairs on Multi30k: its two halves, and what is to be beaten with them.

    python benchmarks/unsupervised.py split ../shared/data/parallel/multi30k runs/data/multi30k-halves
    encodery run recipes/multi30k-unsupervised.toml
    python benchmarks/unsupervised.py score ../shared/data/parallel/multi30k runs/multi30k-unsupervised

`split` writes the first half of the training captions in English and the second half in German. `score` prints, a
JSON line each, BLEU and chrF on test 2016 of copying, of translation word by word (by the word of the other half
whose vector in the pretrained model is the nearest, or by the one that is as frequent), of the model, and the curve
of its training. The signatures of the scores are printed with them.
"""

import argparse
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from encodery.artifact import read_manifest
from encodery.families.folder import ModelFolder, load_folder
from encodery.serve.predictor import load
from encodery.tasks.metrics import scores
from encodery.tasks.metrics.translation import translation_measurement, translation_signature
from encodery.train.log import read_log

WAYS = (("en", "de"), ("de", "en"))
HALVES = {"en": "first.en.txt", "de": "second.de.txt"}
WORD = re.compile(r"\w+|[^\w\s]")
OFTEN = 2
"""A word occurs so often in its half, or it has no part in the dictionary."""


def captions(path: Path) -> list[str]:
    """The lines of a file of the data set."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [line.strip() for line in file]


def split(data: Path, target: Path) -> None:
    """The halves, a document each line."""
    target.mkdir(parents=True, exist_ok=True)
    for language, name in HALVES.items():
        lines = captions(data / f"train.{language}.gz")
        half = len(lines) // 2
        kept = lines[:half] if language == "en" else lines[half:]
        (target / name).write_text("\n\n".join(filter(None, kept)) + "\n", encoding="utf-8")
        print(f"{target / name}: {len(kept):,} captions")


def words(text: str) -> list[str]:
    """The words and marks of a text."""
    return WORD.findall(text)


def written(some: Iterable[str]) -> str:
    """Words and marks as a text; marks stand behind words without a space."""
    return re.sub(r" ([^\w\s])", r"\1", " ".join(some))


def counted(lines: Iterable[str]) -> list[str]:
    """Words that occur more than once, the commonest first."""
    counts = Counter(word for line in lines for word in words(line))
    return [word for word, count in counts.most_common() if count >= OFTEN]


def by_frequency(here: Sequence[str], there: Sequence[str]) -> dict[str, str]:
    """The n-th word of the one for the n-th of the other."""
    return dict(zip(here, there, strict=False))


def by_vectors(here: Sequence[str], there: Sequence[str], folder: ModelFolder) -> dict[str, str]:
    """The nearest word by the mean of its tokens' vectors, what is near to all discounted (CSLS, Conneau et al. 2018,
    "Word translation without parallel data", section 2.3)."""
    table = folder.model.encoder.embeddings.word.weight.detach()

    def vectors(some: Sequence[str]) -> torch.Tensor:
        rows = [table[folder.tokenizer.cut(word).ids or [folder.tokenizer.unk_token_id]].mean(0) for word in some]
        stacked = torch.stack(rows)
        return torch.nn.functional.normalize(stacked - stacked.mean(0), dim=1)

    cosines = vectors(here) @ vectors(there).T
    near, far = cosines.topk(10, 1).values.mean(1), cosines.topk(10, 0).values.mean(0)
    best = (2 * cosines - near[:, None] - far[None]).argmax(1).tolist()
    return {word: there[place] for word, place in zip(here, best, strict=True)}


def score(data: Path, run: Path, halves: Path) -> None:
    """Baselines, the model and its curve."""
    text = {language: counted((halves / name).read_text().splitlines()) for language, name in HALVES.items()}
    pretrained = load_folder(run / "pretrain")
    for source, target in WAYS:
        given, right = (captions(data / f"test_2016_flickr.{side}.gz") for side in (source, target))
        dictionaries = {
            "word-by-word/frequency": by_frequency(text[source], text[target]),
            "word-by-word/vectors": by_vectors(text[source], text[target], pretrained),
        }
        show("copying", source, target, given, right)
        for name, dictionary in dictionaries.items():
            told = [written(dictionary.get(word, word) for word in words(line)) for line in given]
            show(name, source, target, told, right)
        model = load(run / "finetune/en-de/1")
        records = [{"text": line, "source_language": source, "target_language": target} for line in given]
        show("model", source, target, [said["translation"] for said in model.predict(records)], right)
    for line in read_log(run / "finetune/en-de/1/log.jsonl"):
        if line["event"] == "eval":
            print(json.dumps(line))
    manifest = read_manifest(run / "finetune/en-de/1")
    print(json.dumps({"signature": translation_signature(1), "best": manifest and manifest.metrics["best"]}))


def show(name: str, source: str, target: str, told: Sequence[str], right: Sequence[str]) -> None:
    """A line of figures and an example."""
    found = scores(translation_measurement(told, [right], target))
    figures = {key: round(value, 2) for key, value in found.items()}
    print(json.dumps({"way": f"{source}-{target}", "system": name, **figures, "said": told[0]}, ensure_ascii=False))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps: dict[str, Callable[[argparse.Namespace], None]] = {
        "split": lambda given: split(given.data, given.target),
        "score": lambda given: score(given.data, given.target, given.halves),
    }
    parser.add_argument("step", choices=steps)
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--halves", type=Path, default=Path("runs/data/multi30k-halves"))
    given = parser.parse_args()
    steps[given.step](given)


if __name__ == "__main__":
    main()
