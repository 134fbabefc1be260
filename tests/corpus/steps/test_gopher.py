"""Gopher's rules, against datatrove's."""

from pathlib import Path

import pytest

from encodery.corpus.page import Step
from encodery.corpus.steps.gopher import GopherConfig, GopherStep
from encodery.errors import UserError
from tests.corpus.steps.oracles import datatrove_filter, ours, random_line, random_texts, verdict

NAMES = {
    "gopher_short_doc": "short",
    "gopher_long_doc": "long",
    "gopher_below_avg_threshold": "short_words",
    "gopher_above_avg_threshold": "long_words",
    "gopher_too_many_hashes": "hashes",
    "gopher_too_many_ellipsis": "ellipses",
    "gopher_too_many_bullets": "bullets",
    "gopher_too_many_end_ellipsis": "line_ellipses",
    "gopher_below_alpha_threshold": "no_letters",
    "gopher_enough_stop_words": "no_stop_words",
    "": "",
}
GOOD = "The houses and the trees that stand with many other houses of stone have to be seen. " * 5


def step(**settings: object) -> GopherStep:
    made = GopherStep(GopherConfig.parse(settings, "test"), Path())
    assert isinstance(made, Step)
    return made


def reasons(text: str, language: str = "en", **settings: object) -> list[str]:
    return ours(step(**settings), [text], language)[0]


def test_datatrove_drops_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = datatrove_filter(
        monkeypatch,
        "gopher_quality_filter",
        "GopherQualityFilter",
        split_into_words=lambda text, language: text.split(),
    )()
    texts = random_texts(3, 397, random_line, 17)
    theirs = [NAMES[verdict(judge, text)[0]] for text in texts]
    assert len(set(theirs)) >= 6
    # the order of rules differs: theirs asks for letters and stop words after bullets
    assert [bool(why) for why in ours(step(), texts)[0]] == [bool(why) for why in theirs]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD, ""),
        ("", "short"),
        (" ".join(GOOD.split()[:49]), "short"),
        (" ".join([*GOOD.split()[:49], "!"]), "short"),
        (" ".join(GOOD.split()[:50]), ""),
        ("it is " * 40, "short_words"),
        ("notwithstanding the of " * 40 + "unbelievablenesses " * 80, "long_words"),
        (GOOD + "# " * 11, "hashes"),
        (GOOD + "… " * 11 + "end", "ellipses"),
        (GOOD + "12345 " * 22, "no_letters"),
        ("river mountains silver golden " * 20, "no_stop_words"),
        ("the river mountains silver golden " * 20, "no_stop_words"),
        ("\n".join("- " + line for line in GOOD.split(". ")), "bullets"),
        (GOOD.replace(". ", "...\n"), "line_ellipses"),
    ],
)
def test_rules(text: str, why: str) -> None:
    assert reasons(text, max_symbols=1.0 if why == "line_ellipses" else 0.1) == [why]


def test_each_limit_is_a_key() -> None:
    assert reasons("word", min_words=1, min_stop_words=0) == [""]
    assert reasons(GOOD, max_words=79) == ["long"]
    assert reasons(GOOD, min_word_length=7.0) == ["short_words"]
    assert reasons(GOOD, max_word_length=3.5) == ["long_words"]
    assert reasons(GOOD + "#", max_symbols=0.001) == ["hashes"]
    assert reasons("- " + GOOD, max_bullets=0.99) == ["bullets"]
    assert reasons(GOOD + "…", max_ellipses=0.5) == ["line_ellipses"]
    assert reasons(GOOD + "1", min_with_letters=1.0) == ["no_letters"]
    assert reasons(GOOD.replace(" be ", " "), min_stop_words=8) == ["no_stop_words"]


def test_stop_words_are_those_of_the_language() -> None:
    french = "la maison grande avec les arbres autour " * 10
    assert reasons(french, "fr") == [""]
    assert reasons(french, "en") == ["no_stop_words"]
    assert reasons(french, "fr", stop_words={"fr": ["que", "qui"]}) == ["no_stop_words"]
    assert reasons(french, "fr", stop_words={"fr": ["la", "les"]}) == [""]


def test_a_language_with_stop_words_takes_nothing_from_others() -> None:
    french = "la maison grande avec les arbres autour " * 10
    added = {"fra": ["que", "qui"], "de-AT": ["der", "und"]}
    assert reasons(french, "en", stop_words=added) == ["no_stop_words"]
    assert reasons(french, "fr", stop_words=added) == ["no_stop_words"]
    assert reasons(french, "de", stop_words=added) == ["no_stop_words"]
    assert reasons(french, "en", stop_words={"en": []}) == [""]
    assert reasons(french, "en", stop_words={"eng": ["la", "les"]}) == [""]
    with pytest.raises(UserError, match="'deu' names the language 'de' a second time; give its words once"):
        step(stop_words={"de": ["der"], "deu": ["die"]})


def test_words_are_not_counted_where_there_are_no_spaces() -> None:
    chinese = "房子和树木在山的旁边。\n- 河流。"
    assert reasons(chinese, "zh") == [""]
    assert reasons(chinese, "") == [""]
    assert reasons(chinese, "ko") == ["short"]
    assert reasons("- 河流。\n- 房子。", "zh") == ["bullets"]


def test_what_is_dropped_already_stays_so() -> None:
    from encodery.corpus.ledger import Ledger
    from encodery.corpus.page import Page

    page = Page("short", "a", dropped="url/blocked")
    ledger = Ledger()
    step()([page], ledger)
    assert page.dropped == "url/blocked"
    assert not ledger.counts


def test_a_key_that_is_wrong() -> None:
    with pytest.raises(UserError, match=r"^r: unknown key 'max_word'; did you mean 'max_words'\?$"):
        GopherConfig.parse({"max_word": 3}, "r")
    with pytest.raises(UserError, match=r"max_bullets = 1.5: input should be less than or equal to 1"):
        GopherConfig.parse({"max_bullets": 1.5}, "r")
