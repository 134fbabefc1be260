"""The indexes of the first pass."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from encodery.data.validation.survey import Options, Survey, _first_of, spelling_key
from encodery.data.validation.validating import survey_of
from tests.data.validation.records import splits_of, texts


@given(st.lists(st.integers(-5, 5)))
def test_the_first_with_a_key(keys: list[int]) -> None:
    assert _first_of(array("q", keys)).tolist() == [keys.index(key) for key in keys]


def test_it_counts() -> None:
    survey: Survey = survey_of(
        splits_of(train=texts(("x", "a"), ("y", ["a", "a", "b"])), dev=texts(("z", "b"))), Options()
    )
    assert survey.sizes == {"train": 2, "dev": 1}
    assert survey.num_records == 3
    assert {label: (c.records, c.first) for label, c in survey.labels["train"].items()} == {"a": (2, 0), "b": (1, 1)}
    assert survey.count("dev", "b") == 1
    assert survey.count("dev", "a") == 0


def test_what_two_spellings_share() -> None:
    assert spelling_key("Not_Good") == spelling_key(" not good ") == spelling_key("NOT-GOOD")
    assert len({spelling_key(label) for label in ("1", "-1", "+1", "-", "_", "c", "c-", "", "a.b", "ab")}) == 10
