"""Fine-tuning beside `transformers`: the same checkpoint, data, epochs, learning rate, seeds; scores and wall time.

python benchmarks/finetuning.py RECIPE NAME [--seeds 1 2 3] [--precision bf16|fp32] [--epochs N] [--only ours|peer]
        [--read-by-peer]

`[finetune.NAME]` is run as it stands, in a folder of its own, and scored on its test file. The peer is the Trainer
of `transformers` as its example scripts set it up (`run_glue.py`, `run_ner.py`, `run_qa.py`: padding to the longest
text of a batch, tags on the first piece of a word, long contexts in windows), with batches of as many texts as ours
hold on average: as many steps for both. The two take turns, seed by seed. The time is that of everything: files
read, encoded, trained, test file scored, and the processor's beside it, which other work disturbs less. A JSON line
for each run, then one with the means and the ratios of the times. `--read-by-peer` tells training from decoding: the
model that ours trained, opened by `transformers` and scored as the peer is.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import transformers
from rich.console import Console

from encodery.data.examples import Example
from encodery.data.questions import QuestionExample
from encodery.data.tagged import TaggedExample, tags_of
from encodery.recipe import FinetuneTable, load_recipe, resolve
from encodery.stages import open_run, run
from encodery.stages.finetuning import read_split
from encodery.stages.graph import stages_of
from encodery.tasks.metrics import AnswerRules, answer_scores, chunks, entity_scores

SCORES = {
    "text-classification": ("accuracy", "pearson"),
    "token-classification": ("f1",),
    "question-answering": ("f1", "exact_match"),
}
LONGEST_ANSWER, BEST = 30, 20
"""As `run_qa.py` has them: tokens of an answer, and ends that are looked at."""
Line = dict[str, Any]
Scoring = Callable[[np.ndarray], Line]


def main() -> None:
    """Both sides for every seed."""
    arguments = _arguments()
    lines: list[Line] = []
    for seed in arguments.seeds:
        for side, measure in (("ours", ours), ("peer", peer)):
            if arguments.only not in (None, side):
                continue
            with tempfile.TemporaryDirectory(prefix="encodery-finetuning-") as folder:
                started, computed = time.perf_counter(), time.process_time()
                scores = measure(arguments, seed, Path(folder))
                spent = {
                    "seconds": time.perf_counter() - started,
                    "cpu_seconds": time.process_time() - computed,
                }
                lines.append({"side": side, "seed": seed, **scores, **spent})
                if side == "ours" and arguments.read_by_peer:
                    lines[-1]["read_by_peer"] = read_by_peer(arguments, seed, Path(folder))
            print(json.dumps(lines[-1]), flush=True)
    if arguments.only is None:
        print(json.dumps(summary(lines)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("name")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--epochs", type=int, help="in the place of the recipe's")
    parser.add_argument("--only", choices=("ours", "peer"))
    parser.add_argument("--read-by-peer", action="store_true", help="score our model by the peer's script as well")
    return parser.parse_args()


def summary(lines: Sequence[Line]) -> Line:
    """Means of the two sides, and how many times as long the peer took."""
    sides = {side: [line for line in lines if line["side"] == side] for side in ("ours", "peer")}
    means = {
        f"{side}_{key}": statistics.mean(line[key] for line in found)
        for side, found in sides.items()
        for key in found[0]
        if key not in ("side", "seed", "steps", "read_by_peer")
    }
    ratios = {f"ratio_{unit}": means[f"peer_{unit}"] / means[f"ours_{unit}"] for unit in ("seconds", "cpu_seconds")}
    return {**means, **ratios}


def ours(arguments: argparse.Namespace, seed: int, work: Path) -> Line:
    """The recipe's stage, evaluated once."""
    name = arguments.name
    overrides = [
        f"output={json.dumps(str(work))}",
        f"finetune.{name}.seeds=[{seed}]",
        f"finetune.{name}.precision={arguments.precision}",
        f"finetune.{name}.evaluate_every=1000000000",
        *changed(arguments),
    ]
    recipe = load_recipe(arguments.recipe, overrides)
    opened = open_run(recipe, arguments.recipe, Console(quiet=True))
    stage = f"finetune.{name}.{seed}"
    run(opened, [entry for entry in stages_of(opened) if entry.name == stage])
    metrics = json.loads((opened.artifact(stage) / "encodery.json").read_text())["metrics"]
    keys = SCORES[recipe.finetune[name].task.type]
    return {**{key: metrics["test"][key] for key in keys if key in metrics["test"]}, "steps": metrics["steps"]}


