"""Predictions as a person sees them: everything is there, nothing of it is markup, and the list stays a list."""

import copy
import io
import json
import pickle
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from encodery.report.predictions import SHOWN, Predictions
from encodery.report.shown import LONG, Colors, Shown, Span, pieces, show
from encodery.report.terminal import print_shown

TEXT = "Ama Ata Aidoo lived in Accra."
ENTITIES = [
    {"start": 0, "end": 13, "label": "PER", "score": 0.987, "text": "Ama Ata Aidoo"},
    {"start": 23, "end": 28, "label": "LOC", "score": 0.5, "text": "Accra"},
]
HOSTILE = '<img src=x onerror="alert(1)">\x1b[31m</style></script>&amp;\'"'
PLAIN_TAGS = {"div", "style", "p", "mark", "small", "dl", "dt", "dd", "span", "data"}
Pair = tuple[Any, dict[str, Any]]
CASES: dict[str, Pair] = {
    "entities": (TEXT, {"entities": ENTITIES}),
    "words": (
        {"tokens": TEXT.split()},
        {"entities": ENTITIES[:1], "tags": ["B-PER", "I-PER", "I-PER"]},
    ),
    "unspaced words": (
        {"tokens": ["東京", "は", "Tokyo", "ใน", "ไทย", "."]},
        {
            "entities": [
                {"start": 0, "end": 2, "label": "LOC", "score": 0.75, "text": "東京"},
                {"start": 12, "end": 15, "label": "LOC", "score": 0.5, "text": "ไทย"},
            ]
        },
    ),
    "answer": (
        {"question": "Where did she live?", "context": TEXT},
        {"answer": "Accra", "start": 23, "end": 28, "score": 0.75},
    ),
    "no answer": ({"question": "When?", "context": TEXT}, {"answer": None, "start": 0, "end": 0, "score": 0.9}),
    "label": (
        {"text": "It rains.", "text_pair": "The street is wet."},
        {"label": "yes", "score": 0.9, "scores": {"no": 0.1, "yes": 0.9}},
    ),
    "labels": ("fine", {"label": [], "score": [], "scores": {"sad": 0.25, "calm": 0.125}}),
    "number": ("fine", {"label": 3.25, "score": 3.25, "scores": {"LABEL_0": 3.25}}),
    "choices": (
        {"text": "It rains.", "choices": ["wet", "dry"]},
        {"label": 1, "choice": "dry", "score": 0.625, "scores": [0.375, 0.625]},
    ),
    "mask": (
        "The [MASK] shines.",
        {"predictions": [{"token": "sun", "token_id": 7, "score": 0.5, "sequence": "the sun shines."}]},
    ),
    "vector": ("fine", {"embedding": [0.5, -0.25, 0.125, 0.0, 1.0]}),
    "truncated": (TEXT, {"entities": [], "truncated": True}),
    "translation": ({"text": "fine"}, {"translation": "gut", "score": 0.75}),
    "unknown": ("fine", {"summary": "gut"}),
}
EXPECTED = {
    "entities": "[Ama Ata Aidoo PER 0.99] lived in [Accra LOC 0.50].",
    "words": "[Ama Ata Aidoo PER 0.99] lived in Accra.",
    "unspaced words": "[東京 LOC 0.75]は Tokyo ใน[ไทย LOC 0.50] .",
    "answer": "Where did she live?\nAma Ata Aidoo lived in [Accra answer 0.75].",
    "no answer": "When?\nAma Ata Aidoo lived in Accra.\n  no answer",
    "label": f"It rains.\nThe street is wet.\n  yes {'█' * 22}{'░' * 2} 0.900\n  no  {'█' * 2}{'░' * 22} 0.100",
    "labels": f"fine\n  sad  {'█' * 6}{'░' * 18} 0.250\n  calm {'█' * 3}{'░' * 21} 0.125\n  no label",
    "number": "fine\n  3.250",
    "choices": f"It rains.\n  dry {'█' * 15}{'░' * 9} 0.625\n  wet {'█' * 9}{'░' * 15} 0.375",
    "mask": f"The [MASK] shines.\n  sun {'█' * 12}{'░' * 12} 0.500",
    "vector": "fine\n  5 numbers: 0.500, -0.250, 0.125, 0.000, …",
    "truncated": "Ama Ata Aidoo lived in Accra.\n  no entities · the text was too long: some of it was left out",
    "translation": "fine\ngut\n  0.750 a token",
    "unknown": 'fine\n  {"summary": "gut"}',
}


def predictions_of(*cases: Pair) -> Predictions:
    return Predictions([record for record, _ in cases], [prediction for _, prediction in cases])


def text_of(html: str) -> str:
    """What a browser shows of it, without the style."""
    return unescape(re.sub(r"<style>.*?</style>|<[^>]*>", "", html, flags=re.DOTALL))


@pytest.mark.parametrize("name", CASES)
def test_each_kind_on_a_terminal(name: str) -> None:
    assert str(predictions_of(CASES[name])) == EXPECTED[name]


@pytest.mark.parametrize("name", CASES)
def test_a_notebook_shows_the_same_words(name: str) -> None:
    """All but the drawn bars; the brackets of the terminal are marks here."""
    words = re.sub(r"[\[\]█░]", " ", EXPECTED[name]).split()
    shown = text_of(predictions_of(CASES[name])._repr_html_())
    position = 0
    for word in words:
        if word not in ("MASK",):
            position = shown.index(word, position) + len(word)


