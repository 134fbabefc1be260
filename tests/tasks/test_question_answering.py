"""Question answering: spans of characters in, two tokens inside, scores and thresholds out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from encodery.batch import pack
from encodery.data.questions import QuestionFields, input_question, read_question
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.model.heads import Model
from encodery.serve.predictor import Predictor
from encodery.tasks.answers import Answering
from encodery.tasks.judging import Deciding, Judging
from encodery.tasks.languages import Languages
from encodery.tasks.question_answering import Answers, QuestionAnswering, QuestionAnsweringConfig
from encodery.tasks.task import Trainable, Tunable
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer
from tests.tasks.conftest import CONFIG, WORDS, make_tokenizer
from tests.tasks.questions import asked, make_task, targets_of


def make_model(scale: float = 0.5) -> Model:
    model = Model(CONFIG, ("span",))
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        for parameter in model.parameters():
            parameter.normal_(0.0, scale, generator=generator)
    return model.eval()


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


def test_without_an_answer_every_window_points_at_its_first_token() -> None:
    task = make_task(make_tokenizer())
    record = {"question": "farmer", "context": "river " * 31, "answers": {"text": [], "answer_start": []}}
    encoded = task.encode(read_question("x:1", record, QuestionFields()))
    assert targets_of(encoded) == [(0, 0)] * len(encoded.windows)
    assert len(encoded.windows) > 1


def test_an_answer_beyond_the_cut() -> None:
    reading = Reading(max_seqlen=11, on_overflow="truncate")
    task = QuestionAnswering(make_tokenizer(), Answers(Answering()), reading)
    encoded = task.encode(asked("the " * 20 + "river", "river"))
    assert encoded.truncated
    assert targets_of(encoded) == [(0, 0)]


def test_an_answer_that_the_tokenizer_does_not_see_cannot_be_learned() -> None:
    encoded = make_task(make_tokenizer()).encode(asked("a river \u200b\u200b happy", "\u200b\u200b"))
    with pytest.raises(UserError) as error:
        assert encoded.lessons
    assert str(error.value) == ("train.jsonl:7: no token stands for the answer '\\u200b\\u200b'; remove the record")


def test_an_answer_that_the_tokenizer_does_not_see_counts_in_an_evaluation() -> None:
    """As any other answer that is not found: 0 of 1, and the questions beside it are scored."""
    examples = [asked("a river \u200b\u200b happy", "\u200b\u200b"), asked("river", "river")]
    predictor = make_predictor(make_tokenizer(), 29, max_answer_tokens=1)
    predictions = predictor.predict_examples(examples)
    assert [prediction["answer"] for prediction in predictions][1] == "river"  # the only span there is
    task = make_task(make_tokenizer())
    assert task.score(predictions, examples) == {"exact_match": 0.5, "f1": 0.5}


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


MIXED = [asked("the river sees", "river"), asked("a happy farmer"), asked("a city", "city"), asked("a baker")]


def test_where_the_truth_is_known_the_best_answer_is_said_whatever_the_threshold(tokenizer: Tokenizer) -> None:
    folder = ModelFolder(FAMILIES["bert"], make_model(), tokenizer)
    always, never = (
        Predictor(folder, make_task(tokenizer, 29, no_answer_threshold=threshold)).predict_examples(MIXED)
        for threshold in (999.0, -999.0)
    )
    for one, other in zip(always, never, strict=True):
        assert other["answer"] is None
        assert one["answer"] == one["best_answer"] == other["best_answer"]
        assert one["no_answer"] == other["no_answer"] == pytest.approx(np.log(other["score"] / one["score"]))
    (unknown,) = Predictor(folder, make_task(tokenizer, 29)).predict([{"question": "a", "context": "the river"}])
    assert set(unknown) == {"answer", "start", "end", "score"}


def test_scores_of_thresholds_are_those_of_the_best_answers(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer, no_answer_threshold=-5.0)
    found = [("river", -2.0), ("farmer", -1.0), ("city", 3.0), ("baker", 5.0)]
    predictions = [{"answer": None, "best_answer": best, "no_answer": score} for best, score in found]
    scores = task.score(predictions, MIXED)
    assert (scores["f1"], scores["HasAns_f1"], scores["NoAns_f1"]) == (0.5, 0.0, 1.0)  # of what was said
    assert (scores["best_f1"], scores["best_f1_thresh"]) == (0.75, -2.0)
    assert (scores["best_exact"], scores["best_exact_thresh"]) == (0.75, -2.0)
    assert scores["pr_f1_ap"] == pytest.approx(1 / 2 + (2 / 3) / 2)
    by_threshold, _ = task.curves(predictions, MIXED)
    assert by_threshold.levels == {"F1 now": 0.5}
    assert max(by_threshold.lines["F1"][1]) == 0.75
    answered = [{**prediction, "answer": "river"} for prediction in predictions[::2]]
    assert set(task.score(answered, MIXED[::2])) == {"exact_match", "f1"}  # every question has an answer
    assert task.curves(answered, MIXED[::2]) == []


def test_its_errors_can_be_shown(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    assert isinstance(task, Judging)
    assert isinstance(task, Deciding)
    assert [task.labels_of(example) for example in MIXED[:2]] == [("answer",), ("no answer",)]
    assert task.labels_of(input_question("x:1", {"question": "a", "context": "river"})) == ()
    said: list[dict[str, Any]] = [
        {"answer": "the river", "start": 0, "end": 9, "score": 0.5},
        {"answer": None, "start": None, "end": None, "score": 0.9},
    ]
    assert [task.judge(*pair).error for pair in zip(said, MIXED[:2], strict=True)] == [0.0, 0.0]
    (matrix,) = task.matrices(said, MIXED[:2])
    assert [row[0] for row in matrix.counts] == [1, 1]
    assert task.doubts(said, MIXED[:2]) == []


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