def changed(arguments: argparse.Namespace) -> list[str]:
    """What both sides have otherwise than the recipe."""
    return [] if arguments.epochs is None else [f"finetune.{arguments.name}.epochs={arguments.epochs}"]


def peer(arguments: argparse.Namespace, seed: int, work: Path) -> Line:
    """The Trainer over the same files."""
    table, rows, model, collator, score = prepared(arguments)
    batch_size = max(1, round(table.tokens_per_step / statistics.mean(len(row["input_ids"]) for row in rows[0])))
    options = transformers.TrainingArguments(
        str(work),
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=64,
        num_train_epochs=table.epochs,
        learning_rate=table.optimizer.lr,
        warmup_steps=table.optimizer.warmup_ratio,  # below one it is a share of all steps
        weight_decay=table.optimizer.weight_decay,
        adam_epsilon=table.optimizer.eps,
        seed=seed,
        bf16=arguments.precision == "bf16",
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        logging_steps=100_000,
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(model, options, train_dataset=rows[0], data_collator=collator)
    trainer.train()
    return {**score(trainer.predict(rows[1]).predictions), "steps": trainer.state.global_step}


def prepared(
    arguments: argparse.Namespace, folder: Path | None = None
) -> tuple[FinetuneTable, Any, Any, Any, Scoring]:
    """Rows, model, collator and scoring of the peer, over the recipe's checkpoint or a folder of ours."""
    recipe = load_recipe(arguments.recipe, changed(arguments))
    table = recipe.finetune[arguments.name]
    model_path = folder or resolve(table.source, arguments.recipe.parent)
    with tempfile.TemporaryDirectory(prefix="encodery-finetuning-") as name:
        opened = open_run(recipe.model_copy(update={"output": name}), arguments.recipe, Console(quiet=True))
        train, test = (read_split(opened, table, split) for split in ("train", "test"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_path)
    return table, *PEERS[table.task.type](table, train, test, model_path, tokenizer)


def read_by_peer(arguments: argparse.Namespace, seed: int, work: Path) -> Line:
    """The score of the model that ours has just trained, as the peer's script decodes it."""
    name = arguments.name
    (folder,) = work.glob(f"**/finetune/{name}/{seed}")
    _, rows, model, collator, score = prepared(arguments, folder)
    options = transformers.TrainingArguments(
        str(work / "peer"), per_device_eval_batch_size=64, use_cpu=True, report_to=[], disable_tqdm=True
    )
    trainer = transformers.Trainer(model, options, data_collator=collator)
    return score(trainer.predict(rows[1]).predictions)


def labelled(
    table: FinetuneTable, train: Sequence[Example], test: Sequence[Example], model_path: Path, tokenizer: Any
) -> tuple[Any, Any, Any, Scoring]:
    """Rows, model, collator and scoring of a classification or regression."""
    numbers = table.task.problem_type == "regression"  # type: ignore[union-attr]
    names = [] if numbers else sorted({str(example.label) for example in train})

    def target(label: Any) -> float:
        return float(label) if numbers else names.index(str(label))

    def rows(examples: Sequence[Example]) -> list[Line]:
        pairs = [(example.text, example.text_pair) for example in examples]
        encoded = [tokenizer(*pair, truncation=True, max_length=table.task.max_seqlen) for pair in pairs]
        return [{**row, "labels": target(example.label)} for row, example in zip(encoded, examples, strict=True)]

    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        model_path, num_labels=len(names) or 1, problem_type="regression" if numbers else None
    )
    true = np.array([target(example.label) for example in test])

    def score(logits: np.ndarray) -> Line:
        if numbers:
            return {"pearson": float(np.corrcoef(logits[:, 0], true)[0, 1])}
        return {"accuracy": float((logits.argmax(-1) == true).mean())}

    return (rows(train), rows(test)), model, transformers.DataCollatorWithPadding(tokenizer), score


def tagged(
    table: FinetuneTable,
    train: Sequence[TaggedExample],
    test: Sequence[TaggedExample],
    model_path: Path,
    tokenizer: Any,
) -> tuple[Any, Any, Any, Scoring]:
    """The same of entities in words: the first piece of a word has its tag, the others none."""
    labels = sorted({entity.label for example in train for entity in example.entities or ()})
    names = ["O", *(f"{kind}-{label}" for label in labels for kind in "BI")]

    def row(example: TaggedExample) -> Line:
        words = [example.text[start:end] for start, end in example.words or ()]
        tags = tags_of(example.words or (), example.entities or ())
        encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=table.task.max_seqlen)
        places = encoded.word_ids()
        before = [None, *places[:-1]]
        targets = [
            -100 if word is None or word == last else names.index(tags[word])
            for word, last in zip(places, before, strict=True)
        ]
        return {**encoded, "labels": targets}

    rows = [row(example) for example in train], [row(example) for example in test]
    model = transformers.AutoModelForTokenClassification.from_pretrained(model_path, num_labels=len(names))

    def score(logits: np.ndarray) -> Line:
        found, true = [], []
        for guesses, example, item in zip(logits.argmax(-1), test, rows[1], strict=True):
            labels = np.array(item["labels"])
            found.append(chunks([names[index] for index in guesses[: len(labels)][labels != -100]]))
            true.append(chunks(tags_of(example.words or (), example.entities or ())))
        return {"f1": entity_scores(found, true)["f1"]}

    return rows, model, transformers.DataCollatorForTokenClassification(tokenizer), score


