"""The step that measures perplexity, and the models that it needs."""

import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from encodery.corpus.ledger import Ledger
from encodery.corpus.lm.buckets import Cutoffs, Perplexities
from encodery.corpus.lm.model import LanguageModel
from encodery.corpus.page import Page, Step
from encodery.corpus.steps import perplexity as module
from encodery.corpus.steps.perplexity import PerplexityConfig, PerplexityStep, cutoffs, languages_of, train
from encodery.errors import UserError

GOOD = {"path": "good.txt", "language": "eng"}


def config(**settings: object) -> PerplexityConfig:
    return PerplexityConfig.parse({"good": [GOOD], **settings}, "recipe.toml")


class Lengths(LanguageModel):
    """In place of a model: the perplexity of a text is its length."""

    loaded: list[str]

    def __init__(self, folder: Path) -> None:
        self.loaded.append(folder.name)

    def perplexities(self, texts: Sequence[str]) -> list[float]:
        return [float(len(text)) for text in texts]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    Lengths.loaded = []
    monkeypatch.setattr(module, "LanguageModel", Lengths)
    return Lengths.loaded


def test_pages_whose_language_has_a_model_are_measured(loaded: list[str]) -> None:
    step = PerplexityStep(config(), Path("models"))
    assert isinstance(step, Step)
    pages = [Page("abc", "a", language="en"), Page("abcd", "b", language="de"), Page("ab", "c", language="en")]
    pages += [Page("x", "d", language="en", dropped="gopher/short"), Page("x", "e")]
    step(pages, Ledger())
    assert [page.scores for page in pages] == [{"perplexity": 3.0}, {}, {"perplexity": 2.0}, {}, {}]
    assert loaded == ["en"]


def test_models_are_in_memory_as_long_as_there_is_room(
    loaded: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    languages = ["en", "de", "fr", "es", "it"]
    for language in languages:
        (tmp_path / language).mkdir()
        (tmp_path / language / "ngrams.arpa").write_bytes(bytes(7 if language == "it" else 5))
    step = PerplexityStep(config(good=[{**GOOD, "language": language} for language in languages]), tmp_path)
    monkeypatch.setattr(module, "MODEL_BYTES", 22)
    for language in ["en", "de", "fr", "es", "en", "it", "en", "de"]:
        step([Page("a", "a", language=language)], Ledger())
    assert loaded == ["en", "de", "fr", "es", "it", "de"]
    monkeypatch.setattr(module, "MODEL_BYTES", 1)
    step([Page("a", "a", language="fr")], Ledger())
    assert loaded[6:] == ["fr"], "one there must be"


def test_a_step_goes_to_another_process_without_its_models(loaded: list[str]) -> None:
    step = PerplexityStep(config(), Path("models"))
    step([Page("abc", "a", language="en")], Ledger())
    again = pickle.loads(pickle.dumps(step))
    page = Page("abcd", "a", language="en")
    again([page], Ledger())
    assert page.scores == {"perplexity": 4.0}
    assert loaded == ["en", "en"]


def test_training_and_measuring(tmp_path: Path) -> None:
    pytest.importorskip("kenlm")
    text = (Path(__file__).parents[1] / "lm/lmplz/text.txt").read_text(encoding="utf-8")
    (tmp_path / "good.txt").write_text(text.replace("\n", "\n\n"), encoding="utf-8")
    settings = config(vocab_size=107, order=3, max_documents=61)
    assert languages_of(settings) == ["en"]
    (tmp_path / "models/en").mkdir(parents=True)
    train(settings, "en", tmp_path, tmp_path / "models/en")
    pages = [Page("People pay with the dong.", "a", language="en"), Page("Qzx vww jjk.", "b", language="en")]
    PerplexityStep(settings, tmp_path / "models")(pages, Ledger())
    assert pages[0].scores["perplexity"] * 3 < pages[1].scores["perplexity"]


def test_only_the_language_s_own_text_and_not_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def train_model(texts: Iterable[str], into: Path, **settings: object) -> None:
        seen.extend(texts)
        assert settings == {"vocab_size": 65536, "order": 5, "lmplz": tmp_path / "bin/lmplz", "language": "en"}

    monkeypatch.setattr(module, "train_model", train_model)
    for language in ("en", "de"):
        (tmp_path / f"{language}.txt").write_text("\n\n".join(f"{language}{i}" for i in range(7)), encoding="utf-8")
    good = [
        {"path": "en.txt", "language": "eng"},
        {"path": "de.txt", "language": "de"},
        {"path": "en.txt", "language": "en"},
    ]
    settings = config(good=good, max_documents=9, lmplz="bin/lmplz")
    assert languages_of(settings) == ["de", "en"]
    train(settings, "en", tmp_path, tmp_path)
    assert seen == ["en0", "en1", "en2", "en3", "en4", "en5", "en6", "en0", "en1"]


def test_cutoffs_are_measured_or_given() -> None:
    perplexities = Perplexities()
    perplexities.add(np.arange(101.0))
    assert cutoffs(perplexities, config(), "en") == Cutoffs(30.0, 60.0)
    assert cutoffs(perplexities, config(percentiles=[10, 50]), "en") == Cutoffs(10.0, 50.0)
    given = config(cutoffs={"eng": [3, 7.5]})
    assert cutoffs(perplexities, given, "en") == Cutoffs(3.0, 7.5)
    assert cutoffs(perplexities, given, "de") == Cutoffs(30.0, 60.0)
    assert cutoffs(Perplexities(), config(), "en").bucket(3.0) == "all"
    with pytest.raises(
        UserError, match=r"cutoffs\.deu: good has no text in this language, so it is not .* it has en"
    ):
        config(cutoffs={"en": [3, 7.5], "deu": [3, 7.5]})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"good": []}, r"^recipe.toml: good = \[\]: at least 1 is needed"),
        (
            {"good": [{"path": "a.txt", "language": "en/../../x"}]},
            r"language = 'en/../../x' is no code of a language; \"en\" or \"eng\" is$",
        ),
        ({"good": [{"path": "a.txt"}]}, r"'a.txt': of good text the language must be named: language = \"en\"$"),
        ({"percentiles": [60, 30]}, r"percentiles = \[60, 30\]: two rising numbers are needed"),
        ({"cutoffs": {"en": [0, 3]}}, r"cutoffs.en = \[0, 3\]: two rising numbers are needed"),
        ({"order": 7}, r"order = 7: input should be less than or equal to 6"),
        ({"keep": ["best"]}, r"'best': input should be 'head', 'middle', 'tail' or 'all'"),
        ({"keep": []}, r"keep = \[\]: at least 1 is needed"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config(**settings)
