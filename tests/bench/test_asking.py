"""Which cases are meant, and what is said where one does not exist or a peer is missing."""

import pytest

from encodery.bench.asking import require_peers, wanted_of
from encodery.errors import UserError


def test_wanted_names_keep_their_order() -> None:
    assert wanted_of(["b", "a/x"], ["a/x-1", "a/y", "b/z"]) == ["a/x-1", "b/z"]
    assert wanted_of([], ["a", "b"]) == ["a", "b"]


def test_a_name_that_fits_nothing() -> None:
    with pytest.raises(UserError, match=r"^--case c: there is no such case; choose from a/x, b$"):
        wanted_of(["a", "c"], ["a/x", "b"])


def test_a_peer_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "there-not" else object())
    require_peers("load", "there")
    with pytest.raises(
        UserError, match=r"^bench load compares with there-not, which is not installed; try: pip install"
    ):
        require_peers("load", "there", "there-not")
