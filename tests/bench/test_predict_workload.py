"""Models and texts that the engines are measured with."""

from pathlib import Path

import numpy as np
import pytest

from encodery.bench.predict_texts import Texts
from encodery.bench.predict_workload import (
    LABELS,
    LENGTHS,
    MAX_TOKENS,
    SIZES,
    Size,
    make_texts,
    natural_lengths,
    train_vocabulary,
    write_model,
)
from encodery.bench.prose import make_lines
from encodery.families.folder import load_folder
from encodery.text.tokenizer import Tokenizer

TINY = Size("tiny", "bert", layers=2, hidden_size=24, heads=3)
NATURAL, CALIBRATION = 101, 7


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return make_lines(0.2)


@pytest.fixture(scope="module")
def tokenizer(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return train_vocabulary(lines, tmp_path_factory.mktemp("vocabulary"), vocab_size=1009)


def test_texts_have_exactly_the_wanted_tokens(tokenizer: Tokenizer, lines: list[str]) -> None:
    texts = make_texts(tokenizer, lines, NATURAL, CALIBRATION)
    assert {length: len(tokenizer.encode(text).input_ids) for length, text in texts.fixed.items()} == {
        length: length for length in LENGTHS
    }
    lengths = [len(tokenizer.encode(text).input_ids) for text in (*texts.natural, *texts.calibration)]
    assert lengths == natural_lengths(NATURAL + CALIBRATION).tolist()
    assert texts.num_tokens == sum(lengths[:NATURAL])
    assert len(texts.calibration) == CALIBRATION
    assert not set(texts.calibration) & set(texts.natural)


def test_texts_are_the_same_each_time_and_from_a_file(tokenizer: Tokenizer, lines: list[str], tmp_path: Path) -> None:
    texts = make_texts(tokenizer, lines, NATURAL, CALIBRATION)
    assert make_texts(tokenizer, lines, NATURAL, CALIBRATION) == texts
    texts.save(tmp_path / "texts.json")
    assert Texts.load(tmp_path / "texts.json") == texts


def test_lengths_are_those_of_short_requests() -> None:
    lengths = natural_lengths(20_000)
    assert lengths.mean() == pytest.approx(30, rel=0.02)
    assert (lengths.min(), lengths.max()) == (4, MAX_TOKENS)
    assert np.median(lengths) < lengths.mean()  # skewed, as lengths of texts are
    assert natural_lengths(7).tolist() == lengths[:7].tolist()


def test_a_model_folder_is_written_once(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = write_model(TINY, tokenizer, tmp_path / "size" / "model")
    written = (folder / "model.safetensors").read_bytes()
    model = load_folder(folder)
    assert model.labels == LABELS
    assert set(model.model.heads) == {"sequence"}
    assert model.model.config.intermediate_size == 96
    (folder / "config.json").write_text("{}")
    assert write_model(TINY, tokenizer, folder) == folder
    assert (folder / "config.json").read_text() == "{}"
    assert (folder / "model.safetensors").read_bytes() == written


def test_transformers_reads_the_folder(tokenizer: Tokenizer, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    folder = write_model(TINY, tokenizer, tmp_path / "model")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    assert model.config.id2label == {0: "negative", 1: "positive"}


def test_sizes_are_the_published_ones() -> None:
    shapes = {name: (size.layers, size.hidden_size, size.heads) for name, size in SIZES.items()}
    assert shapes == {"minilm": (6, 384, 12), "distilbert": (6, 768, 12), "bert": (12, 768, 12)}
