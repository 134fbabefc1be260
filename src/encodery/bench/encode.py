"""`encodery bench encode`: text to ids, ours against `tokenizers`, `sentencepiece` and `transformers`.

XLM's kind is English: `transformers` applies the rules of no other language.

Vocabularies are trained on part of the text. Before anything is timed, both sides must give the same ids.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from encodery.bench import encoders
from encodery.bench.asking import require_peers, wanted_of
from encodery.bench.encoders import Encoder, Trained
from encodery.bench.prose import make_lines
from encodery.bench.result import Result, make_result, ratio, table
from encodery.bench.rounds import Block, Outcome, Plan, alternate
from encodery.errors import UserError
from encodery.text.tokenizer import parse_spec, train_tokenizer

FULL = Plan(rounds=5, repeats=5, block_seconds=1.0)
QUICK = Plan(rounds=3, repeats=2, block_seconds=0.5)
MEGABYTES, QUICK_MEGABYTES = 20.0, 4.0
_TRAINED_ON = 30_000
"""Lines."""
_VOCAB_SIZE = 16_000
_MODEL_TYPES = {"wordpiece": "bert", "byte-bpe": "roberta", "unigram": "xlm-roberta", "moses-bpe": "xlm"}
_MOSES_MEGABYTES = 1.0
"""Of the batches of XLM's kind: `transformers`, the only peer, does some 0.2 MB a second."""
_ONE_CHARS = 120
_FILE_WIDTH = 110


@dataclass(frozen=True)
class Case:
    """One line: a kind of tokenizer, what is encoded, and by which peer."""

    kind: str
    work: str
    """`batch` begins with nothing remembered, as a new process does; `batch-warm` has seen the text; `one`: a single
    text, warm."""
    peer: str
    target_ratio: float | None = None
    target_ours: float | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.work}-{self.peer}"

    @property
    def unit(self) -> str:
        return "us" if self.work == "one" else "MB/s"

    @property
    def peer_name(self) -> str:
        calls = {"tokenizers": "encode" if self.work == "one" else "encode_batch_fast", "transformers": "__call__"}
        return f"{self.peer} {calls.get(self.peer, 'encode')}"


def all_cases() -> list[Case]:
    """In the order in which they are measured."""
    cases = []
    for kind in _MODEL_TYPES:
        target = 1.5 if kind in ("wordpiece", "byte-bpe") else None
        library = "transformers" if kind == "moses-bpe" else "tokenizers"
        cases += [Case(kind, work, library, target) for work in ("batch", "batch-warm")]
        if kind == "unigram":
            cases += [Case(kind, work, "sentencepiece", 1.0) for work in ("batch", "batch-warm")]
        cases += [Case(kind, "one", peer, target_ours=25.0) for peer in dict.fromkeys((library, "transformers"))]
    return cases


def run_bench(quick: bool, only_json: bool, cases: Sequence[str], text: Path | None = None) -> None:
    """Print a JSON line per case as soon as it is known, then a table, unless `only_json`.

    `cases` are names or beginnings of names (`unigram`, `byte-bpe/batch`); all if empty. `text` is a file to encode,
    line by line; invented words (`prose`) if not given.

    Raises:
        UserError: no such case, the file cannot be used, or a peer is not installed.
    """
    selected = select_cases(cases)
    require_peers("encode", "transformers", "sentencepiece")
    notes = Console(stderr=True, quiet=only_json, highlight=False)
    megabytes = QUICK_MEGABYTES if quick else MEGABYTES
    lines = make_lines(megabytes) if text is None else read_lines(text, megabytes)
    plan = QUICK if quick else FULL
    results = []
    with tempfile.TemporaryDirectory(prefix="encodery-bench-") as name:
        for kind in dict.fromkeys(case.kind for case in selected):
            notes.print(f"{kind}: a vocabulary is trained ...")
            trained = train(kind, lines, Path(name) / kind)
            for case in (case for case in selected if case.kind == kind):
                notes.print(f"{case.name}: ours against {case.peer_name} ...", soft_wrap=True)
                results.append(measure(case, trained, lines, plan))
                print(results[-1].line(), flush=True)
    if not only_json:
        width = None if sys.stdout.isatty() else _FILE_WIDTH
        Console(file=sys.stdout, width=width).print(table(results))


def select_cases(wanted: Sequence[str]) -> list[Case]:
    """Those whose names begin so.

    Raises:
        UserError: a name fits none.
    """
    chosen = wanted_of(wanted, [case.name for case in all_cases()])
    return [case for case in all_cases() if case.name in chosen]


def read_lines(path: Path, megabytes: float) -> list[str]:
    """The first lines of a file that are not empty, so many megabytes of them.

    Raises:
        UserError: it cannot be read, or there are fewer than 1,000 lines.
    """
    try:
        with path.open(encoding="utf-8") as file:
            lines = first_lines(filter(None, map(str.strip, file)), megabytes)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--text {path}: cannot be read ({error}); a UTF-8 text file is needed") from None
    if len(lines) < 1000:
        raise UserError(f"--text {path}: {len(lines)} lines with text; at least 1,000 are needed to measure")
    return lines


