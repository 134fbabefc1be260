"""What is served in production: a bundle of each task, exported as a user does it, says what its model says."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from encodery.config import read_json
from encodery.deploy import choose
from encodery.deploy import verify as verifying
from encodery.deploy.settings import ExportSettings
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.model.heads import Model
from encodery.serve.answers import InvalidRecord
from encodery.serve.job import WorkerSettings
from encodery.serve.predictor import load
from encodery.serve.supervisor import LocalModel
from encodery.stages import exporting
from encodery.stages.export_stage import run_export
from encodery.tasks.token_classification import TokenClassification
from tests.serve.conftest import LABELS, sentence, write_records
from tests.serve.test_end_to_end import assert_close
from tests.tasks.conftest import CONFIG, WORDS, make_tokenizer

pytest.importorskip("openvino", reason="openvino is not installed: pip install 'encodery[export]'")
HEADS = {
    "text-classification": "sequence",
    "token-classification": "token",
    "question-answering": "span",
    "multiple-choice": "choice",
    "fill-mask": "mlm",
}
NAMES = {
    "text-classification": LABELS,
    "token-classification": ("O", "B-city", "I-city", "B-farmer", "I-farmer"),
}
SCORED = {
    "text-classification": "accuracy",
    "token-classification": "f1",
    "question-answering": "f1",
    "multiple-choice": "accuracy",
}


def records_of(task: str) -> list[dict[str, Any]]:
    """Short ones, ones that share a call, and one of several windows; labelled, where the task has labels."""
    draw = random.Random(7)
    texts = [sentence(number) for number in range(37)] + [" ".join(draw.choices(WORDS, k=71))]
    match task:
        case "text-classification":
            return [{"text": text, "label": LABELS[number % 2]} for number, text in enumerate(texts)]
        case "token-classification":
            return [{"text": text, "entities": list(entities(text))} for text in texts]
        case "question-answering":
            return [{"question": "the city", "context": text, "answers": [answer(text)]} for text in texts]
        case "multiple-choice":
            choices = [list(pair) for pair in zip(texts, texts[1:] + texts[:1], strict=True)]
            return [
                {"text": text[:30].strip(), "choices": [a[:30], b[:23]], "label": number % 2}
                for number, (text, (a, b)) in enumerate(zip(texts, choices, strict=True))
            ]
        case _:
            return [{"text": f"the {words} [MASK] sees"} for words in WORDS]


def entities(text: str) -> Iterator[dict[str, Any]]:
    for word in ("city", "farmer"):
        if (start := text.find(word)) >= 0:
            yield {"start": start, "end": start + len(word), "label": word}


def answer(text: str) -> dict[str, Any]:
    word = text.split()[-1]
    return {"text": word, "answer_start": len(text) - len(word)}


def unlabelled(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in ("label", "entities", "answers")}


def make_folder(path: Path, task: str) -> Path:
    """A model whose weights are so large that different texts get different answers."""
    names = NAMES.get(task, ())
    config = CONFIG.model_copy(update={"num_hidden_layers": 1})  # all five are traced
    model = Model(config, (HEADS[task],), len(names))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    path.mkdir()
    save_folder(path, ModelFolder(FAMILIES["bert"], model.eval(), make_tokenizer(), names))
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """The model folder and the bundle of each task."""
    root = tmp_path_factory.mktemp("bundles")
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choose, "SECONDS", 0.01)
        patch.setattr(exporting, "thread_counts", lambda: (1,))
        patch.setattr(verifying, "EXTREMES", verifying.EXTREMES[:5])
        for task in HEADS:
            model, bundle = make_folder(root / task, task), root / f"{task}-bundle"
            file = write_records(root / f"{task}.jsonl", records_of(task))
            given: dict[str, Any] = {"data": [str(file)]} if task in SCORED else {"calibrate": file}
            settings = ExportSettings(dtype="fp32", engine="openvino")
            run_export(Console(quiet=True), model, bundle, settings, **given)
            made[task] = model, bundle
    return made


@pytest.mark.parametrize("task", HEADS)
def test_a_bundle_says_what_its_model_says(task: str, folders: dict[str, tuple[Path, Path]]) -> None:
    model, bundle = map(load, folders[task])
    assert bundle.task.name == model.task.name == task
    records = [unlabelled(record) for record in records_of(task)]
    said = bundle.predict(records)
    assert_close(said, model.predict(records))
    assert len({json.dumps(prediction) for prediction in said}) > len(said) / 2


@pytest.mark.parametrize("task", HEADS)
def test_what_was_found_is_of_the_task(task: str, folders: dict[str, tuple[Path, Path]]) -> None:
    stated = read_json(folders[task][1] / "encodery.json")
    assert (stated["task"], stated["bundle"]["head"]) == (task, HEADS[task])
    assert stated["export"]["parity"]["relative_error"] < 1e-4
    if task not in SCORED:
        assert "metric" not in stated["export"]
        assert f"the task metric was not compared: {task} has no scores; only parity was verified" in str(
            stated["export"]["notes"]
        )
        return
    metric = stated["export"]["metric"]
    assert (metric["headline"], metric["examples"]) == (SCORED[task], len(records_of(task)))
    found = metric["figures"][SCORED[task]]
    assert metric["drop"] == 0.0
    assert found["first"] == found["second"] < 1


@pytest.mark.parametrize(
    ("stated", "strict"),
    [
        ({}, False),
        ({"task": "token-classification"}, True),
        ({"task": "token-classification", "strict_tags": False}, False),
        ({"strict_tags": True}, True),
    ],
)
def test_whose_tags_are_strict(stated: dict[str, Any], strict: bool, tmp_path: Path) -> None:
    """Those of a model that we trained, and of a bundle those that its model has."""
    folder = make_folder(tmp_path / "m", "token-classification")
    (folder / "encodery.json").write_text(json.dumps(stated))
    task = load(folder).task
    assert isinstance(task, TokenClassification)
    assert task.tags.strict is strict


def test_a_bundle_keeps_the_tags_of_its_model(folders: dict[str, tuple[Path, Path]]) -> None:
    assert read_json(folders["token-classification"][1] / "encodery.json")["strict_tags"] is False


def test_strict_tags_that_are_neither(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m", "token-classification")
    (folder / "encodery.json").write_text('{"strict_tags": "no"}')
    with pytest.raises(UserError) as error:
        load(folder)
    assert str(error.value) == f"{folder}/encodery.json: strict_tags = 'no'; true or false is needed"


def served(folder: Path, look: Callable[[LocalModel], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))

    async def run() -> None:
        model = LocalModel("m", folder, WorkerSettings(threads=1))
        try:
            async with asyncio.timeout(120.0):
                await model.start()
                await look(model)
        finally:
            await model.close()

    asyncio.run(run())


async def said_by(model: LocalModel, records: list[dict[str, Any]]) -> list[Any]:
    """Of records that are asked for together, and alone at the same time."""
    together, *alone = await asyncio.gather(model.answer(records), *(model.answer([record]) for record in records))
    said = [json.loads(document) for document in together.predictions]
    assert_close([json.loads(one.predictions[0]) for one in alone], said)
    return said


def test_a_bundle_is_served_and_takes_the_place_of_its_model(
    folders: dict[str, tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, bundle = folders["text-classification"]
    records = [unlabelled(record) for record in records_of("text-classification")]
    expected = load(folder).predict(records)

    async def look(model: LocalModel) -> None:
        assert (model.info.engine, model.info.embeds) == ("torch", True)
        assert_close(await said_by(model, records), expected)
        before = model.info.version
        await model.swap(bundle)
        assert (model.info.engine, model.info.dtype, model.info.embeds) == ("openvino", "fp32", False)
        assert (model.info.labels, model.info.max_seqlen) == (LABELS, 29)
        assert model.info.version != before
        assert_close(await said_by(model, records), expected)
        with pytest.raises(InvalidRecord, match="gives no vectors: it was exported for its task alone"):
            await model.answer(["a city"], "embed")

    served(folder, look, monkeypatch)


def test_a_bundle_that_reads_every_token_is_served(
    folders: dict[str, tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, bundle = folders["token-classification"]
    records = [unlabelled(record) for record in records_of("token-classification")]
    expected = load(folder).predict(records)

    async def look(model: LocalModel) -> None:
        assert_close(await said_by(model, records), expected)

    served(bundle, look, monkeypatch)
