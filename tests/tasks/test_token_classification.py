"""Token classification: spans of characters in, tags of tokens inside, spans of characters out."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from encodery.batch import pack
from encodery.data.scripts import is_in_word, is_mark
from encodery.data.tagged import Entity, TaggedExample, TaggedFields, input_tagged, read_tagged
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.model.heads import Model
from encodery.tasks.languages import Languages
from encodery.tasks.tags import iob2
from encodery.tasks.token_classification import (
    Boundaries,
    EntityTags,
    TokenClassification,
    TokenClassificationConfig,
    find_boundaries,
)
from encodery.tasks.windows import Encoded, Reading
from encodery.text.tokenizer import Tokenizer, parse_spec, train_tokenizer
from encodery.text.wordpiece import BERT_SPECIAL_TOKENS, WordPiece, build_backend
from tests.tasks.company import in_company, random_model
from tests.tasks.conftest import CONFIG, WORDS, make_tokenizer
from tests.text.scripts import SENTENCES, TEXTS

LABELS = ("LOC", "PER")
KINDS: dict[str, dict[str, object]] = {
    "wordpiece": {"vocab_size": 701, "min_frequency": 1},
    "byte-bpe": {"vocab_size": 541},
    "unigram": {"vocab_size": 421, "character_coverage": 0.99},
}


def make_task(
    tokenizer: Tokenizer, boundaries: Boundaries = "characters", max_seqlen: int = 11
) -> TokenClassification:
    learned = EntityTags(iob2(LABELS), boundaries)
    return TokenClassification(tokenizer, learned, Reading(max_seqlen=max_seqlen))


def make_tokenizer_of(*tokens: str, accents: bool = False) -> Tokenizer:
    """These are all that it knows; marks are taken from letters unless `accents` is set."""
    special_tokens = list(BERT_SPECIAL_TOKENS.values())
    backend = build_backend([*special_tokens, *tokens], special_tokens, True, not accents, True)
    return Tokenizer(WordPiece(backend, BERT_SPECIAL_TOKENS))


def tagged(text: str, *entities: tuple[int, int, str]) -> TaggedExample:
    stated = [{"start": start, "end": end, "label": label} for start, end, label in entities]
    return read_tagged("train.jsonl:7", {"text": text, "entities": stated}, TaggedFields())


def targets_of(encoded: Encoded) -> list[int]:
    """The target of each token of the text, from the window that it belongs to."""
    return [label for window in encoded.windows for label in (window.sequence.token_labels or ())[window.own]]


def certain(task: TokenClassification, encoded: Encoded, targets: list[int]) -> list[np.ndarray]:
    """Outputs that are sure of these targets, and of nonsense where a token belongs to another window."""
    outputs, place = [], 0
    for window in encoded.windows:
        logits = np.zeros((len(window.sequence.input_ids), len(task.tags.names)), np.float32)
        logits[:, 3] = 9.0
        for row in range(*window.own.indices(len(logits))):
            logits[row] = 9.0 * np.eye(len(task.tags.names))[targets[place]]
            place += 1
        outputs.append(logits)
    return outputs


def spans(prediction: dict[str, Any]) -> list[tuple[int, int, str]]:
    return [(entity["start"], entity["end"], entity["label"]) for entity in prediction["entities"]]


@pytest.fixture(scope="module", params=KINDS)
def trained(request: pytest.FixtureRequest) -> Tokenizer:
    return train_tokenizer(parse_spec({"type": request.param, **KINDS[request.param]}, "test"), SENTENCES)


def test_every_token_has_a_target() -> None:
    task = make_task(make_tokenizer())
    encoded = task.encode(tagged("the river sees a farmer", (0, 9, "LOC"), (17, 23, "PER")))
    names = [task.tags.names[target] for target in targets_of(encoded)]
    assert names == ["B-LOC", "I-LOC", "O", "O", "B-PER"]
    (sequence,) = encoded.sequences
    assert [label == -100 for label in sequence.token_labels or ()] == [True] + [False] * 5 + [True]


def test_a_token_is_scored_in_one_window_only() -> None:
    task = make_task(make_tokenizer())
    encoded = task.encode(tagged("river " * 23, (0, 5, "LOC"), (120, 125, "PER")))
    assert len(encoded.windows) > 2
    batch = pack(encoded.sequences)
    assert task.counts(batch) == {"tokens": 23}
    targets = targets_of(encoded)
    assert (targets[0], targets[20]) == (1, 3)
    assert sum(targets) == 4


@given(data=st.data())
def test_entities_of_any_script_come_back(trained: Tokenizer, data: st.DataObject) -> None:
    """What begins and ends with words is found again exactly, when the model is right about every token."""
    text = data.draw(st.sampled_from(SENTENCES))
    words = [(start, start + len(word)) for word, start in _words(text)]
    chosen = sorted(data.draw(st.sets(st.integers(0, len(words) - 1), max_size=5)))
    entities = [(*words[index], LABELS[index % 2]) for index in chosen]
    example = tagged(text, *entities)
    task = make_task(trained, max_seqlen=data.draw(st.sampled_from([13, 29, 257])))
    encoded = task.encode(example)
    prediction = task.decode(example, encoded, certain(task, encoded, targets_of(encoded)))
    found = set(spans(prediction))
    for start, end, label in entities:  # a token may reach over the end of a word where there are no spaces
        assert any(s <= start and end <= e and name == label for s, e, name in found) or _unknown(
            trained, text[start:end]
        )
    for entity in prediction["entities"]:
        assert entity["text"] == text[entity["start"] : entity["end"]]
        assert entity["text"] == entity["text"].strip()
        assert 0.99 < entity["score"] <= 1.0


def _words(text: str) -> list[tuple[str, int]]:
    found, place = [], 0
    for word in text.split():
        place = text.index(word, place)
        found.append((word, place))
        place += len(word)
    return found


def _unknown(tokenizer: Tokenizer, text: str) -> bool:
    return not tokenizer.cut(text).ids


@given(TEXTS, st.sampled_from(["words", "characters"]), st.integers(0, 999))
def test_entities_of_any_text_are_parts_of_it(
    trained: Tokenizer, text: str, boundaries: Boundaries, seed: int
) -> None:
    """Whatever the model says: exact, visible, one after the other, and between words where that is asked for."""
    task = make_task(trained, boundaries, max_seqlen=29)
    example = TaggedExample(text, None, None, "x:1")
    encoded = task.encode(example)
    rng = np.random.default_rng(seed)
    outputs = [rng.normal(size=(len(s.input_ids), 5)).astype(np.float32) for s in encoded.sequences]
    entities = task.decode(example, encoded, outputs)["entities"]
    for entity in entities:
        assert entity["text"] == text[entity["start"] : entity["end"]] == entity["text"].strip() != ""
        edges = (entity["start"], entity["end"])
        assert boundaries == "characters" or not any(_parts_a_word(text, place) for place in edges)
    assert all(first["end"] <= second["start"] for first, second in pairwise(entities))


def _parts_a_word(text: str, place: int) -> bool:
    """Marks that no letter goes before are of no word."""
    letter = place
    while letter and is_mark(text[letter - 1]):
        letter -= 1
    return is_in_word(text, place) and (letter == place or is_in_word(text, letter))


@pytest.mark.parametrize("boundaries", ["words", "characters"])
@pytest.mark.parametrize(("base", "mark"), [("ก", "\u0e34"), ("e", "\u0301")], ids=["Thai", "Latin"])
def test_a_mark_is_in_the_entity_of_its_letter(boundaries: Boundaries, base: str, mark: str) -> None:
    """The model takes a letter for one entity, and the mark that is written onto it for another."""
    task = make_task(make_tokenizer_of(base, f"##{mark}", accents=True), boundaries)
    example = TaggedExample(base + mark, None, None, "x:1")
    encoded = task.encode(example)
    assert encoded.offsets == [(0, 1), (1, 2)]
    (logits,) = certain(task, encoded, [1, 3])
    logits[1] *= 2
    assert spans(task.decode(example, encoded, [logits])) == [(0, 2, "LOC")]


def test_a_mark_that_no_token_holds_is_inside_a_word() -> None:
    task = make_task(make_tokenizer_of("cafe", "##s"), "words")
    example = TaggedExample("cafe\u0301s", None, None, "x:1")
    encoded = task.encode(example)
    assert encoded.offsets == [(0, 4), (5, 6)]
    (logits,) = certain(task, encoded, [1, 0])
    logits[1] *= 2
    assert spans(task.decode(example, encoded, [logits])) == [(0, 6, "LOC")]


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=41), min_size=1, max_size=7))
def test_predictions_do_not_depend_on_their_company(texts: list[list[str]]) -> None:
    task = make_task(make_tokenizer())
    for one, reverse, alone in in_company(random_model("token", 5), task, [" ".join(words) for words in texts]):
        assert spans(one) == spans(reverse) == spans(alone)
        scores = [[entity["score"] for entity in found["entities"]] for found in (one, reverse, alone)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)
        assert scores[0] == pytest.approx(scores[2], abs=1e-5)


def test_words_given_get_tags() -> None:
    task = make_task(make_tokenizer())
    example = input_tagged("record 1", {"tokens": ["the", "river", "sees", "a-farmer"]})
    encoded = task.encode(example)
    targets = [1, 2, 0, 3, 0, 0]  # the model would leave the last word in its middle
    prediction = task.decode(example, encoded, certain(task, encoded, targets))
    assert prediction["tags"] == ["B-LOC", "I-LOC", "O", "O"]
    assert spans(prediction) == [(0, 9, "LOC")]


@pytest.mark.parametrize(("boundaries", "end"), [("characters", 3), ("words", 7)])
def test_where_words_end_entities_end(boundaries: Boundaries, end: int) -> None:
    """Of seven letters, each a token, the model takes three for an entity, and is less sure of the others."""
    task = make_task(make_tokenizer_of(*"abcd", *(f"##{c}" for c in "abcd")), boundaries)
    example = TaggedExample("abcdabc a", None, None, "x:1")
    encoded = task.encode(example)
    (logits,) = certain(task, encoded, [1, 2, 2, 0, 0, 0, 0, 0])
    logits[4:] /= 9.0
    assert spans(task.decode(example, encoded, [logits])) == [(0, end, "LOC")]


def test_an_empty_text_has_no_entities() -> None:
    task = make_task(make_tokenizer())
    example = TaggedExample("", None, None, "x:1")
    encoded = task.encode(example)
    assert task.decode(example, encoded, [np.zeros((2, 5), np.float32)]) == {"entities": []}


def test_loss_and_gradients_are_those_of_transformers(tokenizer: Tokenizer, tmp_path: Path) -> None:
    task = make_task(tokenizer)
    model = FAMILIES["bert"].model(CONFIG, ("token",), 5)
    model.initialize(3)
    model.eval()
    examples = [tagged("the river sees", (4, 9, "LOC")), tagged("a happy farmer", (8, 14, "PER")), tagged("dull")]
    batch = pack([sequence for example in examples for sequence in task.encode(example).sequences])
    output = task.loss(model, batch)
    output.losses["tokens"].backward()  # type: ignore[no-untyped-call]
    save_folder(tmp_path, ModelFolder(FAMILIES["bert"], model, tokenizer, task.tags.names))
    theirs: Any = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path).eval()
    total = torch.zeros(())
    for example in examples:
        (sequence,) = task.encode(example).sequences
        labels = torch.tensor([sequence.token_labels])
        mean = theirs(input_ids=torch.tensor([sequence.input_ids]), labels=labels).loss
        total = total + mean * (labels != -100).sum()
    total.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(output.losses["tokens"], total, atol=1e-5, rtol=1e-5)
    ours = model.get_parameter("heads.token.out.weight").grad
    torch.testing.assert_close(ours, theirs.classifier.weight.grad, atol=1e-5, rtol=1e-5)


def test_losses_add_up_over_any_split(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    model = Model(CONFIG, ("token",), 5).eval()
    batch = pack([s for text in ("the river", "a city " * 9, "dull") for s in task.encode(tagged(text)).sequences])
    whole = task.loss(model, batch)
    parts = [task.loss(model, part) for part in batch.split(7)]
    assert len(parts) > 2
    for name, (total, count) in whole.metrics.items():
        assert sum(part.metrics[name][0] for part in parts) == pytest.approx(total, rel=1e-5)
        assert sum(part.metrics[name][1] for part in parts) == count == 21


def test_scores_are_of_whole_entities() -> None:
    task = make_task(make_tokenizer())
    examples = [tagged("the river sees", (4, 9, "LOC")), tagged("a happy farmer", (8, 14, "PER"))]
    predictions = [
        {"entities": [{"start": 4, "end": 9, "label": "LOC"}, {"start": 0, "end": 3, "label": "PER"}]},
        {"entities": [{"start": 2, "end": 14, "label": "PER"}]},
    ]
    scores = task.score(predictions, examples)
    assert (scores["precision"], scores["recall"], scores["f1"]) == (pytest.approx(1 / 3), 0.5, pytest.approx(0.4))
    assert scores["per_label"]["LOC"]["f1"] == 1.0


def test_a_label_that_training_did_not_have() -> None:
    with pytest.raises(UserError) as error:
        make_task(make_tokenizer()).encode(tagged("the river", (0, 3, "ORG")))
    assert str(error.value) == (
        "train.jsonl:7: label 'ORG' is not among the labels of the training data ('LOC', 'PER'); correct it, or "
        "list every label in task.labels"
    )


def test_what_a_training_file_says() -> None:
    config = TokenClassificationConfig.parse({"type": "token-classification"}, "run.toml")
    learned = config.learn([tagged("Bonn and Ama", (9, 12, "PER"), (0, 4, "LOC"))], "train.jsonl", "key")
    assert learned.labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert learned.boundaries == "words"
    task = config.task(make_tokenizer(), learned, Languages())
    assert task.info == {
        "task": "token-classification",
        "boundaries": "words",
        "max_seqlen": 128,
        "on_overflow": "window",
    }
    with pytest.raises(UserError) as error:
        config.learn([tagged("Bonn")], "train.jsonl", "key")
    assert str(error.value) == "train.jsonl: no entity in any text; there is nothing to learn, label some"


def test_where_entities_end() -> None:
    inside = tagged("Bonner", (0, 4, "LOC"))
    whole = tagged("Bonn, 東京都", (0, 4, "LOC"), (6, 8, "LOC"))
    assert find_boundaries([whole]) == "words"
    assert find_boundaries([whole, inside]) == "characters"
    assert find_boundaries([whole] * 100 + [inside]) == "words"
    assert find_boundaries([]) == "words"
    assert whole.entities == (Entity(0, 4, "LOC"), Entity(6, 8, "LOC"))
