"""The page of errors: says what the scores say, shows the worst, and nothing in the data becomes markup."""

import re
from pathlib import Path
from typing import Any

import pytest

from encodery.data.choices import ChoiceExample
from encodery.data.examples import Example
from encodery.data.tagged import Entity, TaggedExample
from encodery.errors import UserError
from encodery.report.page import render_report
from encodery.stages import error_page as pages
from encodery.stages.error_page import check_place, error_page, folded, write_error_page
from encodery.stages.evaluation import Evaluation, Labelled
from encodery.tasks.answers import Answering
from encodery.tasks.classification import TextClassification
from encodery.tasks.judging import Matrix
from encodery.tasks.multiple_choice import MultipleChoice
from encodery.tasks.problems import ManyLabels, Number, OneLabel, Problem
from encodery.tasks.question_answering import Answers, QuestionAnswering
from encodery.tasks.tags import iob2
from encodery.tasks.task import Trainable
from encodery.tasks.token_classification import EntityTags, TokenClassification
from encodery.tasks.windows import Reading
from tests.report.test_page import VOID, Page
from tests.tasks.conftest import make_tokenizer
from tests.tasks.questions import asked

HOSTILE = "</style></p><script>alert(1)</script><img src=x onerror='a'>&amp;\""


def evaluation(
    task: Trainable, predictions: list[Any], examples: list[Any], files: list[str] | None = None
) -> Evaluation:
    labelled = Labelled(examples, [{} for _ in examples], files or ["test.jsonl"] * len(examples))
    return Evaluation(task, labelled, predictions, task.measure(predictions, examples))


def tagger(*labels: str) -> TokenClassification:
    return TokenClassification(make_tokenizer(), EntityTags(iob2(labels)), Reading(max_seqlen=11))


def classifier(problem: Problem) -> TextClassification:
    return TextClassification(make_tokenizer(), problem, Reading(max_seqlen=11))


def tagged(text: str, *entities: tuple[int, int, str], language: str | None = None) -> TaggedExample:
    return TaggedExample(text, tuple(Entity(*e) for e in entities), None, "test.jsonl:3", language)


def found(*entities: tuple[int, int, str, float]) -> dict[str, Any]:
    return {"entities": [{"start": s, "end": e, "label": label, "score": p} for s, e, label, p in entities]}


def said(label: str, **scores: float) -> dict[str, Any]:
    return {"label": label, "score": scores[label], "scores": scores}


def page_of(whole: Evaluation) -> Page:
    return Page(render_report(error_page(whole, "models/one")))


ENTITIES = evaluation(
    tagger("LOC", "PER"),
    [found((0, 5, "LOC", 0.9)), found((2, 7, "PER", 0.6), (8, 13, "LOC", 0.95)), found()],
    [
        tagged("river sees", (0, 5, "LOC"), language="de"),
        tagged("a happy river", (2, 7, "LOC"), language="sw"),
        tagged("the city", (4, 8, "LOC"), language="sw"),
    ],
)


def test_entities_are_shown_as_they_are_and_as_they_were_predicted() -> None:
    page = page_of(ENTITIES)
    assert page.all("h1") == ["Errors of models/one"]
    assert "token-classification: 3 examples of test.jsonl. 2 of them are not wholly right." in page.all("p")
    assert page.all("h2") == ["Confusion", "Worst errors", "Suspected label noise", "Slices"]
    worst, missed, doubt = page.all("li", "wrong")
    assert worst == "expecteda happyLOC riverpredicteda happyPER riverLOC✗ wrongtest.jsonl:3"
    assert missed == "expectedthe cityLOCpredictedthe city✗ wrongtest.jsonl:3"
    assert doubt.endswith("test.jsonl:3 · stated: no entity; suggested: river (LOC) (0.95)")
    assert page.all("mark", "right") == []
    assert page.all("caption")[0] == "The most frequent errors"
    captions = page.all("caption")[1:]
    assert [caption.split()[0] for caption in captions] == ["Entities", "Entities", "Words"]


def test_the_headline_has_its_interval() -> None:
    (results,) = page_of(ENTITIES).all("dl", "results")
    scores = ENTITIES.scores
    low, high = scores["intervals"]["f1"]
    assert results.startswith(f"F1{scores['f1']:.3f} {low:.3f} to {high:.3f}")


def test_slices_are_drawn_where_there_are_several() -> None:
    page = page_of(ENTITIES)
    titles = [attributes["aria-label"] for attributes in page.attributes("svg")]
    assert titles == ["By language"]  # one length, one file, and the label of all texts is LOC
    files = ["a.jsonl", "b.jsonl", "a.jsonl"]
    other = evaluation(tagger("LOC", "PER"), [*ENTITIES.predictions], [*ENTITIES.labelled.examples], files)
    page = page_of(other)
    assert [a["aria-label"] for a in page.attributes("svg")] == ["By language", "By source"]