class Elements(HTMLParser):
    """Names and attributes of all elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def hostile(value: Any) -> Any:
    """Every text replaced by one that wants to be markup; keys of `scores`, too."""
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, list):
        return [hostile(entry) for entry in value]
    if isinstance(value, dict):
        return {(HOSTILE if key in ("yes", "sad", "LABEL_0") else key): hostile(v) for key, v in value.items()}
    return value


@pytest.mark.parametrize("name", CASES)
def test_nothing_of_a_text_or_label_is_markup(name: str) -> None:
    record, prediction = CASES[name]
    found = predictions_of((hostile(record), hostile(prediction)))
    html = found._repr_html_()
    elements = Elements()
    elements.feed(html)
    assert {tag for tag, _ in elements.found} <= PLAIN_TAGS
    assert {key for _, attributes in elements.found for key in attributes} <= {"class", "style", "dir", "aria-hidden"}
    assert html.count("</style>") == 1
    assert "url(" not in html
    assert "http" not in html
    assert "<img" not in html
    assert "<img" in text_of(html)
    assert "\x1b" not in str(found)


@given(st.text(max_size=41), st.lists(st.tuples(st.integers(-3, 43), st.integers(-3, 43), st.text(max_size=5))))
def test_the_text_is_there_whole(text: str, spans: list[tuple[int, int, str]]) -> None:
    """Whatever the spans are: outside the text, empty, overlapping."""
    entities = [{"start": start, "end": end, "label": label} for start, end, label in spans]
    shown = show(text, {"entities": entities})
    parts = list(pieces(shown))
    assert "".join(part for part, _ in parts) == text
    assert all(part == text[span.start : span.end] for part, span in parts if span)
    predictions = Predictions([text], [{"entities": entities}])
    Elements().feed(predictions._repr_html_())
    assert isinstance(str(predictions), str)


def test_of_a_long_text_what_is_near_an_answer() -> None:
    text = "a" * 5000 + " Accra " + "b" * 5000
    parts = list(pieces(Shown(text, [Span(5001, 5006, "answer")])))
    assert [part for part, _ in parts] == [" … " + "a" * 119 + " ", "Accra", " " + "b" * 119 + " … "]
    (part,) = pieces(Shown(text))
    assert part == ("a" * LONG + " …", None)


def test_labels_keep_their_colours() -> None:
    colors = Colors()
    assert [colors[name] for name in ("PER", "LOC", "PER")] == ["#2563c9", "#b4500a", "#2563c9"]
    html = predictions_of(CASES["entities"], CASES["words"])._repr_html_()
    assert len(re.findall("solid #2563c9", html)) == 2


def test_a_notebook_shows_the_first_of_many() -> None:
    html = predictions_of(*[CASES["entities"]] * (SHOWN + 1217))._repr_html_()
    assert html.count("Accra") == SHOWN
    assert "and 1,217 more" in html
    assert "more" not in text_of(predictions_of(*[CASES["entities"]] * SHOWN)._repr_html_())


def test_the_list_stays_a_list() -> None:
    predictions = predictions_of(*CASES.values())
    plain = [prediction for _, prediction in CASES.values()]
    assert predictions == plain
    assert json.loads(json.dumps(predictions)) == plain
    assert repr(predictions) == repr(plain)
    for copied in (copy.deepcopy(predictions), pickle.loads(pickle.dumps(predictions))):
        assert copied == plain
        assert str(copied) == str(predictions)
    assert str(Predictions()) == ""
    assert "</div>" in Predictions()._repr_html_()


def test_a_prediction_keeps_its_record() -> None:
    """Wherever it is moved to, and whatever becomes of the others."""
    texts = ["a", "b", "c", "d"]
    predictions = Predictions(iter(texts), [{"label": 0.5 + place} for place in range(4)])
    assert predictions.records == texts
    predictions.reverse()
    assert str(predictions) == "d\n  3.500\n\nc\n  2.500\n\nb\n  1.500\n\na\n  0.500"
    predictions.pop(1)
    assert predictions.records == ["d", "b", "a"]
    copied = copy.copy(predictions)
    predictions.sort(key=lambda prediction: prediction["label"])
    assert predictions.records == ["a", "b", "d"]
    assert copied.records == ["d", "b", "a"]
    assert text_of(predictions._repr_html_()) == "a0.500b1.500d3.500"


def test_a_prediction_from_elsewhere_is_shown_without_a_text() -> None:
    predictions = predictions_of(CASES["label"], CASES["number"])
    predictions[0] = {"label": 7.25}
    predictions.append({"label": 9.75})
    assert str(predictions) == "\n  7.250\n\nfine\n  3.250\n\n\n  9.750"
    assert "9.750" in predictions._repr_html_()


def printed(color: bool) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=color, color_system="truecolor" if color else None, width=40)
    pairs: Iterator[Any] = iter(CASES[name] for name in ("entities", "label"))
    print_shown(console, pairs)
    return stream.getvalue()


def test_a_terminal_gets_colours_and_a_pipe_none() -> None:
    assert printed(color=False) == f"{EXPECTED['entities']}\n\n{EXPECTED['label']}\n"
    assert "\x1b[1;37;48;2;37;99;201m" in printed(color=True)


def test_rich_prints_the_list_in_colour() -> None:
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, color_system="truecolor").print(predictions_of(CASES["entities"]))
    assert "48;2;37;99;201m" in stream.getvalue()
