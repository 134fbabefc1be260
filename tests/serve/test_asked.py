"""What is asked of a model that translates beside the records."""

from pathlib import Path
from typing import Any

import pytest

from encodery.errors import UserError
from encodery.model.search import GenerationConfig
from encodery.serve.asked import Asked
from encodery.tasks.fill_mask import FillMask
from encodery.tasks.task import Task
from encodery.tasks.translation import Translation
from encodery.tasks.windows import Reading
from tests.tasks.conftest import make_tokenizer
from tests.tasks.translating import example, make_task

MODEL = Path("model")


def looking(task: Task, **options: Any) -> GenerationConfig:
    found = Asked.of(**options).task(task, MODEL)
    assert isinstance(found, Translation)
    return found.generation


def test_what_is_not_asked_is_as_the_folder_says() -> None:
    task = make_task(num_beams=3, num_return_sequences=2, length_penalty=0.7)
    assert Asked().task(task, MODEL) is task
    assert looking(task, num_beams=5) == task.generation.model_copy(update={"num_beams": 5})
    assert looking(task, length_penalty=0.0) == task.generation.model_copy(update={"length_penalty": 0.0})
    assert looking(task, n_best=3) == task.generation.model_copy(update={"num_return_sequences": 3})
    assert task.generation.num_beams == 3  # the task itself is as it was


def test_greedy_search_has_one_translation_of_each_text() -> None:
    found = looking(make_task(num_beams=3, num_return_sequences=2), num_beams=1)
    assert (found.num_beams, found.num_return_sequences) == (1, 1)


def test_languages_are_those_of_texts_that_do_not_say_theirs() -> None:
    task = Asked.of(source_language="de", target_language="en").task(make_task(), MODEL)
    assert isinstance(task, Translation)

    def spoken(text: str, source: str | None, target: str | None) -> tuple[Any, Any]:
        record = {"text": text, "source_language": source, "target_language": target}
        (sequence,) = task.encode(task.read("a:1", record, None)).sequences
        assert sequence.source is not None
        assert sequence.source.language_ids is not None
        assert sequence.language_ids is not None
        return sequence.source.language_ids[0], sequence.language_ids[0]

    assert spoken("dull", None, None) == (0, 2)
    assert spoken("dull", "en", "de") == (2, 0)
    assert task.encode(example("dull", "happy")).lessons[0].language_ids == [0, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"n_best": 5},
            "5 translations of each text are asked for, and 3 beams give no more than 3; give --num-beams 5 or "
            "--n-best 3 (num_beams, num_return_sequences)",
        ),
        ({"num_beams": 0}, "generation: num_beams = 0: input should be greater than 0"),
        (
            {"target_language": "fr"},
            "?-fr: target_language = 'fr' is not one of the model's languages (en, de); name",
        ),
        (
            {"source_language": "en", "target_language": "en"},
            "en-en: the direction en-en was not trained; this model translates en-de, de-en",
        ),
    ],
)
def test_what_cannot_be_asked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        Asked.of(**options).task(make_task(num_beams=3), MODEL)
    assert str(error.value).startswith(message)


def test_half_of_a_direction_may_be_asked() -> None:
    assert isinstance(Asked.of(target_language="en").task(make_task(), MODEL), Translation)


def test_a_model_that_does_not_translate_is_not_asked() -> None:
    task = FillMask(make_tokenizer(), Reading(max_seqlen=11))
    assert Asked().task(task, MODEL) is task
    with pytest.raises(
        UserError, match="model: this model does fill-mask and has no num_beams, target_language; name"
    ):
        Asked.of(num_beams=2, target_language="de").task(task, MODEL)


def test_the_same_is_written_the_same_way() -> None:
    assert str(Asked()) == str(Asked.of()) == ""
    assert str(Asked.of(num_beams=2, source_language="en")) == '{"num_beams": 2, "source_language": "en"}'
