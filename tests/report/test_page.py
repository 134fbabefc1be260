"""The HTML report, read back: balanced markup, escaped text, nothing loaded from elsewhere."""

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest

from encodery.report.bars import Bar, bar_chart
from encodery.report.curves import Series, line_chart
from encodery.report.marks import Mark, Marked
from encodery.report.page import Chart, Example, Fact, RunReport, Section, Table, render_report
from encodery.report.samples import Measured, Sample, Samples
from encodery.tasks.judging import Matrix

VOID = {"meta", "link", "br", "img", "hr", "input"}
HOSTILE = "</style></title></pre><script>alert(1)</script><img src=x onerror='a'>&amp;\"'\x00\ud800"
SHOWN = HOSTILE.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")


class Page(HTMLParser):
    """Elements in order with their attributes and own text; fails on markup that does not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[int] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.open[-1]][0] == tag
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for i in self.open:
            self.texts[i] += data

    def all(self, tag: str, kind: str | None = None) -> list[str]:
        """What the elements of that name (and class) say."""
        return [
            text
            for (name, attributes), text in zip(self.elements, self.texts, strict=True)
            if name == tag and kind in (None, attributes.get("class"))
        ]

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


CHART = line_chart([Series("training", [1, 2], [9.0, 3.0])], "Loss", "step", "nats")

REPORT = RunReport(
    title="BERT-mini on English",
    summary=["Trained on novels.", "Then on SST-2."],
    results=[Fact("dev accuracy", "84.4 %", "3 seeds"), Fact("MLM loss", "2.75")],
    sections=[
        Section(
            "Pretraining",
            paragraphs=["Masked language modeling."],
            facts=[Fact("steps", "3,000"), Fact("model", "BERT-mini", "4 layers")],
            charts=[Chart(CHART, "Band: range."), Chart(bar_chart([Bar("a", [1.0])], "Bars", "accuracy"))],
        ),
        Section(
            "Fine-tuning",
            tables=[
                Table(
                    "Per label",
                    ["label", "F1", "examples", "remark"],
                    [["negative", "0.843", "428", "1 of 2"], ["positive", "–", "< 444", "best"]],
                )
            ],
            examples=[
                Example("a fine film", "positive", "positive", {"positive": 0.981, "negative": 0.019}),
                Example("a  dull\nfilm", "positive", "negative", {"positive": 1.25}),
                Example("a film", "negative"),
            ],
        ),
    ],
    recipe="[pretrain]\nsteps = 3000 # <b>\n",
    footer="Encodery 0.1.0 · torch 2.13.0",
)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_report(REPORT))


def test_the_result_comes_first_and_largest(page: Page) -> None:
    assert page.all("title")[0] == "BERT-mini on English"
    assert page.all("h1") == ["BERT-mini on English"]
    [results] = page.all("dl", "results")
    assert results == "dev accuracy84.4 % 3 seedsMLM loss2.75 "
    names = [name for name, _ in page.elements]
    assert names.index("h1") < names.index("dl") < names.index("nav") < names.index("section")
    assert ".results div:first-child .value { font-size: 4.5rem;" in page.all("style")[0]


def test_sections_hold_what_they_were_given_in_order(page: Page) -> None:
    assert page.all("h2") == ["Pretraining", "Fine-tuning"]
    assert page.all("p")[:3] == ["Trained on novels.", "Then on SST-2.", "Masked language modeling."]
    assert page.all("dl", "facts") == ["steps3,000 modelBERT-mini 4 layers"]
    assert page.all("figcaption") == ["Band: range."]
    assert page.all("footer") == ["Encodery 0.1.0 · torch 2.13.0"]


def test_charts_are_inline_named_and_described(page: Page) -> None:
    assert [attributes["aria-label"] for attributes in page.attributes("svg")] == ["Loss", "Bars"]
    assert [text.split(".")[0] for text in page.all("desc")] == [
        "Line chart of nats over step",
        "Bar chart of accuracy",
    ]
    assert len(page.all("figure")) == 2


def test_the_links_lead_to_the_sections(page: Page) -> None:
    assert page.all("a") == ["Pretraining", "Fine-tuning", "Recipe"]
    targets = [attributes["href"] for attributes in page.attributes("a")]
    assert targets == ["#part-1", "#part-2", "#recipe"]
    assert [f"#{attributes['id']}" for attributes in page.attributes("section")] == targets


def test_a_table_has_a_caption_header_cells_and_numbers_flush_right(page: Page) -> None:
    assert page.all("caption") == ["Per label"]
    scopes = [(attributes["scope"], attributes.get("class")) for attributes in page.attributes("th")]
    assert scopes == [
        ("col", None),
        ("col", "number"),
        ("col", "number"),
        ("col", None),
        ("row", None),
        ("row", None),
    ]
    assert page.all("td", "number") == ["0.843", "428", "–", "< 444"]
    assert page.all("th")[4:] == ["negative", "positive"]


def test_an_example_says_in_words_whether_it_is_right(page: Page) -> None:
    assert page.all("li", "correct") == ["a fine film✓ correct · predicted positivepositive0.981negative0.019"]
    assert page.all("li", "wrong") == ["a  dull\nfilm✗ wrong · predicted positive, expected negativepositive1.250"]
    assert page.all("li", "") == ["a filmpredicted negative"]
    widths = [a["style"] for a in page.attributes("span") if "style" in a]
    assert widths == ["width:98.1%", "width:1.9%", "width:100.0%"]


def test_a_marked_text_stands_in_place_of_the_labels() -> None:
    marked = Example("Bonn", "Bonn (LOC)", "none", marked=[Marked("predicted", "Bonn", [Mark(0, 4, "LOC", False)])])
    section = Section("Errors", examples=[marked, replace(marked, expected="Bonn (LOC)", note="test.jsonl:7")])
    page = Page(render_report(RunReport("Run", [], sections=[section])))
    assert page.all("li", "wrong") == ["predictedBonnLOC✗ wrong"]
    assert page.all("li", "correct") == ["predictedBonnLOC✓ correcttest.jsonl:7"]


def test_the_recipe_is_there_word_for_word(page: Page) -> None:
    assert page.all("code") == [REPORT.recipe]


def test_what_is_empty_leaves_no_trace() -> None:
    bare = Page(render_report(RunReport("Run", ["Nothing."], sections=[Section("Corpus")])))
    names = {name for name, _ in bare.elements}
    assert names == {"html", "head", "meta", "title", "style", "body", "header", "h1", "p", "main", "section", "h2"}


def test_nothing_is_loaded_from_elsewhere_and_no_script_runs(page: Page) -> None:
    html = render_report(REPORT)
    assert set(re.findall(r"[a-z]+://[^\s\"'<]+", html)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\(|@import|@font-face|javascript:|src=|<script|<link|<iframe|\son\w+=", html)
    policies = [a["content"] for a in page.attributes("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_the_page_is_for_phones_dark_rooms_and_paper() -> None:
    html = render_report(REPORT)
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in html
    for rule in ("prefers-color-scheme: dark", "@media print", "@media (max-width"):
        assert rule in html


MARKED = Example(
    HOSTILE, HOSTILE, HOSTILE, {HOSTILE: 0.5}, [Marked(HOSTILE, HOSTILE, [Mark(0, 9, HOSTILE, True)])], HOSTILE
)

SAMPLES = Samples(HOSTILE, HOSTILE, [Sample(HOSTILE, HOSTILE)])


def hostile_report() -> RunReport:
    fact = Fact(HOSTILE, HOSTILE, HOSTILE)
    chart = Chart(line_chart([Series("s", [1], [1])], "Loss", "step", "nats"), HOSTILE)
    section = Section(
        heading=HOSTILE,
        paragraphs=[HOSTILE],
        facts=[fact],
        charts=[chart],
        tables=[Table(HOSTILE, [HOSTILE, HOSTILE], [[HOSTILE, HOSTILE]])],
        examples=[Example(HOSTILE, HOSTILE, HOSTILE + "!", {HOSTILE: 0.5}), MARKED],
        matrices=[Matrix(HOSTILE, (HOSTILE,), (HOSTILE,), ((7,),))],
        measured=[Measured(chart.svg, HOSTILE, [SAMPLES])],
        samples=[SAMPLES],
    )
    return RunReport(HOSTILE, [HOSTILE], [fact], [section], HOSTILE, HOSTILE)


def test_hostile_text_stays_text_wherever_it_stands() -> None:
    html = render_report(hostile_report())
    page = Page(html)
    assert not {name for name, _ in page.elements} & {"script", "img"}
    assert page.all("h1") == page.all("h2") == page.all("code") == page.all("footer") == [SHOWN]
    assert (
        page.all("title")[0]
        == page.all("caption")[0]
        == page.all("caption")[1]
        == page.all("figcaption")[0]
        == page.all("td")[0]
        == SHOWN
    )
    assert page.all("a") == [SHOWN, "Recipe"]
    assert page.all("strong") == [SHOWN, SHOWN + "!"]
    # head and header 7, section text 6, table 6 (one names its region), example 4, recipe, footer;
    # matrix 4 (one names its region), marked example: title, label, text, score, note
    # measure: caption and one side of 4; samples 4: title, note, text, note
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 25 + 4 + 5 + 5 + 4
    html.encode("utf-8")


def test_every_field_of_the_report_is_covered_by_the_hostile_one() -> None:
    report = hostile_report()
    parts: list[Any] = [report, report.sections[0], report.results[0], report.sections[0].charts[0]]
    parts += [report.sections[0].tables[0], report.sections[0].examples[1]]
    parts += [report.sections[0].measured[0], SAMPLES, *SAMPLES.samples]
    for part in parts:
        assert all(getattr(part, field.name) for field in fields(part)), part


@pytest.mark.parametrize("rows", [[["a", "1"], ["b"]], [["a", "1", "2"]]], ids=["too few cells", "too many cells"])
def test_a_row_that_does_not_fit_its_header_is_a_mistake(rows: list[list[str]]) -> None:
    broken = replace(REPORT, sections=[Section("Broken", tables=[Table("t", ["x", "y"], rows)])])
    with pytest.raises((ValueError, IndexError)):
        render_report(broken)


def color_tables() -> list[dict[str, str]]:
    css = files("encodery.report").joinpath("page.css").read_text()
    blocks = re.findall(r":root \{([^}]*#[^}]*)\}", css)
    return [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def contrast(first: str, second: str) -> float:
    """Contrast ratio as WCAG 2 defines it."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_curves_stand_out_in_light_and_dark() -> None:
    light, dark = color_tables()
    assert light.keys() == dark.keys()
    for colors in (light, dark):
        for ground in (colors["surface"], colors["raised"]):
            for name in ("text", "muted", "good", "bad", *(f"series-{i}" for i in range(1, 7))):
                assert contrast(colors[name], ground) >= 4.5, (name, ground)


def test_charts_outside_the_page_have_the_light_colours() -> None:
    light = color_tables()[0]
    svgs = line_chart([Series(str(i), [1, 2], [1, 2]) for i in range(6)], "t", "x", "y") + CHART
    fallbacks = dict(re.findall(r"var\(--([a-z0-9-]+), (#[0-9a-f]{6})\)", svgs))
    assert fallbacks == {name: light[name] for name in fallbacks}
    assert fallbacks.keys() == {"text", "muted", "grid", *(f"series-{i}" for i in range(1, 7))}
