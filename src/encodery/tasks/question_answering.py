"""Extractive question answering: the part of a text that answers a question, or that there is none.

The question stands whole in every window, the text slides. A window without the (whole) answer is taught to point at
its first token, as Devlin et al. 2019 do for SQuAD v2.0 (section 4.3); so are all windows of a question without one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from encodery import batch as packed
from encodery.batch import Batch, LossOutput
from encodery.data.questions import QuestionExample, QuestionFields, input_question, read_question
from encodery.errors import UserError
from encodery.families.folder import ModelFolder
from encodery.files.records import Record
from encodery.model.forward import Forward
from encodery.model.heads import Model
from encodery.tasks.answer_errors import ANSWERED, NONE, answer_curves, answer_matrix, judge_answer
from encodery.tasks.answers import Answering, find_answers
from encodery.tasks.judging import Curve, Doubt, Judgement, Matrix
from encodery.tasks.languages import Languages
from encodery.tasks.metrics import (
    Answered,
    AnswerRules,
    Measurement,
    answer_measurement,
    best_threshold,
    compare_answers,
    scores,
    threshold_scores,
)
from encodery.tasks.metrics.answer_text import ARTICLES
from encodery.tasks.spans import Logits
from encodery.tasks.windows import MIN_SEQLEN, Encoded, Reading, Window, read_windows
from encodery.text.tokenizer import Tokenizer

Predict = Callable[["QuestionAnswering", Sequence[QuestionExample]], list[dict[str, Any]]]


@dataclass(frozen=True)
class EncodedQuestion(Encoded):
    """The windows of a question."""

    unlearnable: str = ""
    """Why it teaches nothing, if it does not."""

    @property
    def lessons(self) -> list[packed.Sequence]:
        """Raises `UserError` if there are none: it can be answered, but not learned from."""
        if self.unlearnable:
            raise UserError(self.unlearnable)
        return self.sequences


@dataclass(frozen=True)
class Answers:
    """What a data set says of its answers."""

    rule: Answering
    tunes: bool = False
    """Whether the threshold is open until dev data sets it."""
    labels: ClassVar[tuple[str, ...]] = ()
    problem_type: ClassVar[None] = None


class QuestionAnswering:
    """Predictions are `{"answer", "start", "end", "score"}`; the first three are null for "no answer".

    Of a long text the best span of all windows, each span scored in the window in which its first token has most
    context; "no answer" has the least of the windows' scores. `score` is a probability over the best spans and "no
    answer" (a softmax of the summed logits). Where it is known what is true, `best_answer` is the best span whatever
    the threshold, and `no_answer` how much higher the logits of "no answer" are, which scores by threshold need.
    """

    name = "question-answering"
    heads: ClassVar[tuple[str, ...]] = ("span",)
    headline = ("f1", "exact_match")
    fields = QuestionFields

    def __init__(
        self, tokenizer: Tokenizer, learned: Answers, reading: Reading, languages: Languages | None = None
    ) -> None:
        """Neighbouring windows share a third of `max_seqlen` if the reading does not say how much: 128 of 384."""
        self.tokenizer = tokenizer
        self.learned = learned
        self.rule = learned.rule
        stride = reading.max_seqlen // 3 if reading.stride is None else reading.stride
        self.reading = reading.model_copy(update={"stride": stride})
        self.languages = languages or Languages()

    @staticmethod
    def read(source: str, record: Record, columns: QuestionFields | None) -> QuestionExample:
        """A labelled record by its columns; without columns a record to predict for."""
        return input_question(source, record) if columns is None else read_question(source, record, columns)

    @property
    def info(self) -> dict[str, Any]:
        """What a model folder must remember."""
        return {"task": self.name, **self.rule.model_dump(exclude_none=True), **self.reading.info}

    def encode(self, example: QuestionExample) -> Encoded:
        """The question with the text in windows; each window has the tokens of the first answer as its target. Where
        no token stands for the answer, it is the `lessons` that raise an error: the question counts in an evaluation.

        Raises:
            UserError: the language is not one of the model's; names the file and line.
        """
        encoded = read_windows(
            self.tokenizer,
            self.reading,
            example.question,
            example.context,
            example.source,
            self.languages.id_of(example),
            slide="text_pair",
        )
        if example.answers is None:
            return encoded
        answer = _tokens_of(example, encoded)
        windows = tuple(
            replace(window, sequence=replace(window.sequence, label=_target(window, answer)))
            for window in encoded.windows
        )
        unlearnable = ""
        if example.answers and answer is None and not encoded.truncated:
            text = example.answers[0].text
            unlearnable = f"{example.source}: no token stands for the answer {text!r:.80}; remove the record"
        return EncodedQuestion(windows, encoded.truncated, encoded.cut, unlearnable)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Every window is scored."""
        return {"answers": batch.num_sequences}

    def forward(self, model: Forward, batch: Batch) -> Float[Tensor, "tokens 2"]:
        """Logits of each token: that the answer begins with it, and that it ends with it."""
        return model.logits("span", batch).float()

    def decisions(self, logits: Float[Tensor, "tokens 2"], batch: Batch) -> Float[Tensor, "decisions longest"]:
        """Which token of each window is the first one and which the last, two rows for each window."""
        return _padded(logits, batch).transpose(1, 2).flatten(0, 1)

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """The mean of both cross entropies, that of the first and that of the last token, summed over the windows."""
        return self.loss_of(self.forward(model, batch), batch)

    def loss_of(self, logits: Float[Tensor, "tokens 2"], batch: Batch) -> LossOutput:
        """The same of logits that are there."""
        targets = batch.sequence_labels
        assert targets is not None
        padded = _padded(logits, batch)
        loss = F.cross_entropy(padded, targets, reduction="sum") / 2
        hits, count = float((padded.argmax(1) == targets).all(1).sum()), float(len(targets))
        return LossOutput({"answers": loss}, {"loss": (loss.item(), count), "span_accuracy": (hits, count)})

    def outputs(self, model: Forward, batch: Batch) -> list[Logits]:
        """The logits of each sequence's tokens."""
        logits: np.ndarray = self.forward(model, batch).cpu().numpy()
        return np.split(logits, batch.cu_seqlens[1:-1].tolist())

    def decode(self, example: QuestionExample, encoded: Encoded, outputs: Sequence[Logits]) -> dict[str, Any]:
        """The best span, or that there is none."""
        found = find_answers(example.context, encoded, outputs, self.rule)
        best = found.spans[0] if found.spans else found.none
        threshold = np.inf if self.rule.no_answer_threshold is None else self.rule.no_answer_threshold
        prediction = best if found.no_answer <= threshold else found.none
        if example.answers is not None:
            prediction = {**prediction, "best_answer": best["answer"], "no_answer": found.no_answer}
        if self.rule.n_best is None:
            return prediction
        ranked = sorted([*found.spans, found.none], key=lambda candidate: -candidate["score"])
        return {**prediction, "n_best": ranked[: self.rule.n_best]}

    def tuned(self, predict: Predict, examples: Sequence[QuestionExample]) -> "QuestionAnswering":
        """The same with the threshold that gives these examples the best F1, where it is still open."""
        if not self.learned.tunes:
            return self
        answers, none = _undecided(predict(self, examples), examples)
        threshold, _ = best_threshold(answers.f1, np.array(none), answers.has_answer, answers.answered)
        rule = self.rule.model_copy(update={"no_answer_threshold": threshold})
        return QuestionAnswering(self.tokenizer, Answers(rule), self.reading, self.languages)

    def measure(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[QuestionExample]) -> Measurement:
        """The figures of `score` that each question has a share in."""
        return answer_measurement(_compared(predictions, examples))

    def score(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[QuestionExample]) -> dict[str, Any]:
        """`f1` and `exact_match` as SQuAD v1.1 counts them, or v2.0 where some question has no answer; by MLQA's
        rules where an example says a language that these are for. Where only some questions have an answer also what
        the best threshold would have given (`best_f1` and `best_f1_thresh`, of `exact`, too) and the average
        precision over all of them (`pr_f1_ap`, `pr_exact_ap`, `pr_oracle_ap`)."""
        figures: dict[str, Any] = scores(self.measure(predictions, examples))
        if _has_choice(predictions, examples):
            figures |= threshold_scores(*_undecided(predictions, examples))
        return figures

    def curves(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[QuestionExample]) -> list[Curve]:
        """What every threshold for "no answer" would have given, where only some questions have an answer."""
        if not _has_choice(predictions, examples):
            return []
        said, threshold = _compared(predictions, examples), self.rule.no_answer_threshold
        return answer_curves(*_undecided(predictions, examples), float(said.f1.mean()), threshold)

    def labels_of(self, example: QuestionExample) -> tuple[str, ...]:
        """Whether a question has an answer."""
        return () if example.answers is None else (ANSWERED if example.answers else NONE,)

    def judge(self, prediction: Mapping[str, Any], example: QuestionExample) -> Judgement:
        """One answer beside the nearest right one."""
        return judge_answer(prediction, example, *_rules([example]))

    def matrices(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[QuestionExample]) -> list[Matrix]:
        """What became of the questions that have an answer, and of those that have none."""
        return [answer_matrix(_compared(predictions, examples))] if examples else []

    def doubts(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[QuestionExample]) -> list[Doubt]:
        """None: a span is no class, and the rule for label noise is one for classes."""
        return []

    def record(self, example: QuestionExample) -> dict[str, Any]:
        """The input and what is true, beside which a prediction is written down."""
        named = {} if example.id is None else {"id": example.id}
        true = [answer._asdict() for answer in example.answers or ()]
        return {**named, "question": example.question, "context": example.context, "true": true}


