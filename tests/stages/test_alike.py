"""Settings compared key by key."""

from typing import Any

import pytest

from encodery.errors import UserError
from encodery.stages.alike import changes, check_alike
from encodery.train.distributed import ALONE, Ranks


def test_changes_name_the_key_and_both_values() -> None:
    before = {"steps": 3, "task": {"type": "a", "same": 1}, "gone": None, "inputs": {"f.txt": "1 bytes"}}
    after = {"steps": 5, "task": {"type": "b", "same": 1}, "inputs": {"f.txt": "2 bytes"}, "new": [1]}
    said = ["inputs.f.txt changed", "new None → [1]", "steps 3 → 5", "task.type 'a' → 'b'"]
    assert list(changes(before, after)) == said


def test_changes_of_a_list_name_the_entry_and_are_cut() -> None:
    before = {"parallel": [{"path": "p.de"}, {"path": "p.fr"}], "inputs": [{"path": "a"}], "long": "a" * 100}
    after = {"parallel": ({"path": "p.de"}, {"path": "p.es"}), "inputs": [], "long": "b" * 100}
    assert list(changes(before, after, "config.corpus.")) == [
        "corpus.inputs [{'path': 'a'}] → []",
        f"corpus.long '{'a' * 79} → '{'b' * 79}",
        "corpus.parallel.1.path 'p.fr' → 'p.es'",
    ]


class Second(Ranks):
    """A rank beside a first one that has other settings."""

    def __init__(self, theirs: dict[str, Any]) -> None:
        super().__init__()
        self.theirs = theirs

    def first(self, work: Any) -> Any:
        return self.theirs

    def gather(self, value: Any) -> list[Any]:
        return [[], value]


def test_ranks_that_differ_are_named_with_what_differs() -> None:
    check_alike(ALONE, {"recipe": {"steps": 3}})
    check_alike(Second({"recipe": {"steps": 3, "betas": [0.9]}}), {"recipe": {"steps": 3, "betas": (0.9,)}})
    with pytest.raises(UserError) as refused:
        check_alike(Second({"recipe": {"steps": 3}, "encodery": "1"}), {"recipe": {"steps": 5}, "encodery": "2"})
    assert str(refused.value) == (
        "rank 1 was not started as rank 0 was: encodery '1' → '2'; recipe.steps 3 → 5; start every rank with the "
        "same recipe file and arguments"
    )
