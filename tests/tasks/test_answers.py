"""From logits to answers: any script, exact text, probabilities, candidates, limits and thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.questions import input_question
from encodery.tasks.answers import Answering, find_answers
from encodery.text.tokenizer import Tokenizer, parse_spec, train_tokenizer
from tests.tasks.conftest import make_tokenizer
from tests.tasks.questions import asked, certain, make_task, targets_of
from tests.text.scripts import HARD, SENTENCES

KINDS: dict[str, dict[str, object]] = {
    "wordpiece": {"vocab_size": 701, "min_frequency": 1},
    "byte-bpe": {"vocab_size": 541},
    "unigram": {"vocab_size": 421, "character_coverage": 0.99},
}


@pytest.fixture(scope="module", params=KINDS)
def trained(request: pytest.FixtureRequest) -> Tokenizer:
    return train_tokenizer(parse_spec({"type": request.param, **KINDS[request.param]}, "test"), SENTENCES)


@given(data=st.data())
def test_answers_of_any_script_come_back(trained: Tokenizer, data: st.DataObject) -> None:
    """Where the model is sure of the target tokens, the answer that they were made from is in what it says: if the
    window that the first of them belongs to has them all."""
    text = data.draw(st.sampled_from(SENTENCES))
    words = [word for word in text.split() if trained.cut(word).ids]
    first = data.draw(st.integers(0, len(words) - 1))
    start = text.index(words[first])
    end = start + len(words[first])
    task = make_task(trained, max_seqlen=data.draw(st.sampled_from([61, 257])), max_answer_tokens=99)
    example = asked(text, text[start:end], question="what?")
    encoded = task.encode(example)
    whole = [
        (window.start - window.place + a, window.start - window.place + b)
        for window, (a, b) in zip(encoded.windows, targets_of(encoded), strict=True)
        if a in range(*window.own.indices(1000))
    ]
    if not whole:
        return  # longer than what two windows share
    assert len(set(whole)) == 1
    prediction = task.decode(example, encoded, certain(encoded, *whole[0]))
    assert prediction["answer"] == text[prediction["start"] : prediction["end"]]
    assert prediction["start"] <= start
    assert end <= prediction["end"]


ANY_TEXT = st.lists(st.sampled_from(HARD) | st.characters(exclude_categories=["Cs"]), max_size=41).map("".join)


@given(ANY_TEXT, st.integers(0, 999))
def test_the_text_of_an_answer_is_exact(trained: Tokenizer, context: str, seed: int) -> None:
    task = make_task(trained, max_seqlen=29, n_best=7)
    example = input_question("record 1", {"question": "a", "context": context})
    encoded = task.encode(example)
    rng = np.random.default_rng(seed)
    outputs = [rng.normal(size=(len(s.input_ids), 2)).astype(np.float32) for s in encoded.sequences]
    prediction = task.decode(example, encoded, outputs)
    for found in (prediction, *prediction["n_best"]):
        if found["answer"] is None:
            assert found["start"] is found["end"] is None
        else:
            assert context[found["start"] : found["end"]] == found["answer"] == found["answer"].strip() != ""
        assert 0.0 <= found["score"] <= 1.0
    assert [found["score"] for found in prediction["n_best"]] == sorted(
        (found["score"] for found in prediction["n_best"]), reverse=True
    )


def test_probabilities_are_a_softmax_over_candidates_and_none() -> None:
    task = make_task(make_tokenizer(), n_best=99)
    example = input_question("x:1", {"question": "farmer", "context": "a river"})
    encoded = task.encode(example)
    (window,) = encoded.windows
    logits = np.zeros((len(window.sequence.input_ids), 2), np.float32)
    logits[0] = [0.5, 0.25]
    logits[window.place : window.place + 2] = [[1.0, 2.0], [4.0, 3.0]]
    scores = {"a": 3.0, "a river": 4.0, "river": 7.0, None: 0.75}
    total = sum(np.exp(list(scores.values())))
    prediction = task.decode(example, encoded, [logits])
    assert (prediction["answer"], prediction["start"], prediction["end"]) == ("river", 2, 7)
    assert {found["answer"]: found["score"] for found in prediction["n_best"]} == pytest.approx(
        {answer: np.exp(score) / total for answer, score in scores.items()}
    )
    found = find_answers("a river", encoded, [logits], Answering())
    assert found.no_answer == pytest.approx(0.75 - 7.0)


def test_n_best_is_given_on_request_only() -> None:
    example = input_question("x:1", {"question": "farmer", "context": "the river sees a happy farmer"})
    for size in (None, 3):
        task = make_task(make_tokenizer(), n_best=size)
        encoded = task.encode(example)
        prediction = task.decode(example, encoded, certain(encoded, 1, 1))
        assert prediction["answer"] == "river"
        assert len(prediction["n_best"]) == size if size else "n_best" not in prediction


def test_an_answer_has_at_most_so_many_tokens() -> None:
    example = input_question("x:1", {"question": "farmer", "context": "the river sees a happy farmer"})
    for most, expected in ((6, "river sees a happy"), (3, "river")):
        task = make_task(make_tokenizer(), max_answer_tokens=most)
        encoded = task.encode(example)
        (logits,) = certain(encoded, 1, 4)
        logits[encoded.windows[0].place + 1, 1] = 1.0
        assert task.decode(example, encoded, [logits])["answer"] == expected


@pytest.mark.parametrize(("threshold", "answer"), [(None, "river"), (-3.0, None), (-1.0, "river"), (0.0, "river")])
def test_the_threshold_decides(threshold: float | None, answer: str | None) -> None:
    """The best span has 9 + 9, "no answer" 8 + 8."""
    example = input_question("x:1", {"question": "farmer", "context": "the river"})
    task = make_task(make_tokenizer(), no_answer_threshold=threshold)
    encoded = task.encode(example)
    (logits,) = certain(encoded, 1, 1)
    logits[0] = 8.0
    prediction = task.decode(example, encoded, [logits])
    assert prediction["answer"] == answer
    assert (prediction["start"], prediction["end"]) == ((4, 9) if answer else (None, None))
    assert prediction["score"] == pytest.approx(
        (1 / (1 + np.exp(-2.0))) if answer else 1 / (1 + np.exp(2.0)), abs=1e-3
    )


def test_a_text_without_tokens_has_no_answer() -> None:
    task = make_task(make_tokenizer())
    example = input_question("x:1", {"question": "farmer", "context": " "})
    encoded = task.encode(example)
    prediction = task.decode(example, encoded, [np.zeros((len(encoded.sequences[0].input_ids), 2), np.float32)])
    assert prediction == {"answer": None, "start": None, "end": None, "score": 1.0}