def _padded(logits: Float[Tensor, "tokens 2"], batch: Batch) -> Float[Tensor, "windows longest 2"]:
    """Window by window, minus infinity where one is shorter than the longest."""
    windows = torch.split(logits, batch.seqlens())
    return pad_sequence(list(windows), batch_first=True, padding_value=-torch.inf)


def _undecided(
    predictions: Sequence[Mapping[str, Any]], examples: Sequence[QuestionExample]
) -> tuple[Answered, list[float]]:
    """The best answers compared, and how much rather there would be none."""
    best = [prediction["best_answer"] for prediction in predictions]
    return (
        compare_answers(best, _right(examples), _rules(examples)),
        [prediction["no_answer"] for prediction in predictions],
    )


def _has_choice(predictions: Sequence[Mapping[str, Any]], examples: Sequence[QuestionExample]) -> bool:
    """Whether a threshold makes a difference, and what it decides on is known."""
    kinds = {bool(example.answers) for example in examples}
    return len(kinds) == 2 and all("no_answer" in prediction for prediction in predictions)


def _compared(predictions: Sequence[Mapping[str, Any]], examples: Sequence[QuestionExample]) -> Answered:
    return compare_answers(_said(predictions), _right(examples), _rules(examples))


def _said(predictions: Sequence[Mapping[str, Any]]) -> list[str | None]:
    return [prediction["answer"] for prediction in predictions]


