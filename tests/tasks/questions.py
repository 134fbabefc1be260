"""Questions of the tests: their task, records, and outputs that are sure of an answer."""

from typing import Any

import numpy as np

from encodery.data.questions import QuestionExample, QuestionFields, read_question
from encodery.tasks.answers import Answering
from encodery.tasks.question_answering import Answers, QuestionAnswering
from encodery.tasks.spans import Logits
from encodery.tasks.windows import Encoded, Reading
from encodery.text.tokenizer import Tokenizer


def make_task(tokenizer: Tokenizer, max_seqlen: int = 19, tunes: bool = False, **rule: Any) -> QuestionAnswering:
    return QuestionAnswering(tokenizer, Answers(Answering(**rule), tunes), Reading(max_seqlen=max_seqlen))


def asked(context: str, *answers: str, question: str = "farmer sees", **more: Any) -> QuestionExample:
    """The answers at the first place where they are."""
    stated = {"text": list(answers), "answer_start": [context.index(answer) for answer in answers]}
    return read_question(
        "train.jsonl:7", {"question": question, "context": context, "answers": stated, **more}, QuestionFields()
    )


def certain(encoded: Encoded, first: int | None, last: int | None) -> list[Logits]:
    """Outputs that are sure of these tokens of the text wherever they are; of "no answer" without any."""
    outputs = []
    for window in encoded.windows:
        logits = np.zeros((len(window.sequence.input_ids), 2), np.float32)
        if first is None or last is None:
            logits[0] = 9.0
        elif window.start <= first and last < window.stop:
            shift = window.place - window.start
            logits[first + shift, 0] = logits[last + shift, 1] = 9.0
        outputs.append(logits)
    return outputs


def targets_of(encoded: Encoded) -> list[tuple[int, int]]:
    return [tuple(sequence.label) for sequence in encoded.sequences]  # type: ignore[arg-type, misc]
