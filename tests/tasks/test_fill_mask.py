"""The words behind a mask: in order, with what they make of the text; and texts that have no place for them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encodery.batch import pack
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder
from encodery.serve.predictor import Predictor
from encodery.tasks.fill_mask import FillMask
from encodery.tasks.windows import Overflow, Reading
from encodery.text.tokenizer import Tokenizer
from tests.tasks.company import in_company, random_model
from tests.tasks.conftest import WORDS, make_tokenizer

TEXTS = ("the [MASK] sees", "[MASK]", "a river and the [MASK]", "happy [MASK] or dull")


def example(text: str, pair: str | None = None) -> Example:
    return Example(text, pair, None, "in.jsonl:7")


@pytest.fixture
def task(tokenizer: Tokenizer) -> FillMask:
    return FillMask(tokenizer, Reading(max_seqlen=11))


@torch.no_grad()
def test_the_likeliest_words_come_first(task: FillMask, tokenizer: Tokenizer) -> None:
    model = random_model("mlm")
    examples = [example(text) for text in TEXTS]
    encoded = [task.encode(one) for one in examples]
    batch = pack([item.windows[0].sequence for item in encoded])
    outputs = task.outputs(model, batch)
    predictions = [task.decode(*given[:2], [given[2]]) for given in zip(examples, encoded, outputs, strict=True)]
    logits = model.logits("mlm", batch)[batch.input_ids == tokenizer.mask_token_id]
    for text, prediction, row in zip(TEXTS, predictions, torch.softmax(logits, -1), strict=True):
        values, ids = row.topk(5)
        entries = prediction["predictions"]
        assert [entry["token_id"] for entry in entries] == ids.tolist()
        assert [entry["score"] for entry in entries] == pytest.approx(values.tolist(), rel=1e-5)
        for entry in entries:
            assert list(entry) == ["token", "token_id", "score", "sequence"]
            assert entry["token"] == tokenizer.id_to_token(entry["token_id"])
            if entry["token_id"] not in tokenizer.special_ids:
                assert entry["sequence"] == text.replace("[MASK]", entry["token"])
            else:
                assert entry["sequence"].split() == text.replace("[MASK]", "").split()
    assert len({prediction["predictions"][0]["token_id"] for prediction in predictions}) > 1


@pytest.mark.parametrize(
    ("text", "pair", "expected"),
    [
        ("the river", None, "0 mask tokens [MASK]; exactly one is needed"),
        ("[MASK] and [MASK]", None, "2 mask tokens [MASK]; exactly one is needed"),
        ("[MASK] " + "river " * 10 + "[MASK]", None, "2 mask tokens [MASK]; exactly one is needed"),
        ("a [MASK]", "b", "text_pair is no part of a fill-mask record; only text is"),
    ],
)
def test_texts_without_a_place(task: FillMask, text: str, pair: str | None, expected: str) -> None:
    with pytest.raises(UserError) as error:
        task.encode(example(text, pair))
    assert str(error.value) == f"in.jsonl:7: {expected}"


@given(st.lists(st.tuples(st.lists(st.sampled_from(WORDS), max_size=41), st.integers(0, 41)), min_size=1, max_size=7))
def test_predictions_do_not_depend_on_their_company(drawn: list[tuple[list[str], int]]) -> None:
    task = FillMask(make_tokenizer(), Reading(max_seqlen=11))
    records = [" ".join([*words[:place], "[MASK]", *words[place:]]) for words, place in drawn]
    for one, *others in in_company(random_model("mlm"), task, records):
        for other in others:
            for found, same in zip(one["predictions"], other["predictions"], strict=True):
                assert found["score"] == pytest.approx(same["score"], abs=1e-5)
                assert (found["token_id"], found["sequence"]) == (same["token_id"], same["sequence"])


@pytest.mark.parametrize(("overflow", "words"), [("window", 62), ("truncate", 9)])
def test_the_sequence_is_all_that_was_read(tokenizer: Tokenizer, overflow: Overflow, words: int) -> None:
    """Of a long text in windows the whole; of one that was cut off what is left, and the prediction says so."""
    task = FillMask(tokenizer, Reading(max_seqlen=11, on_overflow=overflow))
    text = "river the [MASK] " + "a city sees " * 19 + "dull the"
    predictor = Predictor(ModelFolder(FAMILIES["bert"], random_model("mlm"), tokenizer), task)
    (prediction,) = predictor.predict([text])
    assert prediction.get("truncated", False) == (overflow == "truncate")
    for found in prediction["predictions"]:
        expected = text.replace("[MASK]", "" if found["token_id"] in tokenizer.special_ids else found["token"])
        assert found["sequence"].split() == expected.split()[: words - (found["token_id"] in tokenizer.special_ids)]


@pytest.mark.parametrize("before", [0, 8, 9, 23, 60])
def test_a_mask_is_read_in_one_window_of_a_long_text(task: FillMask, tokenizer: Tokenizer, before: int) -> None:
    (window,) = task.encode(example("river " * before + "[MASK]" + " city" * (61 - before))).windows
    ids = [*window.sequence.input_ids]
    assert len(ids) == 11
    place = ids.index(tokenizer.mask_token_id)
    assert place - 1 >= min(before, 1)  # with context on both sides, as far as there is some
    assert 9 - place >= min(61 - before, 1)


def test_a_mask_beyond_a_cut(tokenizer: Tokenizer) -> None:
    task = FillMask(tokenizer, Reading(max_seqlen=11, on_overflow="truncate"))
    with pytest.raises(UserError) as error:
        task.encode(example("river " * 10 + "[MASK]"))
    assert str(error.value) == ("in.jsonl:7: 0 mask tokens [MASK] within the first 11 tokens; exactly one is needed")
