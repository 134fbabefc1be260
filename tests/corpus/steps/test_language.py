"""The step that identifies languages: what it keeps, cuts and splits."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from encodery.corpus.languages import Guess
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.steps import language as module
from encodery.corpus.steps.language import LanguageConfig, LanguageStep, by_language
from encodery.errors import UserError

NAMES = {"e": "en", "d": "de", "f": "fr", "-": ""}


class Letters:
    """Says the language by the first letter of most words; as sure as these are many."""

    languages = frozenset({"en", "de", "fr"})

    def __init__(self) -> None:
        self.seen: list[str] = []

    def identify(self, texts: Sequence[str]) -> list[Guess]:
        self.seen += texts
        return [self._guess(text.replace(" ", "").replace("\n", "")) for text in texts]

    def _guess(self, text: str) -> Guess:
        most = max("edf-", key=text.count)
        return Guess(NAMES[most], text.count(most) / max(len(text), 1), contested="?" in text)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Letters:
    letters = Letters()
    monkeypatch.setattr(module, "identifier_of", lambda name, base: letters)
    return letters


def run(pages: list[Page], **settings: object) -> Ledger:
    step, ledger = LanguageStep(LanguageConfig.parse(settings, "test"), Path()), Ledger()
    assert isinstance(step, Step)
    step(pages, ledger)
    return ledger


def test_languages_and_scores(model: Letters) -> None:
    pages = [Page("eeee", "a"), Page("ddde", "b"), Page("eeffdd", "c"), Page("--", "d"), Page("ee?e", "e")]
    ledger = run(pages)
    assert [page.language for page in pages] == ["en", "de", "en", "", "en"]
    assert [page.scores["language"] for page in pages] == [1.0, 0.75, 0.3333, 1.0, 0.75]
    reasons = ["", "", "language/unsure", "language/none", "language/contested"]
    assert [page.dropped for page in pages] == reasons
    assert ledger.counts["language/unsure", "documents"] == 1


def test_a_stated_language_is_believed_and_written_as_our_code(model: Letters) -> None:
    """Else `deu` would be no `de`: dropped where `de` is asked for, without its model, in a folder of its own."""
    pages = [Page("eee", "a", language="deu_Latn"), Page("eee", "b", language="DE"), Page("eee", "c", language="fra")]
    run(pages, languages=["ger"])
    assert [page.language for page in pages] == ["de", "de", "fr"]
    assert [page.dropped for page in pages] == ["", "", "language/other"]
    assert model.seen == []


def test_only_some_languages_are_kept(model: Letters) -> None:
    pages = [Page("eee", "a"), Page("ddd", "b"), Page("fff", "c")]
    run(pages, languages=["deu", "fr_FR"])
    assert [page.dropped for page in pages] == ["language/other", "", ""]
    assert pages[0].language == "en"


def test_what_the_source_says_is_believed(model: Letters) -> None:
    pages = [Page("ddd", "a", language="en"), Page("ddd", "b", language="sv")]
    run(pages, languages=["en"])
    assert not model.seen
    assert [page.dropped for page in pages] == ["", "language/other"]
    assert pages[0].scores == {}


def test_dropped_pages_are_passed_over(model: Letters) -> None:
    pages = [Page("ddd", "a", dropped="url/blocked")]
    run(pages, languages=["en"])
    assert pages == [Page("ddd", "a", dropped="url/blocked")]


@pytest.mark.parametrize(("characters", "seen"), [(7, 7), (0, 2011), (5000, 2011)])
def test_the_beginning_is_looked_at(model: Letters, characters: int, seen: int) -> None:
    run([Page("e" * 2011, "a")], characters=characters)
    assert [len(text) for text in model.seen] == [seen]


def test_of_the_whole_a_million_characters(model: Letters) -> None:
    run([Page("e" * (module.WHOLE + 3), "a")], characters=0)
    assert [len(text) for text in model.seen] == [module.WHOLE]


MIXED = "eeeee eeeee eeeee\ndd\nddddd ddddd\neeeee eeeee\nfffff fffff\nee?ee eeeee"


def test_paragraphs_are_kept_by_default(model: Letters) -> None:
    pages = [Page(MIXED, "a")]
    run(pages, min_paragraph=11)
    assert [page.text for page in pages] == [MIXED] or pages[0].dropped


def test_paragraphs_are_cut(model: Letters) -> None:
    pages = [Page(MIXED.replace("?", ""), "a"), Page("ddd", "b")]
    ledger = run(pages, paragraphs="cut", min_paragraph=11)
    assert pages[0].text == "eeeee eeeee eeeee\ndd\neeeee eeeee\neeee eeeee"
    assert pages[0].language == "en"
    assert pages[0].scores["language"] == round(34 / 36, 4)
    assert ledger.counts["language/paragraph", "paragraphs"] == 2
    assert ledger.counts["language/paragraph", "characters"] == 22
    assert pages[1].text == "ddd"


def test_paragraphs_are_split(model: Letters) -> None:
    pages = [Page(MIXED.replace("?", ""), "a", "http://a", "2026"), Page("x", "z", dropped="url/x"), Page("ddd", "b")]
    ledger = run(pages, paragraphs="split", min_paragraph=11, languages=["en", "de"])
    assert (ledger.counts["language/split", "changes"], ledger.counts["language/split", "changed documents"]) == (
        2,
        1,
    )
    assert [what["text"] for _, what in ledger.samples["language/split"]] == ["ddddd ddddd"]
    assert [page.source for page in pages] == ["a", "a#de", "a#fr", "z", "b"]
    assert [page.language for page in pages] == ["en", "de", "fr", "", "de"]
    assert [page.dropped for page in pages] == ["", "", "language/other", "url/x", ""]
    assert pages[1].text == "ddddd ddddd"
    assert (pages[1].url, pages[1].date) == ("http://a", "2026")


def test_a_paragraph_of_doubtful_language_stays(model: Letters) -> None:
    pages = [Page("eeeee eeeee eeeee\ndd?dd ddddd\nddffe ddffe", "a")]
    run(pages, paragraphs="cut", min_paragraph=3, threshold=0.45)
    assert pages[0].text.count("\n") == 2


def test_how_sure_the_model_is_of_paragraphs_is_kept(model: Letters) -> None:
    """Of those that are looked at, whole and apart, with the nearest to the threshold on both sides."""
    ledger = run([Page("eeeee eeeee eeeee\nddffe ddffe\ndd\nddddd ddddd", "a")], paragraphs="split", min_paragraph=11)
    spread = ledger.spreads["language/paragraph"]
    assert spread.count == 3
    below, above = spread.edges[0.5]
    assert [sample["text"] for _, _, sample in below.samples] == ["ddffe ddffe"]
    assert {sample["text"] for _, _, sample in above.samples} == {"eeeee eeeee eeeee", "ddddd ddddd"}
    assert "language/paragraph" not in run([Page("eeeee eeeee", "a")], min_paragraph=11).spreads


def test_what_most_of_the_text_is_in_makes_the_document() -> None:
    paragraphs = ["ee", "dddd", "short", "eee", "ff"]
    languages = ["en", "de", "", "en", "fr"]
    assert by_language(paragraphs, "fr", languages) == [
        ("en", ["ee", "short", "eee"]),
        ("de", ["dddd"]),
        ("fr", ["ff"]),
    ]
    assert by_language(["a", "b"], "fr", ["", ""]) == [("fr", ["a", "b"])]
    assert by_language([], "fr", []) == [("fr", [])]


def test_calls_change_nothing(model: Letters) -> None:
    texts = ["eee\nddddd ddddd", "ddd", "f", "ed"] * 3
    together = [Page(text, str(i)) for i, text in enumerate(texts)]
    run(together, paragraphs="split", min_paragraph=5)
    apart: list[Page] = []
    for i, text in enumerate(texts):
        pages = [Page(text, str(i))]
        run(pages, paragraphs="split", min_paragraph=5)
        apart += pages
    assert together == apart


def test_a_language_that_the_model_cannot_tell(model: Letters) -> None:
    step = LanguageStep(LanguageConfig(languages=("en", "sd", "hi_rom", "su")), Path())
    message = (
        r"^corpus.clean.language.languages: py3langid cannot tell hi, sd, su; leave that out, name a model that can, "
        r'model = "fasttext:PATH", or an input that states it; known are de, en, fr$'
    )
    with pytest.raises(UserError, match=message):
        step.check()
    with pytest.raises(UserError, match=message):
        step([Page("e", "a")], Ledger())


def test_no_model_has_to_tell_what_an_input_states(model: Letters) -> None:
    step, pages = (
        LanguageStep(LanguageConfig(languages=("en", "sd")), Path(), ["snd"]),
        [Page("?", "a", language="sd")],
    )
    step(pages, Ledger())
    assert not pages[0].dropped


def test_two_models(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def chosen(name: str, base: Path) -> Letters:
        asked.append(name)
        return Letters()

    monkeypatch.setattr(module, "identifier_of", chosen)
    run([Page("eee", "a")], second="lid.176.ftz")
    assert set(asked) == {"py3langid", "lid.176.ftz"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "gcld3"}, r"model = 'gcld3': 'gcld3' is no language model; 'py3langid', .* is allowed$"),
        ({"second": "fasttext:"}, r"second = 'fasttext:': 'fasttext:' is no language model"),
        ({"threshold": 1.5}, r"threshold = 1.5: input should be less than or equal to 1"),
        ({"paragraphs": "drop"}, r"paragraphs = 'drop': input should be 'keep', 'cut' or 'split'"),
        ({"language": "en"}, r"unknown key 'language'; did you mean 'languages'\?"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LanguageConfig.parse(settings, "recipe.toml")


def test_real_text_by_the_default_model() -> None:
    pytest.importorskip("py3langid")
    pages = [Page("The quick brown fox jumps over the lazy dog, and it was all the better for it.", "a")]
    pages += [Page("Der Hund und die Katze schliefen vor dem Haus in der warmen Sonne des Nachmittags.", "b")]
    run(pages)
    assert [page.language for page in pages] == ["en", "de"]
