"""Question answering: spans of characters in, two tokens inside, spans of characters out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from encodery.batch import pack
from encodery.data.questions import QuestionExample, QuestionFields, input_question, read_question
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.model.heads import Model
from encodery.serve.predictor import Predictor
from encodery.tasks.answers import Answering, find_answers
from encodery.tasks.languages import Languages
from encodery.tasks.question_answering import Answers, QuestionAnswering, QuestionAnsweringConfig
from encodery.tasks.spans import Logits
from encodery.tasks.task import Trainable, Tunable
from encodery.tasks.windows import Encoded, Reading
from encodery.text.tokenizer import Tokenizer, parse_spec, train_tokenizer
from tests.tasks.conftest import CONFIG, WORDS, make_tokenizer
from tests.text.scripts import HARD, SENTENCES

KINDS: dict[str, dict[str, object]] = {
    "wordpiece": {"vocab_size": 701, "min_frequency": 1},
    "byte-bpe": {"vocab_size": 541},
    "unigram": {"vocab_size": 421, "character_coverage": 0.99},
}


def make_task(tokenizer: Tokenizer, max_seqlen: int = 19, tunes: bool = False, **rule: Any) -> QuestionAnswering:
    return QuestionAnswering(tokenizer, Answers(Answering(**rule), tunes), Reading(max_seqlen=max_seqlen))


def make_model(scale: float = 0.5) -> Model:
    model = Model(CONFIG, ("span",))
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        for parameter in model.parameters():
            parameter.normal_(0.0, scale, generator=generator)
    return model.eval()


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


@pytest.fixture(scope="module", params=KINDS)
def trained(request: pytest.FixtureRequest) -> Tokenizer:
    return train_tokenizer(parse_spec({"type": request.param, **KINDS[request.param]}, "test"), SENTENCES)


def test_it_is_a_task() -> None:
    task = make_task(make_tokenizer())
    assert isinstance(task, Trainable)
    assert isinstance(task, Tunable)


def test_a_window_points_at_the_answer_or_at_its_first_token() -> None:
    """19 tokens hold the question's two, three special ones and fourteen of the text's 31; six are shared."""
    task = make_task(make_tokenizer())
    encoded = task.encode(asked("the " * 20 + "happy river " + "the " * 9, "happy river"))
    spans = [(window.start, window.stop) for window in encoded.windows]
    assert spans == [(0, 14), (8, 22), (16, 30), (17, 31)]
    assert targets_of(encoded) == [(0, 0), (16, 17), (8, 9), (7, 8)]
    for window, (first, last) in zip(encoded.windows, targets_of(encoded), strict=True):
        words = [task.tokenizer.id_to_token(window.sequence.input_ids[place]) for place in (first, last)]
        assert words == (["[CLS]", "[CLS]"] if first == 0 else ["happy", "river"])
        assert list(window.sequence.input_ids[1:3]) == task.tokenizer.cut("farmer sees").ids


def test_an_answer_that_a_window_has_in_part_is_not_in_it() -> None:
    task = make_task(make_tokenizer())
    encoded = task.encode(asked("the " * 13 + "happy river " + "the " * 16, "happy river"))
    assert targets_of(encoded)[0] == (0, 0)  # it ends with "happy"
    assert encoded.windows[0].stop == 14


def test_the_first_of_several_answers_is_learned() -> None:
    task = make_task(make_tokenizer())
    assert targets_of(task.encode(asked("a happy river", "river", "happy"))) == [(6, 6)]


@pytest.mark.parametrize("answers", [None, {"text": [], "answer_start": []}])
def test_without_an_answer_every_window_points_at_its_first_token(answers: Any) -> None:
    task = make_task(make_tokenizer())
    record = {"question": "farmer", "context": "river " * 31, "answers": answers}
    encoded = task.encode(read_question("x:1", record, QuestionFields()))
    assert targets_of(encoded) == [(0, 0)] * len(encoded.windows)
    assert len(encoded.windows) > 1


def test_an_answer_beyond_the_cut() -> None:
    reading = Reading(max_seqlen=11, on_overflow="truncate")
    task = QuestionAnswering(make_tokenizer(), Answers(Answering()), reading)
    encoded = task.encode(asked("the " * 20 + "river", "river"))
    assert encoded.truncated
    assert targets_of(encoded) == [(0, 0)]


def test_an_answer_that_the_tokenizer_does_not_see() -> None:
    with pytest.raises(UserError) as error:
        make_task(make_tokenizer()).encode(asked("a river \u200b\u200b happy", "\u200b\u200b"))
    assert str(error.value) == ("train.jsonl:7: no token stands for the answer '\\u200b\\u200b'; remove the record")


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


def test_loss_and_gradients_are_those_of_transformers(tokenizer: Tokenizer, tmp_path: Path) -> None:
    task = make_task(tokenizer)
    model = FAMILIES["bert"].model(CONFIG, ("span",), 0)
    model.initialize(3)
    model.eval()
    examples = [asked("the river sees", "river"), asked("a happy farmer and a city", "happy farmer"), asked("dull")]
    batch = pack([sequence for example in examples for sequence in task.encode(example).sequences])
    output = task.loss(model, batch)
    output.losses["answers"].backward()  # type: ignore[no-untyped-call]
    save_folder(tmp_path, ModelFolder(FAMILIES["bert"], model, tokenizer))
    theirs: Any = transformers.AutoModelForQuestionAnswering.from_pretrained(tmp_path).eval()
    total = torch.zeros(())
    for example in examples:
        (sequence,) = task.encode(example).sequences
        first, last = sequence.label  # type: ignore[misc]
        total = (
            total
            + theirs(
                input_ids=torch.tensor([sequence.input_ids]),
                token_type_ids=torch.tensor([sequence.token_type_ids]),
                start_positions=torch.tensor([first]),
                end_positions=torch.tensor([last]),
            ).loss
        )
    total.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(output.losses["answers"], total, atol=1e-5, rtol=1e-5)
    ours = dict(model.named_parameters())
    torch.testing.assert_close(
        ours["heads.span.out.weight"].grad, theirs.qa_outputs.weight.grad, atol=1e-5, rtol=1e-4
    )
    words = theirs.bert.embeddings.word_embeddings.weight.grad
    torch.testing.assert_close(ours["encoder.embeddings.word.weight"].grad, words, atol=1e-5, rtol=1e-4)


def test_losses_add_up_over_any_split(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    model = make_model()
    examples = [asked("the river", "river"), asked("a city " * 9, "city"), asked("dull")]
    batch = pack([sequence for example in examples for sequence in task.encode(example).sequences])
    whole = task.loss(model, batch)
    parts = [task.loss(model, part) for part in batch.split(7)]
    assert len(parts) > 2
    assert task.counts(batch) == {"answers": batch.num_sequences}
    assert sum(part.losses["answers"].item() for part in parts) == pytest.approx(whole.losses["answers"].item())
    for name, (total, count) in whole.metrics.items():
        assert sum(part.metrics[name][0] for part in parts) == pytest.approx(total, rel=1e-5)
        assert sum(part.metrics[name][1] for part in parts) == count == batch.num_sequences


def make_predictor(tokenizer: Tokenizer, max_seqlen: int = 19, max_tokens: int = 8192, **rule: Any) -> Predictor:
    folder = ModelFolder(FAMILIES["bert"], make_model(), tokenizer)
    return Predictor(folder, make_task(tokenizer, max_seqlen, **rule), max_tokens)


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=41), min_size=1, max_size=7))
def test_predictions_do_not_depend_on_their_company(contexts: list[list[str]]) -> None:
    tokenizer = make_tokenizer()
    records = [{"question": "a farmer", "context": " ".join(words)} for words in contexts]
    together = make_predictor(tokenizer).predict(records)
    alone = [make_predictor(tokenizer, max_tokens=1).predict([record])[0] for record in records]
    for one, other in zip(together, alone, strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)
    assert [p["answer"] for p in make_predictor(tokenizer).predict(records[::-1])[::-1]] == [
        p["answer"] for p in together
    ]


def test_a_text_that_fits_is_answered_the_same_whatever_the_stride(tokenizer: Tokenizer) -> None:
    record = {"question": "a farmer", "context": "the river sees a happy city and a baker"}
    answers = []
    for max_seqlen, stride in ((29, 9), (14, 1), (14, 4)):
        task = QuestionAnswering(tokenizer, Answers(Answering()), Reading(max_seqlen=max_seqlen, stride=stride))
        answers.append(Predictor(make_predictor(tokenizer).folder, task).predict([record])[0])
    assert answers[0] == answers[1] == answers[2]


def test_an_answer_at_the_end_of_5000_words_is_found(tokenizer: Tokenizer) -> None:
    """A model that knows one word, which is at the end; what it reads at once stays small."""
    task = make_task(tokenizer, 29)
    context = "the river sees and " * 1250 + "a baker"
    example = input_question("x:1", {"question": "very happy", "context": context})
    encoded = task.encode(example)
    baker = tokenizer.cut("baker").ids[0]
    outputs = []
    for sequence in encoded.sequences:
        hit = np.array(sequence.input_ids) == baker
        outputs.append(np.stack([9.0 * hit, 9.0 * hit], 1).astype(np.float32))
    assert len(outputs) > 200
    assert max(len(sequence.input_ids) for sequence in encoded.sequences) == 29
    prediction = task.decode(example, encoded, outputs)
    assert (prediction["answer"], prediction["end"]) == ("baker", len(context))


def test_a_long_text_is_read_in_small_batches(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a token are two numbers; what is in the model at once is bounded, however long the text."""
    predictor = make_predictor(tokenizer, 29, max_tokens=101)
    outputs, seen = predictor.task.outputs, []

    def spied(model: Model, batch: Any) -> list[Any]:
        found = outputs(model, batch)
        seen.append((batch.num_tokens, sum(item.nbytes for item in found)))
        return found

    monkeypatch.setattr(predictor.task, "outputs", spied)
    (prediction,) = predictor.predict([{"question": "a farmer", "context": "the river sees a city " * 1000}])
    assert len(seen) > 50
    assert all(tokens <= 101 and kept == 8 * tokens for tokens, kept in seen)
    assert "truncated" not in prediction


