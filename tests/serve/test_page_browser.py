"""The playground in a real Chromium: what a person sees, hears and does there, and what cannot be done to her."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.model.heads import Model
from encodery.serve.page import read_assets
from encodery.serve.predictor import load
from encodery.tasks.token_classification import TokenClassification
from tests.serve.page_app import EVIL, KEY, NAMES, KnownModel, known_models, make_app, serving
from tests.tasks.conftest import CONFIG, make_tokenizer

pytest.importorskip("playwright", reason="playwright is not installed: pip install -e '.[dev]'")
from playwright.sync_api import Browser, Error, Locator, Page, Request, Route, expect, sync_playwright

VIEWS = {
    "names-multilingual": "token-classification", "overlapping": "token-classification",
    "odd": "token-classification", "reviews": "text-classification", "emotions": "text-classification",
    "stars": "text-classification",
    "answers": "question-answering", "masked": "fill-mask", "vectors": "feature-extraction",
    "choices": "multiple-choice", "translations": "translation", EVIL: "token-classification",
}  # fmt: skip
NASTY = 'It\'s "quoted" \\ $(touch oops) `id` ${HOME} !x\n\ttwo lines; Riga 🚀 ﷽ é <b>&amp;</b> %s {0}'
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, [r, g, b, a]) => {
      const mix = (over, below) => (over * a + below * (255 - a)) / 255;
      return [mix(r, under[0]), mix(g, under[1]), mix(b, under[2])];
    }, [255, 255, 255]);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    const pair = [rgba(getComputedStyle(element).color).slice(0, 3), behind(element)].map(luminance);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) weak.push([walker.currentNode.textContent.slice(0, 40), ratio]);
  }
  return weak;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # of the module, not the session: an event loop runs in this thread while it is open
    with sync_playwright() as playwright:
        found = [
            *map(shutil.which, ("chromium", "chromium-browser", "google-chrome")),
            playwright.chromium.executable_path,
        ]
        path = next((path for path in found if path and Path(path).exists()), None)
        if path is None:
            pytest.skip("no Chromium is installed: apt-get install chromium, or playwright install chromium")
        # without a GPU it would have one computed, for pictures that nobody sees
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with serving(make_app()) as address:
        yield address


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, base: str) -> Iterator[Open]:
    """Opens the page; afterwards nothing must have gone wrong in it, been forbidden, or come from elsewhere."""
    contexts = []
    faults: list[str] = []

    def open_page(address: str = base, **context: Any) -> Page:
        contexts.append(browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **context}))
        contexts[-1].add_init_script(WATCH)
        page = contexts[-1].new_page()
        page.set_default_timeout(5000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.on("request", lambda request: check(request, address))
        page.goto(address)
        return page

    def check(request: Request, address: str) -> None:
        if not request.url.startswith(address):
            faults.append(request.url)

    yield open_page
    for context in contexts:
        for page in context.pages:
            assert page.evaluate("violations") == []
            assert page.title() == "Encodery playground"
        context.close()
    assert faults == []


@pytest.fixture
def page(open_page: Open) -> Page:
    return open_page()


def choose(page: Page, model: str) -> None:
    page.get_by_label("Model", exact=True).select_option(model)


def run(page: Page, *texts: str) -> Locator:
    """Fills the fields in order and runs; the result."""
    expect(
        page.locator("#fields textarea").first
    ).to_be_visible()  # they come with the models, and `all` does not wait
    for area, text in zip(page.locator("#fields textarea").all(), texts, strict=False):
        area.fill(text)
    page.get_by_role("button", name="Run", exact=True).click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_have_attribute("aria-busy", "false")
    return result


def rows(result: Locator, name: str) -> list[list[str]]:
    """The cells of a table."""
    body = result.get_by_role("group", name=name).locator("tbody tr")
    return [[" ".join(cell.inner_text().split()) for cell in row.locator("th, td").all()] for row in body.all()]


def marks(result: Locator) -> list[str]:
    """What is marked, without the labels."""
    script = (
        "all => all.map(m => [...m.childNodes].filter(n => n.nodeName !== 'SMALL').map(n => n.textContent).join(''))"
    )
    found: list[str] = result.locator("mark").evaluate_all(script)
    return found


# What is seen


def test_entities_are_marked_where_they_are(page: Page) -> None:
    plain = "p => [...p.querySelectorAll('small')].reduce((text, s) => (s.remove(), text), p).textContent"
    result = page.get_by_role("region", name="Result")
    for example in ("English", "العربية", "中文", "Emoji"):
        page.get_by_role("group", name="Examples").get_by_role("button", name=example).click()
        text = page.get_by_label("Text", exact=True).input_value()
        names = sorted((name for name in NAMES if name in text), key=text.index)
        assert len(names) >= 4
        expect(result.locator("mark").first).to_contain_text(names[0])
        assert marks(result) == names
        table = rows(result, "Entities")
        assert [row[0] for row in table] == names
        assert [row[1] for row in table] == [NAMES[name] for name in names]
        assert [row[3] for row in table] == [f"{text.index(name)}–{text.index(name) + len(name)}" for name in names]
        assert result.locator("p.text").evaluate(plain) == text


def test_each_label_has_its_colour_and_is_named_beside_its_entity(page: Page) -> None:
    result = run(page, "Riga Selma Brandt Lisbon")
    colours = result.locator("mark").evaluate_all("all => all.map(mark => getComputedStyle(mark).backgroundColor)")
    assert colours[0] == colours[2] != colours[1]
    assert result.locator("mark small").all_inner_texts() == ["\u00a0LOC", "\u00a0PER", "\u00a0LOC"]


def test_overlapping_entities_lie_in_each_other(page: Page) -> None:
    choose(page, "overlapping")
    result = run(page, "0123🚀5678 abcdef")
    chains = """p => {
      const found = [];
      const walker = document.createTreeWalker(p, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const chain = [];
        const parent = walker.currentNode.parentElement;
        if (parent.closest("small")) continue;
        for (let at = parent; at !== p; at = at.parentElement) chain.unshift(at.title.split(" ")[0]);
        found.push([walker.currentNode.textContent, ...chain]);
      }
      return found;
    }"""
    assert result.locator("p.text").evaluate(chains) == [
        ["0123", "OUTER"],
        ["🚀5", "OUTER", "INNER"],
        ["678", "OUTER", "INNER", "CROSS"],
        [" abc", "CROSS"],
        ["def"],
    ]
    assert len(rows(result, "Entities")) == 4  # the one beyond the text is told, not marked


def test_a_text_without_entities_says_so(page: Page) -> None:
    result = run(page, "nothing")
    expect(result).to_contain_text("No entities in this text.")
    assert marks(result) == []


def test_the_label_and_all_scores_are_shown(page: Page) -> None:
    choose(page, "reviews")
    result = run(page, "a fine day")
    expect(result.locator(".verdict")).to_have_text("positive 97.3%")
    assert rows(result, "Labels and scores") == [["positive (predicted)", "", "97.3%"], ["negative", "", "2.7%"]]
    widths = result.locator(".bar span").evaluate_all(
        "all => all.map(b => b.offsetWidth / b.parentElement.offsetWidth)"
    )
    assert widths == pytest.approx([0.973, 0.027], abs=0.01)


def test_the_second_text_and_the_language_are_sent(page: Page) -> None:
    choose(page, "reviews")
    page.get_by_label("Language").select_option("tr")
    with page.expect_request("**/v1/text-classification") as sent:
        result = run(page, "a", "b")
    assert sent.value.post_data_json["inputs"] == {"text": "a", "text_pair": "b", "language": "tr"}
    expect(result.locator(".verdict")).to_have_text("negative 75.0%")


def test_several_labels_are_each_above_or_not(page: Page) -> None:
    choose(page, "emotions")
    result = run(page, "a")
    expect(result.locator(".verdict")).to_have_text("joy, love 2 of 5 labels")
    names = [row[0] for row in rows(result, "Labels and scores")]
    assert names == ["joy (predicted)", "love (predicted)", "surprise", "anger", "sadness"]
    assert rows(result, "Labels and scores")[-1][2] == "<0.1%"
    expect(run(page, "nothing").locator(".verdict")).to_have_text("No label 0 of 5 labels")


def test_a_number_is_a_number(page: Page) -> None:
    choose(page, "stars")
    expect(run(page, "a").locator(".verdict")).to_have_text("3.8125")


def test_an_answer_is_shown_in_its_context(page: Page) -> None:
    choose(page, "answers")
    context = "🏰 Built in 1241, burnt in 1620."
    result = run(page, "When?", context)
    expect(result.locator(".verdict")).to_have_text("1241")
    expect(result.locator(".score")).to_contain_text("91.3%")
    assert marks(result) == ["1241"]
    assert result.locator("p.text").inner_text() == context


def test_no_answer_is_an_answer(page: Page) -> None:
    choose(page, "answers")
    result = run(page, "When?", "Nobody knows.")
    expect(result.locator(".verdict")).to_have_text("No answer in this text")
    expect(result.locator(".score")).to_contain_text("83.1%")
    assert marks(result) == []


def test_masks_are_filled_in_the_sentence(page: Page) -> None:
    choose(page, "masked")
    page.get_by_label("Text with one mask").fill("The shop: ")
    page.get_by_role("button", name="Insert mask").click()
    expect(page.get_by_label("Text with one mask")).to_have_value("The shop: <mask>")
    result = run(page)
    assert [row[0] for row in rows(result, "Words and scores")] == ["oven", "shop", "door", "bakery", "window"]
    assert result.locator("li p").all_inner_texts()[1] == "The shop: shop"
    # the second of the two is the one that was filled in
    before = "all => all.map(mark => mark.previousSibling.textContent)"
    assert result.locator("mark").evaluate_all(before) == ["The shop: "] * 5


def test_texts_are_compared_in_a_heat_map(page: Page) -> None:
    choose(page, "vectors")
    result = run(page, "a\n\n  b \nc\n")
    table = rows(result, "Cosine of each two texts")
    assert table == [["1 a", "1", "0.96", "0.00"], ["2 b", "0.96", "1", "−0.28"], ["3 c", "0.00", "−0.28", "1"]]
    heat = "all => all.map(cell => cell.style.getPropertyValue('--heat'))"
    assert result.locator(".heat td:not(.same)").evaluate_all(heat)[:3] == ["1.000", "0.226", "1.000"]
    expect(result).to_contain_text("Texts 1 and 2 are closest (0.96)")


def test_one_text_is_one_vector(page: Page) -> None:
    choose(page, "vectors")
    result = run(page, "a")
    expect(result.get_by_role("img", name="A vector of 2 numbers")).to_be_visible()
    expect(result).to_contain_text("All of 2 numbers; the vector's length is 5.00.")


def test_a_model_that_embeds_can_be_asked_for_vectors(page: Page) -> None:
    page.get_by_label("Task", exact=True).select_option("feature-extraction")
    with page.expect_request("**/v1/feature-extraction") as sent:
        run(page, "a\nb")
    assert sent.value.post_data_json == {"model": "names-multilingual", "inputs": ["a", "b"]}
    choose(page, "answers")
    expect(page.get_by_label("Task", exact=True)).to_be_hidden()


def test_choices_are_compared(page: Page) -> None:
    choose(page, "choices")
    result = run(page, "and so", "x\ny\n")
    expect(result.locator(".verdict")).to_have_text("y 71.0%")
    assert rows(result, "Choices and scores") == [["x", "", "25.0%"], ["y (predicted)", "", "71.0%"]]


def test_a_translation_stands_beside_its_text(page: Page) -> None:
    choose(page, "translations")
    page.get_by_label("From and to").select_option("de → ar")
    with page.expect_request("**/v1/translation") as sent:
        result = run(page, "Ein Hund.")
    record = {"text": "Ein Hund.", "source_language": "de", "target_language": "ar"}
    assert sent.value.post_data_json["inputs"] == record
    sides = result.locator(".sides")
    assert [text.strip() for text in sides.locator("p").all_inner_texts()] == ["Ein Hund.", "كلب."]
    assert sides.locator("p").nth(1).get_attribute("lang") == "ar"
    boxes = [sides.locator("p").nth(place).bounding_box() for place in (0, 1)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] != boxes[1]["x"] or boxes[0]["y"] != boxes[1]["y"]
    expect(result.locator(".score")).to_contain_text("81.0%")
    expect(result.locator("ol")).to_contain_text("40.0%")


def test_an_answer_of_another_form_is_shown_as_it_is(page: Page) -> None:
    choose(page, "odd")
    result = run(page, "a")
    expect(result).to_contain_text("has not the form that this page expects")
    expect(result.get_by_label("JSON", exact=True)).to_contain_text('"odd": "<img src=x')


def test_a_task_without_a_view_is_asked_in_json(page: Page) -> None:
    listed = {"object": "list", "data": [{"id": "new", "task": "summaries"}]}
    page.route("**/v1/models", lambda route: route.fulfill(json=listed))
    page.route("**/v1/summaries", lambda route: route.fulfill(json=[route.request.post_data_json, [0.5, 1]]))
    page.reload()
    expect(page.get_by_label("Model", exact=True)).to_have_value("new")
    result = run(page, '{"text": "a", "short": true}')
    expect(result.get_by_label("JSON", exact=True)).to_contain_text('"short": true')
    expect(result.get_by_label("JSON", exact=True)).to_contain_text("[ 0.5, 1 ]")
    page.get_by_label("Record, as JSON").fill("{")
    expect(page.get_by_role("tabpanel")).to_contain_text("The record is not JSON yet")
    expect(run(page).get_by_role("alert")).to_contain_text("JSON")


def test_the_time_is_split_by_phase(page: Page) -> None:
    result = run(page, "Riga")
    phases = result.get_by_role("list", name="Phases").get_by_role("listitem").all_inner_texts()
    assert phases[:4] == ["waiting 0.21 ms", "tokens 0.34 ms", "model 6.1 ms", "decoding 0.12 ms"]
    assert re.fullmatch(r"HTTP and browser [\d.]+ ms", phases[4])
    expect(result.locator(".ids")).to_contain_text("model version 4f1d0c92aa31")
    whole = float(result.locator(".total").inner_text().removesuffix(" ms"))
    assert whole >= 6.7


def test_what_a_model_finds_is_what_is_marked(open_page: Open, tmp_path: Path) -> None:
    tags = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    torch.manual_seed(5)
    heads = Model(CONFIG, TokenClassification.heads, len(tags)).eval()
    save_folder(
        tmp_path, ModelFolder(FAMILIES["bert"], heads, make_tokenizer(), tags, info={"task": "token-classification"})
    )
    predictor = load(tmp_path)
    text = "🚀 The farmer 👩🏽‍🌾 sees the \u202bנהר river\u202c, très happy 🇰🇪 baker finds the city."
    (prediction,) = predictor.predict([text])
    assert len({entity["label"] for entity in prediction["entities"]}) == 2
    model = KnownModel("tiny", "token-classification", lambda record: predictor.predict([record])[0], labels=tags)
    with serving(make_app({"tiny": model})) as address:
        page = open_page(address)
        result = run(page, text)
        assert marks(result) == [entity["text"] for entity in prediction["entities"]]
        assert [row[1] for row in rows(result, "Entities")] == [entity["label"] for entity in prediction["entities"]]


def test_spans_are_of_code_points(page: Page) -> None:
    script = """async ([text, spans]) => {
      const { pieces } = await import("./static/offsets.js");
      const given = spans.map(([start, end], place) => ({ start, end, place }));
      return pieces(text, given).map((piece) => {
        const places = (of) => [...of].map((span) => span.place);
        return [piece.text, places(piece.spans), places(piece.begins), places(piece.ends)];
      });
    }"""

    @given(
        st.text(st.one_of(st.sampled_from("ab\n é́🚀👩🏽‍🚀🇰🇪שלוםم "), st.characters(codec="utf-8")), max_size=13),
        st.lists(st.tuples(st.integers(-1, 14), st.integers(-1, 14)), max_size=5),
    )
    @settings(max_examples=60, deadline=None)
    def check(text: str, spans: list[tuple[int, int]]) -> None:
        found = page.evaluate(script, [text, [list(span) for span in spans]])
        assert "".join(piece for piece, *_ in found) == text
        for place, (start, end) in enumerate(spans):
            is_inside = 0 <= start < end <= len(text)
            over = [piece for piece, places, *_ in found if place in places]
            assert "".join(over) == (text[start:end] if is_inside else "")
            assert [place in begins for _, places, begins, _ in found if place in places] == [
                number == 0 for number in range(len(over))
            ]
            assert [place in ends for _, places, _, ends in found if place in places] == [
                number == len(over) - 1 for number in range(len(over))
            ]

    check()


# What goes wrong


def alert(page: Page) -> Locator:
    return page.get_by_role("region", name="Result").get_by_role("alert")


def test_an_error_is_told_with_what_to_do(page: Page) -> None:
    run(page, "!429")
    for part in ("too much is waiting", "overloaded", "3 s", "Try again in"):
        expect(alert(page)).to_contain_text(part)
    assert re.search(r"Request\s+\w{8}", alert(page).inner_text())
    page.get_by_label("Text", exact=True).fill("Riga")
    alert(page).get_by_role("button", name="Try again").click()
    expect(page.locator("mark")).to_contain_text("Riga")
    expect(alert(page)).to_be_empty()


def test_what_is_no_answer_of_the_server_is_told(page: Page) -> None:
    def fulfill(route: Route) -> None:
        route.fulfill(status=502, content_type="text/html", body=f"<h1>{EVIL}</h1>")

    page.route("**/v1/token-classification", fulfill)
    run(page, "a")
    expect(alert(page)).to_contain_text("The server answered with status 502 and no explanation.")
    page.unroute("**/v1/token-classification")
    page.route("**/v1/token-classification", lambda route: route.fulfill(body='{"entities": ['))
    run(page, "a")
    expect(alert(page)).to_contain_text("status 200 and no explanation")
    page.unroute("**/v1/token-classification")
    page.route("**/v1/token-classification", lambda route: route.abort())
    run(page, "a")
    expect(alert(page)).to_contain_text("The server cannot be reached.")


def test_an_empty_field_is_not_sent(page: Page) -> None:
    page.route("**/v1/token-classification", lambda route: pytest.fail("it was sent"))
    page.get_by_label("Text", exact=True).fill("")
    page.get_by_role("button", name="Run", exact=True).click()
    assert page.evaluate("document.activeElement.id") == "field-text"


def test_only_the_last_question_is_answered(page: Page) -> None:
    held: list[Route] = []
    given_up: list[str | None] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        held.append(route)

    page.route("**/v1/token-classification", hold)
    page.on("requestfailed", lambda request: given_up.append(request.failure))
    page.get_by_label("Text", exact=True).fill("Riga")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("region", name="Result")).to_have_attribute("aria-busy", "true")
    expect(run(page, "Lisbon").locator("mark")).to_contain_text("Lisbon")
    assert given_up == ["net::ERR_ABORTED"]


def test_no_models_are_said(open_page: Open) -> None:
    with serving(make_app({})) as address:
        page = open_page(address)
        expect(page.get_by_text("No model is served here yet.")).to_be_visible()
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_hidden()


def test_models_that_are_being_loaded_come_by_themselves(open_page: Open) -> None:
    """What was written and chosen meanwhile stays."""
    known = known_models()
    names = [*known][:3]
    models: dict[str, KnownModel] = {}
    loading = {*names}
    with serving(make_app(models, loading=loading)) as address:
        page = open_page(address)
        expect(page.get_by_text(f"Being loaded: {', '.join(sorted(names))} …")).to_be_visible()
        expect(page.get_by_text("No model is served here yet.")).to_be_hidden()
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_hidden()
        for name in names[:2]:
            models[name] = known[name]
            loading.discard(name)
        expect(page.locator("#model option")).to_have_count(2)
        choose(page, names[1])
        field = page.locator("#fields textarea").first
        field.fill("Riga")
        models[names[2]] = known[names[2]]
        loading.clear()
        expect(page.locator("#model option")).to_have_count(3)
        expect(page.get_by_label("Model", exact=True)).to_have_value(names[1])
        expect(field).to_have_value("Riga")
        expect(page.locator("#loading")).to_be_hidden()


def test_a_model_that_restarts_is_asked_for_again(open_page: Open) -> None:
    name, model = next(iter(known_models().items()))
    models = {name: model}
    model.is_ready = False
    with serving(make_app(models)) as address:
        page = open_page(address)
        expect(page.locator("#facts")).to_contain_text("not ready yet")
        model.is_ready = True
        expect(page.locator("#facts")).not_to_contain_text("not ready yet")


# Keys


def test_a_key_is_asked_for_and_kept_in_memory_only(open_page: Open) -> None:
    with serving(make_app(keys=KEY, open_paths=("/", "/static/*"))) as address:
        page = open_page(address)
        problem = page.get_by_role("form", name="Model and key").get_by_role("alert")
        expect(problem).to_contain_text("an API key is needed")
        expect(page.get_by_label("API key")).to_be_focused()
        page.keyboard.type("wrong-key-of-the-tests")
        page.keyboard.press("Enter")
        expect(problem).to_contain_text("the API key is not known")
        page.get_by_label("API key").fill(KEY)
        page.keyboard.press("Enter")
        expect(run(page, "Riga").locator("mark")).to_contain_text("Riga")
        for tab in page.get_by_role("tab").all():
            tab.click()
            code = page.get_by_role("tabpanel").inner_text()
            assert "ENCODERY_API_KEY" in code
            assert KEY not in code
        assert KEY not in page.url
        stored = "[document.cookie, localStorage.length, sessionStorage.length, history.state]"
        assert page.evaluate(stored) == ["", 0, 0, None]
        page.reload()
        expect(page.get_by_label("API key")).to_have_value("")
        expect(problem).to_contain_text("an API key is needed")


def test_a_key_may_be_the_browsers_own(open_page: Open) -> None:
    with serving(make_app(keys=KEY)) as address:
        page = open_page(address, http_credentials={"username": "", "password": KEY})
        expect(run(page, "Riga").locator("mark")).to_contain_text("Riga")


# What cannot be done to her


def test_no_label_text_name_or_error_becomes_markup(page: Page) -> None:
    images, scripts = (page.locator(tag).count() for tag in ("img", "script"))
    choose(page, EVIL)
    result = run(page, EVIL)
    expect(result.locator("mark small")).to_contain_text(EVIL)
    assert marks(result) == [EVIL]
    expect(page.get_by_role("tabpanel")).to_contain_text("onerror=")
    run(page, "!evil")
    expect(alert(page)).to_contain_text(EVIL)
    page.route("**/v1/token-classification", lambda route: route.fulfill(status=422, json=dict.fromkeys(
        ("code", "message", "hint", "field", "limit", "request_id"), EVIL)))  # fmt: skip
    run(page, "a")
    assert alert(page).inner_text().count("onerror=") == 6
    page.wait_for_timeout(50)  # an image that does not load says so later
    assert [page.locator(tag).count() for tag in ("img", "script")] == [images, scripts]


def test_the_policy_would_stop_what_the_scripts_do_not(browser: Browser, base: str) -> None:
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto(base)
    with pytest.raises(Error, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>markup</b>'")
    page.evaluate("""() => {
      const style = document.createElement("style");
      style.textContent = "body { display: none }";
      document.head.append(style);
    }""")
    with pytest.raises(Error, match="Failed to fetch"):
        page.evaluate("fetch('http://127.0.0.2:9/')")
    page.wait_for_timeout(20)
    assert {"require-trusted-types-for", "style-src-elem", "connect-src"} <= set(page.evaluate("violations"))
    assert page.locator("body").is_visible()
    page.close()


def test_the_page_asks_for_its_own_files_only(browser: Browser, base: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(base)
    expect(page.get_by_label("Model", exact=True)).to_be_enabled()
    assert {url.removeprefix(base) for url in asked} == {path.removeprefix("/") for path in read_assets()} | {
        "v1/models"
    }
    page.close()


# The same in code


@pytest.mark.parametrize("language", ["curl", "Python", "requests"])
def test_the_code_gives_what_is_on_the_screen(page: Page, tmp_path: Path, language: str) -> None:
    if language == "curl" and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    if language == "requests":
        pytest.importorskip("requests")
    result = run(page, NASTY)
    assert marks(result) == ["Riga"]
    page.get_by_role("tab", name=language, exact=True).click()
    code = page.get_by_role("tabpanel").locator("code").inner_text()
    command = ["bash", "-c", code] if language == "curl" else [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    start = NASTY.index("Riga")
    shown = done.stdout.replace("'", '"').replace(" ", "")
    assert f'"start":{start},"end":{start + 4},"label":"LOC"' in shown
    assert list(tmp_path.iterdir()) == []  # nothing of the text was run


def test_the_code_follows_what_is_typed(page: Page) -> None:
    page.get_by_label("Text", exact=True).fill("one")
    panel = page.get_by_role("tabpanel", name="curl")
    expect(panel).to_contain_text('"text": "one"')
    page.get_by_label("Text", exact=True).fill("two")
    expect(panel).to_contain_text('"text": "two"')


def test_the_code_can_be_copied(open_page: Open) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    expect(page.get_by_role("tabpanel")).to_contain_text("curl")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#snippet code").inner_text()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.get_by_role("button", name="Cop").click()
    expect(page.get_by_role("button", name="Selected")).to_be_visible()
    assert page.evaluate("String(getSelection())") == page.locator("#snippet code").inner_text()


# Who does not use a mouse, or does not see


def test_everything_can_be_done_by_keyboard(page: Page) -> None:
    expect(page.get_by_label("Model", exact=True)).to_be_enabled()
    seen = []
    for _ in range(24):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        if seen[-1] == "copy":
            break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", seen[-1]
    examples = ["English", "Deutsch", "Español", "العربية", "हिन्दी", "中文", "Emoji"]
    parts = ["model", "task", "key", "field-text", "run", *examples, "tab-0", "snippet", "copy"]
    assert seen == ["Skip to the result", "API", *parts]


def test_control_and_enter_run(page: Page) -> None:
    page.get_by_label("Text", exact=True).fill("Riga")
    page.keyboard.press("Control+Enter")
    expect(page.locator("mark")).to_contain_text("Riga")
    expect(page.get_by_label("Text", exact=True)).to_be_focused()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Riga")


def test_the_skip_link_leads_to_the_result(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the result")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Result")).to_be_focused()


def test_tabs_are_walked_by_arrows(page: Page) -> None:
    page.get_by_role("tab", name="curl").focus()
    for key, name in (
        ("ArrowRight", "Python"),
        ("End", "requests"),
        ("ArrowRight", "curl"),
        ("ArrowLeft", "requests"),
    ):
        page.keyboard.press(key)
        tab = page.get_by_role("tab", name=name, exact=True)
        expect(tab).to_be_focused()
        expect(tab).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("tabpanel", name=name, exact=True)).to_be_visible()
    assert page.locator("[role=tab][tabindex='0']").count() == 1


def test_results_are_announced(page: Page) -> None:
    run(page, "Riga and Selma Brandt")
    expect(page.get_by_role("status")).to_have_text(
        re.compile(r"2 entities, Riga LOC, Selma Brandt PER\. [\d.]+ ms\.")
    )
    choose(page, "answers")
    expect(page.get_by_role("status")).to_be_empty()
    run(page, "When?", "Nobody knows.")
    expect(page.get_by_role("status")).to_contain_text("No answer in this text, score 83.1%")


def test_everything_has_a_name(page: Page) -> None:
    named = {"button", "textbox", "combobox", "tab", "tabpanel", "link", "table", "image", "region", "form", "group"}
    session = page.context.new_cdp_session(page)
    for model in VIEWS:
        choose(page, model)
        page.locator("#examples button").first.click()
        expect(page.locator("#shown .total")).to_be_visible()
        found = [
            (node["role"]["value"], node.get("name", {}).get("value", "").strip())
            for node in session.send("Accessibility.getFullAXTree")["nodes"]
            if not node["ignored"] and node.get("role", {}).get("value") in named
        ]
        assert len(found) > 15
        assert [role for role, name in found if not name] == []
        headings = [" ".join(heading.inner_text().upper().split()) for heading in page.get_by_role("heading").all()]
        assert headings[:3] == ["ENCODERY PLAYGROUND", "INPUT", "RESULT"]
        assert page.get_by_role("heading", level=1).count() == 1


def test_the_accessible_tree_of_the_page(page: Page) -> None:
    run(page, "Riga")
    expect(page.locator("body")).to_match_aria_snapshot("""
      - link "Skip to the result"
      - banner:
        - heading "Encodery playground" [level=1]
        - link "API"
      - main:
        - form "Model and key":
          - combobox "Model"
          - combobox "Task"
          - textbox "API key"
        - form "Input":
          - heading "Input" [level=2]
          - textbox "Text": Riga
          - button "Run"
          - group "Examples"
        - region "Result":
          - heading "Result" [level=2]
          - paragraph:
            - mark: Riga LOC
          - group "Entities":
            - table "Entities"
        - region "This request in code":
          - tablist "This request in code":
            - tab "curl" [selected]
            - tab "Python"
            - tab "requests"
          - tabpanel "curl"
          - button "Copy"
      - status: /1 entity, Riga LOC\\. .* ms\\./
    """)


# Dark, narrow, still


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(open_page: Open, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    surface = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert surface == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
    for model in VIEWS:
        choose(page, model)
        page.locator("#examples button").first.click()
        expect(page.locator("#shown .total")).to_be_visible()
        assert page.evaluate(CONTRAST) == [], model
    run(page, "!429")
    assert page.evaluate(CONTRAST) == []


def test_the_measure_of_contrast_finds_what_is_weak(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<p style='color: #777'>weak on <mark style='background: #ff9'>yellow</mark></p>")
    assert [text for text, _ in page.evaluate(CONTRAST)] == ["weak on "]
    page.close()


@pytest.mark.parametrize("width", [320, 375, 768])
def test_a_narrow_page_is_not_scrolled_sideways(open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 700}, reduced_motion="reduce")
    for model in VIEWS:
        choose(page, model)
        page.locator("#examples button").first.click()
        expect(page.locator("#shown .total")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, model
    run(page, "!evil")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_result_is_brought_into_view(open_page: Open) -> None:
    page = open_page(viewport={"width": 375, "height": 600}, reduced_motion="reduce")
    expect(page.get_by_role("heading", name="Result")).not_to_be_in_viewport()
    run(page, "Riga")
    expect(page.get_by_role("heading", name="Result")).to_be_in_viewport()


def test_text_runs_from_the_right_where_it_does(page: Page) -> None:
    page.get_by_role("button", name="العربية").click()
    expect(page.locator("mark").first).to_be_visible()
    edges = "p => [...p.querySelectorAll('mark')].map(mark => mark.getClientRects()[0].right)"
    places = page.locator("p.text").evaluate(edges)
    assert places == sorted(places, reverse=True)
    assert page.get_by_label("Text", exact=True).evaluate("a => getComputedStyle(a).direction") == "rtl"


def test_every_known_model_has_a_view_here() -> None:
    assert {name: model.info.task for name, model in known_models().items()} == VIEWS
