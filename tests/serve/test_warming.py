"""Before a worker is ready it has computed every length, and knows what it is."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Float, Int
from torch import Tensor

from encodery.batch import Batch, Sequence
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.model.heads import Model
from encodery.serve.computing import FiniteEngine
from encodery.serve.messages import read_info
from encodery.serve.predictor import Predictor, load
from encodery.serve.warming import lengths_up_to, stretched, warm_up
from tests.deploy.conftest import eager_engine
from tests.serve.conftest import LABELS
from tests.tasks.conftest import CONFIG, make_tokenizer
from tests.tasks.translating import make_translator

HEADS = {
    "text-classification": ("sequence",),
    "token-classification": ("token",),
    "question-answering": ("span",),
    "multiple-choice": ("choice",),
    "fill-mask": ("mlm",),
    "feature-extraction": (),
}


class Seen:
    """An engine that remembers how long its batches were."""

    def __init__(self, engine: Any, vectors: bool = True) -> None:
        self.engine = engine
        self.vectors = vectors
        self.lengths: list[list[int]] = []

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        if not self.vectors:
            raise UserError("this bundle holds no vectors")
        self.lengths.append(batch.seqlens())
        values: Tensor = self.engine.hidden(batch, rows)
        return values

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        self.lengths.append(batch.seqlens())
        values: Tensor = self.engine.logits(head, batch, rows)
        return values


def make(path: Path, task: str) -> Predictor:
    labels = {"text-classification": LABELS, "token-classification": ("city", "farmer")}.get(task, ())
    num_labels = 2 * len(labels) + 1 if task == "token-classification" else len(labels)
    names = ("O", "B-city", "I-city", "B-farmer", "I-farmer") if task == "token-classification" else labels
    torch.manual_seed(3)
    path.mkdir()
    save_folder(path, ModelFolder(FAMILIES["bert"], Model(CONFIG, HEADS[task], num_labels), make_tokenizer(), names))
    return load(path)


@pytest.mark.parametrize("task", HEADS)
def test_a_model_for_any_task_is_warm_and_can_answer_its_sample(task: str, tmp_path: Path) -> None:
    path = tmp_path / "m"
    predictor = make(path, task)
    predictor.engine = seen = Seen(predictor.engine)
    ready = warm_up(predictor, "m", path, "v1", 101)
    alone = {lengths[0] for lengths in seen.lengths if len(lengths) == 1}
    assert {8, 12, 16, 24, 29} <= alone
    assert [29] * 3 in seen.lengths  # 101 tokens hold three of the longest
    info = read_info(ready.info)
    assert (info.name, info.task, info.max_seqlen, info.hidden_size, info.embeds) == ("m", task, 29, 33, True)
    assert (info.engine, info.dtype, info.languages, info.version) == ("torch", "float32", (), "v1")
    assert ready.batch_tokens == 101
    assert ready.tokens_per_second > 0
    assert len(predictor.predict([dict(ready.sample)])) == 1


def test_after_it_no_batch_that_fits_compiles_another_graph(tmp_path: Path) -> None:
    """The engine of a bundle fills calls with several texts, to lengths that no text has alone."""
    path = tmp_path / "m"
    torch.manual_seed(3)
    path.mkdir()
    model = Model(
        CONFIG.model_copy(update={"max_position_embeddings": 499}), HEADS["text-classification"], len(LABELS)
    )
    info = {"max_seqlen": 29}
    save_folder(path, ModelFolder(FAMILIES["bert"], model, make_tokenizer(), LABELS, info=info))
    predictor = load(path)
    engine, session = eager_engine(predictor.folder.model, "sequence", tmp_path)
    predictor.engine = FiniteEngine(engine)
    warm_up(predictor, "m", path, "v1", 256)
    warm = [*session.compiled]
    assert len(warm) == len(set(warm))
    for count in range(1, 257 // 3):
        text = stretched(predictor.prepare("a", "").sequences[0], 3 + count % 27)
        predictor.outputs(predictor.task, [text] * min(count, 256 // text.num_tokens))
    assert session.compiled == warm


def test_a_model_that_gives_no_vectors_says_so(tmp_path: Path) -> None:
    path = tmp_path / "m"
    predictor = make(path, "text-classification")
    predictor.engine = Seen(predictor.engine, vectors=False)
    assert read_info(warm_up(predictor, "m", path, "v1", 101).info).embeds is False


@given(st.integers(4, 2000))
def test_of_all_lengths_up_to_the_longest_none_is_far_above_one_that_was_seen(longest: int) -> None:
    lengths = lengths_up_to(longest)
    assert lengths[-1] == longest
    assert all(first < second <= 1.5 * first for first, second in pairwise(lengths))


@given(st.integers(1, 7), st.integers(1, 23), st.booleans())
def test_a_sequence_is_stretched_with_all_that_belongs_to_it(size: int, length: int, typed: bool) -> None:
    ids = list(range(100, 100 + size))
    sequence = stretched(
        Sequence(ids, [1] * size if typed else None, language_ids=[2] * size if typed else None), length
    )
    assert list(sequence.input_ids) == ids + ids[-1:] * (max(size, length) - size)
    for values in (sequence.token_type_ids, sequence.language_ids):
        assert values is None if not typed else len(values or ()) == max(size, length)


def test_a_translator_is_warmed_up_by_a_translation_of_each_kind(tmp_path: Path) -> None:
    """Its record says a direction, it tells all of them, and its encoder has vectors to give."""
    info = {"task": "translation", "directions": [["en", "de"]], "max_seqlen": 17}
    save_folder(tmp_path, ModelFolder(FAMILIES["bert"], make_translator(CONFIG), make_tokenizer(), info=info))
    ready = warm_up(load(tmp_path), "m", tmp_path, "v1", 40)
    assert ready.sample == {"text": "a", "source_language": "en", "target_language": "de"}
    told = read_info(ready.info)
    assert (told.task, [*map(list, told.directions)], told.embeds) == ("translation", [["en", "de"]], True)
    assert ready.tokens_per_second > 0
