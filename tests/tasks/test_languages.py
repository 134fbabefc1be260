"""Names of languages become the numbers of the model's vectors."""

import pytest

from encodery.batch import pack
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.tasks.classification import TextClassification
from encodery.tasks.languages import Languages
from encodery.tasks.problems import OneLabel
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer
from tests.tasks.conftest import LABELS

IDS = {"de": 3, "en": 1, "sw": 4}


def example(language: str | None, line: int = 7) -> Example:
    return Example("the river", "a city", "good", f"train.jsonl:{line}", language)


def complaint(languages: Languages, *given: str | None) -> str:
    with pytest.raises(UserError) as error:
        languages.check_training([example(language, line) for line, language in enumerate(given, 5)])
    return str(error.value)


def test_a_text_says_its_language_or_has_that_of_the_task() -> None:
    assert [Languages(IDS).id_of(example(name)) for name in ("de", "sw", None)] == [3, 4, None]
    assert [Languages(IDS, "en").id_of(example(name)) for name in ("de", None)] == [3, 1]


def test_a_model_without_vectors_passes_languages_over() -> None:
    assert Languages().id_of(example("xx")) is None


def test_every_token_has_the_language_of_its_text(tokenizer: Tokenizer) -> None:
    task = TextClassification(
        tokenizer, OneLabel(LABELS), Reading(max_seqlen=11, language="en"), Languages(IDS, "en")
    )
    batch = pack([task.encode(example(name)).windows[0].sequence for name in ("de", None)])
    assert batch.language_ids is not None
    assert batch.language_ids.tolist() == [3] * 7 + [1] * 7
    assert task.info == {
        "task": "text-classification",
        "max_seqlen": 11,
        "on_overflow": "window",
        "language": "en",
    }


def test_no_language_is_no_vector(tokenizer: Tokenizer) -> None:
    task = TextClassification(tokenizer, OneLabel(LABELS), Reading(max_seqlen=11), Languages(IDS))
    assert task.encode(example(None)).windows[0].sequence.language_ids is None
    assert "language" not in task.info


def test_a_language_that_the_model_does_not_know() -> None:
    assert complaint(Languages(IDS), "de", "fr") == (
        "train.jsonl:6: language = 'fr' is not one of the model's languages (de, en, sw)"
    )
    assert complaint(Languages({}), "fr") == (
        "train.jsonl:5: language = 'fr' is not one of the model's languages (none: config.json has no lang2id)"
    )


def test_all_texts_have_a_language_or_none_has() -> None:
    assert complaint(Languages(IDS), "de", "en", None) == (
        "train.jsonl:7: the language is missing, but other examples have one; add it, or set task.language"
    )
    for languages in (Languages(IDS, "en"), Languages()):
        languages.check_training([example("de"), example(None)])
    Languages(IDS).check_training([example(None)] * 3)


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        (Languages(IDS, "fr"), "task.language = 'fr' is not one of the model's languages (de, en, sw)"),
        (Languages(None, "en"), "task.language = 'en', but the model has no vectors of languages; leave it out"),
    ],
)
def test_a_default_that_the_model_cannot_use(languages: Languages, expected: str) -> None:
    with pytest.raises(UserError) as error:
        languages.check_default("task.language")
    assert str(error.value) == expected


def test_defaults_that_the_model_can_use() -> None:
    for languages in (Languages(IDS, "en"), Languages(IDS), Languages()):
        languages.check_default("task.language")