def first_lines(lines: Iterable[str], megabytes: float) -> list[str]:
    """As many as make so many megabytes."""
    taken: list[str] = []
    size = 0
    for line in lines:
        if size >= megabytes * 1e6:
            break
        taken.append(line)
        size += len(line.encode())
    return taken


def train(kind: str, lines: Sequence[str], folder: Path) -> Trained:
    """A vocabulary of part of the text, in a folder that every peer can read."""
    spec = parse_spec({"type": kind, "vocab_size": _VOCAB_SIZE}, "bench encode")
    train_tokenizer(spec, lines[:_TRAINED_ON]).save(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": _MODEL_TYPES[kind]}))
    return Trained.load(folder)


def measure(case: Case, trained: Trained, lines: Sequence[str], plan: Plan) -> Result:
    """Both sides in turn, once their ids are equal."""
    if case.work == "one":
        ours, peer, facts = _one(case, trained, next(line for line in lines if len(line) >= _ONE_CHARS)[:_ONE_CHARS])
    else:
        ours, peer, facts = _batch(case, trained, lines)
    return result_of(case, alternate(ours, peer, plan), facts)


def result_of(case: Case, outcome: Outcome, facts: Mapping[str, int | float]) -> Result:
    """The medians of the rounds."""
    pairs = [(value(case.unit, r.ours), value(case.unit, r.peer)) for r in outcome.rounds]
    ours, peer = (median(side) for side in zip(*pairs, strict=True))
    ratios = [ratio(case.unit, *pair) for pair in pairs]
    metric = {
        "target_ratio": case.target_ratio,
        "target_ours": case.target_ours,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        **outcome.facts(),
        **facts,
    }
    return make_result("encode", case.name, case.unit, ours, peer, case.peer_name, metric)


def value(unit: str, block: Block) -> float:
    """A block's number: megabytes per second, or microseconds per text."""
    return block.tokens / block.seconds / 1e6 if unit == "MB/s" else 1e6 * block.seconds / block.tokens


def _one(case: Case, trained: Trained, text: str) -> tuple[Encoder, Encoder, dict[str, int | float]]:
    ids = trained.tokenizer.encode(text).input_ids
    if case.peer == "tokenizers":
        backend = trained.backend
        assert backend.encode(text).ids == ids, "the ids differ"
        peer = encoders.one_text(backend.encode, text)
    else:
        theirs = encoders.transformers_of(trained)
        assert theirs(text)["input_ids"] == ids, "the ids differ"
        peer = encoders.one_text(theirs, text)
    return encoders.one_text(trained.tokenizer.encode, text), peer, {"characters": len(text), "tokens": len(ids)}


def _batch(case: Case, trained: Trained, lines: Sequence[str]) -> tuple[Encoder, Encoder, dict[str, int | float]]:
    if case.peer == "transformers":
        lines = first_lines(lines, _MOSES_MEGABYTES)
    facts: dict[str, int | float] = {"megabytes": encoders.num_bytes(lines) / 1e6, **_described(trained, lines)}
    if case.peer == "sentencepiece":
        facts["texts_with_equal_ids"] = _equal_to_sentencepiece(trained, lines)
        peer = encoders.with_sentencepiece(trained, lines)
    elif case.peer == "transformers":
        _check_equal_to_transformers(trained, lines)
        peer = encoders.with_transformers(trained, lines)
    else:
        _check_equal(trained, lines)
        peer = encoders.with_tokenizers(trained, lines)
    return encoders.ours(trained, lines, cold=case.work == "batch"), peer, facts


def _described(trained: Trained, lines: Sequence[str]) -> dict[str, int | float]:
    """How often words occur again, and how finely they are cut: what the speed of either side depends on."""
    words = [word for line in lines for word in line.split(" ")]
    tokens = sum(map(len, trained.tokenizer.encode_batch(lines)))
    return {"words": len(words), "different_words": len(set(words)), "tokens_per_word": tokens / len(words)}


def _check_equal(trained: Trained, lines: Sequence[str]) -> None:
    for call in encoders.in_calls(lines):
        theirs = trained.backend.encode_batch_fast(call, add_special_tokens=False)
        for ids, encoding in zip(trained.tokenizer.encode_batch(call), theirs, strict=True):
            assert ids.tolist() == encoding.ids, "the ids differ"


def _check_equal_to_transformers(trained: Trained, lines: Sequence[str]) -> None:
    tokenizer = encoders.transformers_of(trained)
    for call in encoders.in_calls(lines):
        theirs = tokenizer(call, add_special_tokens=False)["input_ids"]
        for ids, expected in zip(trained.tokenizer.encode_batch(call), theirs, strict=True):
            assert ids.tolist() == expected, "the ids differ"


def _equal_to_sentencepiece(trained: Trained, lines: Sequence[str]) -> float:
    """The share of texts with the same ids, shifted as fairseq has them. It may fall short of 1 where two ways to cut
    a word have the same score; there ours are those of `transformers`."""
    model, unknown = encoders.sentencepiece_of(trained), trained.tokenizer.unk_token_id
    same = 0
    for call in encoders.in_calls(lines):
        for ids, theirs in zip(trained.tokenizer.encode_batch(call), model.encode(call), strict=True):
            same += ids.tolist() == [index + 1 if index else unknown for index in theirs]
    return same / len(lines)