def test_classes_with_their_worst_first() -> None:
    task = classifier(OneLabel(("bad", "good")))
    examples = [
        Example("the river", None, label, f"t:{place}") for place, label in enumerate(("good", "bad", "good"))
    ]
    predictions = [said("bad", bad=0.6, good=0.4), said("bad", bad=0.8, good=0.2), said("bad", bad=0.9, good=0.1)]
    page = page_of(evaluation(task, predictions, examples))
    assert page.all("div", "note")[:2] == ["t:2", "t:0"]
    assert page.all("li", "wrong")[0].startswith("the river✗ wrong · predicted bad, expected good")
    assert "By label" in [attributes["aria-label"] for attributes in page.attributes("svg")]


def test_numbers_have_no_classes_to_confuse() -> None:
    task = classifier(Number(("LABEL_0",)))
    examples = [Example("the river", None, value, "t:1") for value in (1.0, 2.0, 4.0)]
    predictions = [{"label": value, "score": value, "scores": {}} for value in (1.5, 2.0, 1.0)]
    page = page_of(evaluation(task, predictions, examples))
    assert page.all("h2") == ["Worst errors", "Slices"]
    assert page.all("li", "wrong")[0] == "the river✗ wrong · predicted 1, expected 4t:1"


def test_several_labels() -> None:
    task = classifier(ManyLabels(("bad", "good")))
    examples = [Example("the river", None, ("bad",), "t:1"), Example("a city", None, (), "t:2")]
    predictions = [
        {"label": ["bad"], "score": [0.9], "scores": {"bad": 0.9, "good": 0.1}},
        {"label": ["good"], "score": [0.7], "scores": {"bad": 0.2, "good": 0.7}},
    ]
    page = page_of(evaluation(task, predictions, examples))
    assert page.all("caption") == ["The most frequent errors", "Texts by label and decision"]
    assert page.all("li", "wrong") == ["a city✗ wrong · predicted good, expected nonebad0.200good0.700t:2"]


def answerer(**rule: Any) -> QuestionAnswering:
    return QuestionAnswering(make_tokenizer(), Answers(Answering(**rule)), Reading(max_seqlen=29))


def answered(text: str, answer: str | None, best: str, score: float, none: float) -> dict[str, Any]:
    start = None if answer is None else text.index(answer)
    end = None if start is None else start + len(answer or "")
    said = {"answer": answer, "start": start, "end": end, "score": score}
    return said | {"best_answer": best, "no_answer": none}


TEXT = "the river sees a happy farmer"
ANSWERS = evaluation(
    answerer(no_answer_threshold=-1.0),
    [
        answered(TEXT, "happy farmer", "happy farmer", 0.9, -3.0),
        answered(TEXT, None, "the river", 0.5, -0.5),
        answered(TEXT, "river", "river", 0.7, -2.0),
        answered(TEXT, "farmer", "farmer", 0.8, -4.0),
    ],
    [
        asked(TEXT, "happy farmer"),
        asked(TEXT, "river", question="who sees"),
        asked(TEXT, question="a city"),
        asked(TEXT, "a happy farmer"),
    ],
)


def test_answers_are_shown_in_their_text_under_the_question() -> None:
    page = page_of(ANSWERS)
    assert "question-answering: 4 examples of test.jsonl. 3 of them are not wholly right." in page.all("p")
    assert page.all("h2") == ["Confusion", "Worst errors", "Thresholds", "Slices"]
    assert page.all("caption")[1] == "Questions that have an answer or none, and what became of them"
    end = "✗ wrongscore{}train.jsonl:7"
    assert page.all("li", "wrong") == [
        f"questiona cityexpected{TEXT}predictedthe riveranswer sees a happy farmer{end.format('0.700')}",
        f"questionwho seesexpectedthe riveranswer sees a happy farmerpredicted{TEXT}{end.format('0.500')}",
        "questionfarmer seesexpectedthe river sees a happy farmeranswerpredictedthe river sees a happy farmeranswer"
        + end.format("0.800"),
    ]
    assert "An answer that has words of the right one counts by the share of F1 that it lacks." in page.all("p")
    assert not any("An entity" in words for words in page.all("p"))


def test_what_thresholds_would_have_given_is_drawn() -> None:
    page = page_of(ANSWERS)
    titles = [attributes["aria-label"] for attributes in page.attributes("svg")]
    assert titles == ["Scores by threshold", "Precision over recall", "By label"]
    caption = page.all("figcaption")[0]
    assert caption.startswith("The threshold in use is -1. On these questions ")
    assert caption.endswith(f"best one for F1: {ANSWERS.scores['best_f1']:.3f}.")
    examples, predictions = [*ANSWERS.labelled.examples[:2]], [*ANSWERS.predictions[:2]]
    assert "Thresholds" not in page_of(evaluation(answerer(), predictions, examples)).all("h2")


def test_choices_with_their_worst_first() -> None:
    task = MultipleChoice(make_tokenizer(), Reading(max_seqlen=29))
    examples = [ChoiceExample("river", ("a", "city"), label, f"t:{label}") for label in (0, 1)]
    predictions = [{"label": 1, "score": 0.6, "scores": [0.4, 0.6]}, {"label": 1, "score": 0.7, "scores": [0.3, 0.7]}]
    page = page_of(evaluation(task, predictions, examples))
    assert page.all("li", "wrong") == ["river✗ wrong · predicted 1: city, expected 0: a0: a0.4001: city0.600t:0"]
    assert page.all("caption")[1] == "Choices by their place, from 0: the right one (rows) and the one chosen"