def asked(
    table: FinetuneTable,
    train: Sequence[QuestionExample],
    test: Sequence[QuestionExample],
    model_path: Path,
    tokenizer: Any,
) -> tuple[Any, Any, Any, Scoring]:
    """The same of questions: each window of a context is a row, the answer of a question the best of its windows."""

    def windows(examples: Sequence[QuestionExample]) -> Any:
        return tokenizer(
            [example.question.strip() for example in examples],
            [example.context for example in examples],
            truncation="only_second",
            max_length=table.task.max_seqlen,
            stride=table.task.max_seqlen // 3,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )

    def rows(examples: Sequence[QuestionExample], encoded: Any) -> list[Line]:
        found = []
        for number, owner in enumerate(encoded["overflow_to_sample_mapping"]):
            context = np.array(encoded.sequence_ids(number), object) == 1
            start, end = bounds(encoded["offset_mapping"][number], context, examples[owner].answers)
            row = {key: encoded[key][number] for key in ("input_ids", "token_type_ids", "attention_mask")}
            found.append({**row, "start_positions": start, "end_positions": end})
        return found

    encoded = windows(test)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(model_path)

    def score(logits: tuple[np.ndarray, np.ndarray]) -> Line:
        answers: list[tuple[float, str]] = [(-np.inf, "")] * len(test)
        for number, owner in enumerate(encoded["overflow_to_sample_mapping"]):
            context = [part == 1 for part in encoded.sequence_ids(number)]
            starts, ends = (part[number][: len(context)] for part in logits)
            points, first, last = best_span(starts, ends, np.array(context))
            offsets = encoded["offset_mapping"][number]
            said = test[owner].context[offsets[first][0] : offsets[last][1]]
            answers[owner] = max(answers[owner], (points, said))
        right = [[answer.text for answer in example.answers or ()] for example in test]
        found = answer_scores([said for _, said in answers], right, AnswerRules())
        return {key: found[key] for key in SCORES["question-answering"]}

    collator = transformers.DataCollatorWithPadding(tokenizer)
    return (rows(train, windows(train)), rows(test, encoded)), model, collator, score  # type: ignore[return-value]


def bounds(offsets: Any, context: np.ndarray, answers: Sequence[Any] | None) -> tuple[int, int]:
    """The tokens that the first answer begins and ends with; the first token twice if it is not in the window."""
    places = np.flatnonzero(context)
    if not answers or not len(places):
        return 0, 0
    spans = np.array(offsets)[places]
    first = np.searchsorted(spans[:, 0], answers[0].start, "right") - 1
    last = np.searchsorted(spans[:, 1], answers[0].end, "left")
    if first < 0 or last >= len(places) or answers[0].start >= spans[-1, 1]:
        return 0, 0
    return int(places[first]), int(places[last])


def best_span(starts: np.ndarray, ends: np.ndarray, context: np.ndarray) -> tuple[float, int, int]:
    """The best pair of a likely start and a likely end within the context, and its logits' sum."""
    pairs = [
        (float(starts[first] + ends[last]), int(first), int(last))
        for first in np.argsort(starts)[::-1][:BEST]
        for last in np.argsort(ends)[::-1][:BEST]
        if context[first] and context[last] and first <= last < first + LONGEST_ANSWER
    ]
    return max(pairs, default=(-np.inf, 0, 0))


PEERS: dict[str, Callable[..., Any]] = {
    "text-classification": labelled,
    "token-classification": tagged,
    "question-answering": asked,
}


if __name__ == "__main__":
    main()