def _right(examples: Sequence[QuestionExample]) -> list[list[str]]:
    return [[answer.text for answer in example.answers or ()] for example in examples]


def _rules(examples: Sequence[QuestionExample]) -> list[AnswerRules]:
    version: Literal["v1.1", "v2.0"] = "v1.1" if all(example.answers for example in examples) else "v2.0"
    return [AnswerRules(version, example.language if example.language in ARTICLES else None) for example in examples]


def _tokens_of(example: QuestionExample, encoded: Encoded) -> tuple[int, int] | None:
    """First and last token of the first answer; None without one, or where no token stands for it."""
    if not example.answers:
        return None
    start, end, _ = example.answers[0]
    starts, ends = np.array(encoded.offsets, np.int64).reshape(-1, 2).T
    inside = np.flatnonzero((starts < end) & (start < ends))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def _target(window: Window, answer: tuple[int, int] | None) -> tuple[int, int]:
    """Where the answer begins and ends in the window's sequence; its first token if it is not whole in there."""
    if answer is None or answer[0] < window.start or answer[1] >= window.stop:
        return 0, 0
    shift = window.place - window.start
    return answer[0] + shift, answer[1] + shift


class QuestionAnsweringConfig(Answering, Reading):
    """The `task` table of a recipe for question answering."""

    type: Literal["question-answering"]
    max_seqlen: int = Field(default=384, ge=MIN_SEQLEN)
    kind: ClassVar = QuestionAnswering

    def learn(self, train: Sequence[QuestionExample], file: str, key: str) -> Answers:
        """Whether questions may have no answer.

        Raises:
            UserError: none of them has one.
        """
        if not any(example.answers for example in train):
            raise UserError(f"{file}: no question has an answer; there is nothing to learn, give some")
        rule = Answering(**self.model_dump(include=set(Answering.model_fields)))
        tunes = rule.no_answer_threshold is None and not all(example.answers for example in train)
        if tunes:
            rule = rule.model_copy(update={"no_answer_threshold": 0.0})
        return Answers(rule, tunes)

    def task(self, tokenizer: Tokenizer, learned: Answers, languages: Languages) -> QuestionAnswering:
        """The task for a model's tokenizer."""
        return QuestionAnswering(tokenizer, learned, self, languages)


def read_answering(folder: ModelFolder, path: Path) -> Answers:
    """What a model folder says of its answers.

    Raises:
        UserError: a value in `encodery.json` is not allowed.
    """
    stated = {key: folder.info[key] for key in Answering.model_fields if key in folder.info}
    return Answers(Answering.parse(stated, f"{path}/encodery.json"))