def test_what_was_cut_is_said() -> None:
    cut = [{**prediction, "truncated": True} for prediction in ANSWERS.predictions[:1]]
    whole = evaluation(answerer(), [*cut, *ANSWERS.predictions[1:]], [*ANSWERS.labelled.examples])
    (summary,) = [words for words in page_of(whole).all("p") if words.startswith("question-answering")]
    assert summary == (
        "question-answering: 4 examples of test.jsonl. Of 1 of them something is left out "
        "(truncated). 3 of them are not wholly right."
    )


def test_a_perfect_model_has_no_errors_to_show() -> None:
    page = page_of(evaluation(tagger("LOC"), [found((0, 5, "LOC", 0.9))], [tagged("river", (0, 5, "LOC"))]))
    assert page.all("h2") == ["Confusion", "Slices"]
    assert page.all("li") == []


def hostile() -> list[Evaluation]:
    """Hostile text, labels, file names, languages and columns."""
    end = len(HOSTILE)
    entities = evaluation(
        tagger("LOC", HOSTILE),
        [found((0, end, HOSTILE, 0.9)), found((0, 4, HOSTILE, 0.9)), found((0, 3, "LOC", 0.5))],
        [
            tagged(HOSTILE, (0, end, "LOC"), language=HOSTILE),
            tagged(HOSTILE, (0, 4, HOSTILE)),
            tagged(HOSTILE, (2, 5, HOSTILE)),
        ],
        [HOSTILE, "b", "c"],
    )
    task = classifier(OneLabel(("good", HOSTILE)))
    examples = [Example(HOSTILE, HOSTILE, label, HOSTILE) for label in ("good", HOSTILE, HOSTILE)]
    predictions = [{"label": label, "scores": {"good": 0.4, HOSTILE: 0.6}} for label in (HOSTILE, HOSTILE, "good")]
    slices = {HOSTILE: {HOSTILE: {"examples": 3, "accuracy": 0.5, "intervals": {"accuracy": [0.1, 0.9]}}}}
    figures = {"model": 0.5, "against": 0.5, "difference": 0.0, "interval": [0.0, 0.0]}
    against = {"model": HOSTILE, "accuracy": {**figures, "p_bootstrap": 1.0, "p_randomization": 1.0}}
    plain = evaluation(task, predictions, examples)
    return [entities, Evaluation(task, plain.labelled, predictions, plain.measurement, slices, against), questions()]


def questions() -> Evaluation:
    """Hostile questions, texts and files."""
    predictions = [answered(HOSTILE, HOSTILE[4:9], HOSTILE[4:9], 0.9, -1.0 * place) for place in range(7)]
    examples = [asked(HOSTILE, *([HOSTILE] if place else []), question=HOSTILE) for place in range(7)]
    return evaluation(answerer(), predictions, examples, [HOSTILE, *["b"] * 6])


@pytest.mark.parametrize("whole", hostile(), ids=["entities", "classes", "questions"])
def test_hostile_data_stay_text(whole: Evaluation) -> None:
    html = render_report(error_page(whole, HOSTILE))
    page = Page(html)  # fails on markup that does not nest
    names = {name for name, _ in page.elements}
    assert not names & {"script", "img", "iframe", "object", "link"}
    assert names & VOID <= {"meta"}
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 15
    policies = [a["content"] for a in page.attributes("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert set(re.findall(r"[a-z]+://[^\s\"'<]+", html)) == {"http://www.w3.org/2000/svg"}


def test_a_matrix_of_many_labels_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "LABELS", 2)
    names = ("a", "b", "c", "d")
    counts = ((5, 1, 2, 0), (0, 9, 0, 0), (4, 0, 1, 3), (0, 0, 1, 7))
    small = folded(Matrix("M", names, names, counts))
    assert small.rows == small.columns == ("a", "c", "all others")
    assert small.counts == ((5, 2, 1), (4, 1, 3), (0, 1, 16))
    assert small.caption == "M; 2 labels with fewer errors are added up"
    fates = folded(Matrix("M", names, ("right", "missed"), ((1, 5), (1, 0), (1, 1), (1, 6)), ("right",)))
    assert fates.rows == ("a", "d", "all others")
    assert fates.counts == ((1, 5), (1, 6), (2, 1))
    kept = Matrix("M", ("a", "b"), ("a", "b"), ((1, 0), (0, 1)))
    assert folded(kept) is kept


def test_where_the_page_goes(tmp_path: Path) -> None:
    write_error_page(ENTITIES, Path("models/one"), tmp_path / "errors.html")
    assert "<title>Errors of models/one</title>" in (tmp_path / "errors.html").read_text()
    for place in (tmp_path, tmp_path / "none" / "errors.html"):
        with pytest.raises(UserError) as error:
            check_place(place)
        assert str(error.value) == f"--errors {place}: no file can be there; name a file in a folder that exists"
    check_place(tmp_path / "new.html")