def test_scores_are_squads(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    examples = [asked("the river sees", "the river", "river"), asked("a happy farmer", "happy farmer")]
    scores = task.score([{"answer": "River"}, {"answer": "a farmer"}], examples)
    assert scores == {"exact_match": 0.5, "f1": pytest.approx((1 + 2 / 3) / 2)}
    assert task.score([{"answer": None}] * 2, examples)["f1"] == 0.0


def test_scores_with_questions_without_an_answer_are_those_of_v2(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    examples = [asked("the river sees", "river"), asked("a happy farmer"), asked("a city")]
    scores = task.score([{"answer": "river"}, {"answer": None}, {"answer": "city"}], examples)
    assert (scores["exact_match"], scores["f1"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (scores["HasAns_f1"], scores["NoAns_f1"]) == (1.0, 0.5)


def test_a_language_of_mlqa_has_its_own_articles(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    german, plain, unknown = (asked("der Fluss", "der Fluss", language=name) for name in ("de", None, "sw"))
    assert task.score([{"answer": "Fluss"}], [german])["exact_match"] == 1.0
    for example in (plain, unknown):
        assert task.score([{"answer": "Fluss"}], [example])["exact_match"] == 0.0


def test_the_threshold_is_tuned_on_dev(tokenizer: Tokenizer) -> None:
    """As good as the best of all thresholds that make a difference, and better than none and than always."""
    examples = [
        asked(" ".join(WORDS[place : place + 9]), *([WORDS[place + place % 9]] if place % 3 else []))
        for place in range(len(WORDS) - 9)
    ]
    folder = ModelFolder(FAMILIES["bert"], make_model(), tokenizer)
    task = make_task(tokenizer, 29, tunes=True, no_answer_threshold=0.0)

    def f1_of(tried: QuestionAnswering) -> float:
        score: float = tried.score(Predictor(folder, tried).predict_examples(examples), examples)["f1"]
        return score

    tuned = task.tuned(lambda like, some: Predictor(folder, like).predict_examples(some), examples)
    tried = [f1_of(make_task(tokenizer, 29, no_answer_threshold=float(t))) for t in np.linspace(-40.0, 40.0, 37)]
    assert f1_of(tuned) >= max(tried) > min(tried)
    assert tuned.info["no_answer_threshold"] == tuned.rule.no_answer_threshold
    assert tuned.tuned(lambda like, some: [], examples) is tuned


def test_a_threshold_that_is_given_stays(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer, no_answer_threshold=3.0)
    assert task.tuned(lambda like, some: [], []) is task


def table(**keys: Any) -> QuestionAnsweringConfig:
    return QuestionAnsweringConfig.parse({"type": "question-answering", **keys}, "run.toml")


def test_what_a_training_file_says(tokenizer: Tokenizer) -> None:
    some, none = asked("a river", "river"), asked("a river")
    answered = table().learn([some], "train.jsonl", "key")
    assert (answered.rule.no_answer_threshold, answered.tunes, answered.labels) == (None, False, ())
    mixed = table().learn([some, none], "train.jsonl", "key")
    assert (mixed.rule.no_answer_threshold, mixed.tunes) == (0.0, True)
    stated = table(no_answer_threshold=1.5).learn([some, none], "train.jsonl", "key")
    assert (stated.rule.no_answer_threshold, stated.tunes) == (1.5, False)
    with pytest.raises(UserError) as error:
        table().learn([none], "train.jsonl", "key")
    assert str(error.value) == "train.jsonl: no question has an answer; there is nothing to learn, give some"
    task = table(n_best=5).task(tokenizer, table(n_best=5).learn([some, none], "train.jsonl", "key"), Languages())
    assert task.info == {
        "task": "question-answering",
        "max_answer_tokens": 30,
        "n_best": 5,
        "no_answer_threshold": 0.0,
        "max_seqlen": 384,
        "on_overflow": "window",
        "stride": 128,
    }


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"max_answer_tokens": 0}, "max_answer_tokens = 0: input should be greater than 0"),
        ({"n_best": 0}, "n_best = 0: input should be greater than 0"),
        (
            {"no_answer_threshold": "low"},
            "no_answer_threshold = 'low': input should be a valid number, unable to parse string as a number",
        ),
        ({"labels": ["a"]}, "unknown key 'labels'; allowed: "),
    ],
)
def test_keys_that_cannot_be(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        table(**keys)
    assert str(error.value).startswith(f"run.toml: {message}")


def test_what_stands_beside_a_prediction(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    assert task.record(asked("the river", "river", id="q1")) == {
        "id": "q1",
        "question": "farmer sees",
        "context": "the river",
        "true": [{"start": 4, "end": 9, "text": "river"}],
    }
    assert task.record(asked("the river"))["true"] == []
