from collections import Counter
from pathlib import Path

import pytest

from encodery.bench.crawl_pages import EXACT, NEAR, Pages, real_frames
from tests.bench.crawl_data import small_data

SENTENCES = {
    "en": [f"This is the English sentence number {n} & no other." for n in range(211)],
    "sw": [f"Hii ni sentensi ya Kiswahili namba {n}." for n in range(101)],
    "zh": [f"这是第{n}个句子。" for n in range(53)],
}


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(7, SENTENCES, [])


def test_a_page_is_a_function_of_the_seed_and_its_number(pages: Pages) -> None:
    assert pages.page(11) == Pages(7, SENTENCES, []).page(11)
    assert pages.page(11).html != pages.page(12).html
    assert pages.page(11).html != Pages(8, SENTENCES, []).page(11).html


def test_the_text_is_in_paragraphs_and_escaped(pages: Pages) -> None:
    page = next(page for page in map(pages.page, range(99)) if page.language == "en" and page.kind == "own")
    assert "<p>This is the English sentence number" in page.html
    assert "&amp; no other." in page.html
    assert page.html.startswith("<!DOCTYPE html>")
    assert page.html.rstrip().endswith("</html>")


def test_the_largest_language_comes_most_often(pages: Pages) -> None:
    found = Counter(pages.page(number).language for number in range(500))
    assert found["en"] > found["sw"] > found["zh"] > 50


def test_copies_are_as_many_as_planned_and_of_earlier_pages(pages: Pages) -> None:
    made = [pages.page(number) for number in range(700)]
    kinds = Counter(page.kind for page in made)
    assert kinds["exact"] / 700 == pytest.approx(EXACT, abs=0.03)
    assert kinds["near"] / 700 == pytest.approx(NEAR, abs=0.03)
    own = {page.html for page in made if page.kind == "own"}
    for page in made:
        assert (page.html in own) is (page.kind != "near")
    assert len({page.url for page in made}) == 700


def test_a_near_copy_has_most_words_of_its_original(pages: Pages) -> None:
    made = [pages.page(number) for number in range(300)]
    near = next(page for page in made if page.kind == "near" and len(page.html) > 9000)
    words = Counter(near.html.split())
    originals = [Counter(page.html.split()) for page in made if page.kind == "own" and page.language == near.language]
    shared, size = max(((words & other).total(), other.total()) for other in originals)
    assert 0.95 < shared / words.total() < 1
    assert shared == size


def test_frames_are_real_pages_without_their_paragraphs(tmp_path: Path) -> None:
    frames = real_frames(small_data(tmp_path))
    assert len(frames) == 7  # those in another encoding and without paragraphs are left out
    assert all(len(frame) == 6 for frame in frames)
    assert "menu 0" in frames[0][0]
    assert not any("word word" in part for frame in frames for part in frame)


def test_without_data_there_are_no_frames(tmp_path: Path) -> None:
    assert real_frames(None) == []
    assert real_frames(tmp_path) == []


def test_paragraphs_fill_the_places_of_a_frame_in_order() -> None:
    pages = Pages(7, SENTENCES, [("<A>", "<B>", "<C>", "<D>")])
    framed = [page.html for page in map(pages.page, range(40)) if page.html.startswith("<A>")]
    assert 8 < len(framed) < 32
    for html in framed:
        assert html.index("<A>") < html.index("<B>") < html.index("<C>") < html.index("<D>")
        assert html.count("<p>") >= 1
