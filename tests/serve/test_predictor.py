"""Predictions come in the order of the records and do not depend on their company."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import encodery
from encodery.batch import Sequence, pack
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, load_folder, save_folder
from encodery.report.predictions import Predictions
from encodery.serve.grouping import group_by_length
from encodery.serve.predictor import Predictor, load, to_example
from tests.families.conftest import tiny
from tests.serve.conftest import LABELS, sentence
from tests.tasks.conftest import make_model, make_tokenizer

TEXTS = [sentence(number) for number in range(53)]


@pytest.fixture
def predictor(model_folder: Path) -> Predictor:
    return load(model_folder)


def scores(predictions: list[dict[str, Any]]) -> list[float]:
    return [prediction["scores"]["größer"] for prediction in predictions]


def test_predictions_have_the_record_form(predictor: Predictor) -> None:
    (prediction,) = predictor.predict(["the river"])
    assert list(prediction) == ["label", "score", "scores"]
    assert prediction["label"] in LABELS
    assert tuple(prediction["scores"]) == LABELS


def test_predictions_come_in_the_order_of_the_records(predictor: Predictor) -> None:
    alone = [scores(predictor.predict([text]))[0] for text in TEXTS]
    assert len({round(score, 4) for score in alone}) > 40  # a mix-up could not pass
    assert scores(predictor.predict(TEXTS)) == pytest.approx(alone, abs=1e-6)
    assert scores(predictor.predict(TEXTS[::-1])) == pytest.approx(alone[::-1], abs=1e-6)


@pytest.mark.parametrize("max_tokens", [1, 29, 101])
def test_predictions_do_not_depend_on_the_batches(predictor: Predictor, max_tokens: int) -> None:
    small = Predictor(predictor.folder, predictor.task, max_tokens)
    assert scores(small.predict(TEXTS)) == pytest.approx(scores(predictor.predict(TEXTS)), abs=1e-6)


def test_a_record_is_a_text_or_a_mapping(predictor: Predictor) -> None:
    forms: list[str | Mapping[str, Any]] = [
        "the river",
        {"text": "the river"},
        {"text": "the river", "text_pair": None, "label": "any"},
    ]
    plain, mapped, labelled = (predictor.predict([form]) for form in forms)
    assert plain == mapped == labelled


def test_the_second_text_counts(predictor: Predictor) -> None:
    found = predictor.predict([{"text": "the river", "text_pair": pair} for pair in ("a city", "happy", None)])
    assert len({round(score, 5) for score in scores(found)}) == 3


def test_no_records_are_no_predictions(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


def test_an_empty_text_is_a_text(predictor: Predictor) -> None:
    assert predictor.predict([""])[0]["label"] in LABELS


def test_text_that_is_in_no_window_is_marked(predictor: Predictor) -> None:
    fits, long, pair = predictor.predict(
        ["river " * 27, "river " * 101, {"text": "river " * 20, "text_pair": "city " * 20}]
    )
    assert "truncated" not in fits
    assert "truncated" not in long
    assert pair["truncated"] is True  # one of the two is in every window


def test_the_way_of_reading_is_kept(model_folder: Path, tmp_path: Path) -> None:
    folder = with_info(model_folder, tmp_path, max_seqlen=7, on_overflow="truncate")
    fits, cut = load(folder).predict(["river " * 5, "river " * 6])
    assert "truncated" not in fits
    assert cut["truncated"] is True


def test_a_length_beyond_the_positions_is_cut_to_them(model_folder: Path, tmp_path: Path) -> None:
    folder = with_info(model_folder, tmp_path, max_seqlen=512)
    assert load(folder).task.reading.max_seqlen == 29


@pytest.mark.parametrize("tokens", [1, 31, 97])
def test_outputs_are_kept_for_some_texts_at_a_time(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    expected = scores(predictor.predict(TEXTS))
    monkeypatch.setattr("encodery.serve.predictor.TOKENS_AT_ONCE", tokens)
    assert scores(predictor.predict(TEXTS)) == pytest.approx(expected, abs=1e-6)


def with_info(source: Path, target: Path, **info: Any) -> Path:
    folder = shutil.copytree(source, target / "model")
    (folder / "encodery.json").write_text(json.dumps(info))
    return folder


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("long", "input should be a valid integer, unable to parse string as an integer"),
        (None, "input should be a valid integer"),
        (3, "input should be greater than or equal to 4"),
        (7.5, "input should be a valid integer, got a number with a fractional part"),
        ([7], "input should be a valid integer"),
    ],
)
def test_a_length_that_is_none(model_folder: Path, tmp_path: Path, value: object, reason: str) -> None:
    folder = with_info(model_folder, tmp_path, max_seqlen=value)
    with pytest.raises(UserError) as error:
        load(folder)
    assert str(error.value) == f"{folder}/encodery.json: max_seqlen = {value!r}: {reason}"


def test_predicting_leaves_training_mode_as_it_was(predictor: Predictor) -> None:
    expected = scores(predictor.predict(TEXTS[:3]))
    predictor.folder.model.train()
    assert scores(predictor.predict(TEXTS[:3])) == expected  # without dropout
    assert predictor.folder.model.training
    assert all(parameter.grad is None for parameter in predictor.folder.model.parameters())


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, "text = None; a string is needed"),
        ({"text": None}, "text = None; a string is needed"),
        ({"text": 7}, "text = 7; a string is needed"),
        ({"text": ["the", "river"]}, "text = ['the', 'river']; a string is needed"),
        ({"text": "a", "text_pair": 7}, "text_pair = 7; a string is needed"),
        ({"text": "a", "language": 7}, "language = 7; a string is needed"),
        ({"text": "a", "txt": "b"}, "unknown key 'txt'; allowed: text, text_pair, label, language"),
        ({"sentence": "a"}, "unknown key 'sentence'; allowed: text, text_pair, label, language"),
    ],
)
def test_a_record_that_is_none(predictor: Predictor, record: Mapping[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as error:
        predictor.predict(["fine", record])
    assert str(error.value) == f"record 2: {expected}"


def test_an_example_knows_where_it_is_from(predictor: Predictor) -> None:
    example = to_example(predictor.task, {"text": "a", "text_pair": "b", "label": "c"}, "in.jsonl:7")
    assert (example.text, example.text_pair, example.label, example.source) == ("a", "b", None, "in.jsonl:7")


def test_a_model_that_knows_no_task(tmp_path: Path) -> None:
    """XLM's head for answers by beam search: it is read and written alone."""
    family, tokenizer = FAMILIES["xlm"], make_tokenizer()
    config = tiny(family, vocab_size=tokenizer.vocab_size, pad_token_id=tokenizer.pad_token_id)
    save_folder(tmp_path, ModelFolder(family, family.model(config, ("beam",)), tokenizer))
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: there is no task here yet for a model with the head beam; those for sequence and token "
        "classification, question answering by spans, multiple choice, masked LM, next sentence prediction and plain "
        "features can predict"
    )


