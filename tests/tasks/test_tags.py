"""The best sequence of tags: against all sequences that spell entities, one by one."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.tasks.tags import NONE, Tags, best_path, check_names, iob2, split_tag

TAGS = iob2(["LOC", "PER"])


def allowed(path: tuple[int, ...], glued: np.ndarray, opens: np.ndarray) -> bool:
    before = NONE
    for state, sticks in zip(path, glued.tolist(), strict=True):
        inside = state != NONE and state % 2 == 0
        follows = inside and before in (state, state - 1)
        if sticks:
            fine = follows or (state == NONE and before == NONE)
        else:
            fine = not inside or follows or bool(opens[state // 2 - 1])
        if not fine:
            return False
        before = state
    return True


@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(1, 2), st.booleans())
def test_no_other_path_is_better(seed: int, tokens: int, labels: int, opened: bool) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(tokens, 2 * labels + 1))
    glued = generator.random(tokens) < 0.4
    glued[0] = False
    opens = np.full(labels, opened)
    found = best_path(scores, glued, opens)
    assert allowed(tuple(found.tolist()), glued, opens)
    best = max(
        scores[np.arange(tokens), path].sum()
        for path in product(range(2 * labels + 1), repeat=tokens)
        if allowed(path, glued, opens)
    )
    assert scores[np.arange(tokens), found].sum() == pytest.approx(best)


def test_an_empty_text_has_an_empty_path() -> None:
    assert best_path(np.empty((0, 5)), np.empty(0, bool), np.zeros(2, bool)).tolist() == []


def test_the_names_of_the_logits() -> None:
    assert TAGS.names == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert TAGS.labels == ("LOC", "PER")
    assert TAGS.state_of_logit.tolist() == [0, 1, 2, 3, 4]
    assert TAGS.opens.tolist() == [False, False]


@pytest.mark.parametrize(
    ("names", "states"),
    [
        (("I-PER", "O", "B-PER"), [2, 0, 1]),
        (("O", "PER", "LOC"), [0, 2, 4]),
        (("O", "S-A", "B-A", "I-A", "E-A"), [0, 1, 1, 2, 2]),
        (("O", "U-A", "B-A", "I-A", "L-A"), [0, 1, 1, 2, 2]),
    ],
)
def test_logits_of_other_schemes(names: tuple[str, ...], states: list[int]) -> None:
    tags = Tags(names)
    assert tags.state_of_logit.tolist() == states
    logits = np.random.default_rng(5).normal(size=(7, len(names))).astype(np.float32)
    whole = np.exp(logits.astype(np.float64))
    expected = np.stack(
        [whole[:, np.array(states) == state].sum(1) for state in range(2 * len(tags.labels) + 1)], 1
    ) / whole.sum(1, keepdims=True)
    np.testing.assert_allclose(np.exp(tags.log_probabilities(logits)), expected, atol=1e-12)


def test_who_may_open_an_entity() -> None:
    assert Tags(("O", "I-A", "B-B", "I-B")).opens.tolist() == [True, False]
    assert Tags(("O", "B-A", "I-A"), strict=False).opens.tolist() == [True]


def test_huge_logits_are_probabilities() -> None:
    logs = TAGS.log_probabilities(np.array([[0, 3e38, 0, -3e38, 0]], np.float32))
    assert np.exp(logs).tolist() == [[0.0, 1.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("tag", "parts"),
    [("O", ("O", "")), ("B-A", ("B", "A")), ("I-A-B", ("I", "A-B")), ("PER", ("I", "PER")), ("X-Y", ("I", "X-Y"))],
)
def test_tags_have_a_kind_and_a_label(tag: str, parts: tuple[str, str]) -> None:
    assert split_tag(tag) == parts


@pytest.mark.parametrize("names", [("LABEL_0", "LABEL_1"), ("O",), ()])
def test_names_that_are_no_tags(names: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as error:
        check_names(names, "m/config.json")
    assert str(error.value) == (
        f"m/config.json: id2label = {', '.join(names)!r}; a tag O and one for each kind of entity are needed"
    )