def test_vectors_whatever_the_task(predictor: Predictor) -> None:
    found = predictor.embed(TEXTS)
    assert found.shape == (53, 33)
    assert found.dtype == np.float32
    alone = np.stack([predictor.embed([text])[0] for text in TEXTS])
    np.testing.assert_allclose(found, alone, atol=1e-5)
    assert predictor.embed([]).shape == (0, 33)
    with pytest.raises(UserError) as error:
        predictor.embed(["fine", {"text": "a", "text_pair": "b"}])
    assert str(error.value) == "record 2: text_pair is no part of a feature-extraction record; only text is"


def test_vectors_of_texts_that_are_cut_come_with_a_warning(model_folder: Path, tmp_path: Path) -> None:
    predictor = load(with_info(model_folder, tmp_path, max_seqlen=7, on_overflow="truncate"))
    expected = (
        '2 of 3 texts are cut at max_seqlen = 7, for on_overflow is "truncate" in encodery.json; "window" there '
        "reads all of them"
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(expected)}$"):
        assert predictor.embed(["river " * 5, "river " * 6, "river " * 11]).shape == (3, 33)
    predictor.embed(["river " * 5])  # a warning would be an error


def test_a_plain_encoder_gives_vectors(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    save_folder(folder, load_folder(model_folder, heads=()))
    predictor = load(folder)
    assert predictor.task.name == "feature-extraction"
    vectors = [prediction["embedding"] for prediction in predictor.predict(TEXTS[:5])]
    np.testing.assert_allclose(predictor.embed(TEXTS[:5]), np.array(vectors, np.float32), atol=1e-6)


@pytest.mark.parametrize("labels", [("a", "b"), ("a", "b", "c")])
def test_a_quantity_has_one_output(tmp_path: Path, labels: tuple[str, ...]) -> None:
    folder = ModelFolder(
        FAMILIES["bert"], make_model(len(labels)), make_tokenizer(), labels, problem_type="regression"
    )
    save_folder(tmp_path, folder)
    with pytest.raises(UserError) as error:
        load(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: {len(labels)} distinct labels ({', '.join(labels)}); regression needs exactly one"
    )


def test_one_label_without_a_problem_type_is_a_quantity(tmp_path: Path) -> None:
    """As the classes of `transformers` take it."""
    save_folder(tmp_path, ModelFolder(FAMILIES["bert"], make_model(1), make_tokenizer(), ("LABEL_0",)))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config.pop("problem_type") == "regression"
    (tmp_path / "config.json").write_text(json.dumps(config))
    predictor = load(tmp_path)
    (prediction,) = predictor.predict(["the river"])
    assert isinstance(prediction["label"], float)
    assert prediction["scores"] == {"LABEL_0": prediction["label"]}


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "language = 'en', but the model has no vectors of languages; leave it out"),
        (["en"], "language = ['en']: input should be a valid string"),
    ],
)
def test_a_language_that_cannot_be(model_folder: Path, tmp_path: Path, language: object, expected: str) -> None:
    folder = with_info(model_folder, tmp_path, language=language)
    with pytest.raises(UserError) as error:
        load(folder)
    assert str(error.value) == f"{folder}/encodery.json: {expected}"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        load(str(tmp_path / "none"))


@given(st.lists(st.integers(1, 29), max_size=43), st.integers(1, 101))
def test_groups_hold_every_index_once_within_the_budget(lengths: list[int], max_tokens: int) -> None:
    groups = group_by_length([Sequence([5] * length) for length in lengths], max_tokens)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    assert all(len(group) == 1 or sum(lengths[i] for i in group) <= max_tokens for group in groups)
    flat = [lengths[index] for group in groups for index in group]
    assert flat == sorted(flat)
    mixed = group_by_length([Sequence([5] * length) for length in lengths], max_tokens, mixed=True)
    assert [index for group in mixed for index in group] == list(range(len(lengths)))
    assert all(len(group) == 1 or sum(lengths[i] for i in group) <= max_tokens for group in mixed)


@given(st.lists(st.tuples(st.integers(1, 29), st.booleans()), max_size=43), st.integers(1, 101))
def test_texts_with_and_without_a_language_do_not_meet(drawn: list[tuple[int, bool]], max_tokens: int) -> None:
    sequences = [Sequence([5] * length, language_ids=[1] * length if spoken else None) for length, spoken in drawn]
    for mixed in (False, True):
        groups = group_by_length(sequences, max_tokens, mixed)
        assert sorted(index for group in groups for index in group) == list(range(len(drawn)))
        assert all(len({drawn[index][1] for index in group}) == 1 for group in groups)
        for group in groups:
            pack([sequences[index] for index in group])


def test_what_predict_returns_can_do_more_than_a_list(model_folder: Path) -> None:
    """`encodery.load` makes it show itself; `load` alone knows nothing of that."""
    shown, plain = encodery.load(model_folder).predict(TEXTS[:3]), load(model_folder).predict(TEXTS[:3])
    assert shown == plain
    assert type(plain) is list
    assert isinstance(shown, Predictions)
    assert TEXTS[1] in shown._repr_html_()
    from_generator = encodery.load(model_folder).predict(text for text in TEXTS[:3])
    assert (from_generator, str(from_generator)) == (plain, str(shown))
    assert load(model_folder, lambda records, _: [{"records": len(records)}]).predict(TEXTS) == [{"records": 53}]
