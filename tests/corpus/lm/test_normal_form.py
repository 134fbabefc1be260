"""The normal form, against CCNet's rules as datatrove has them."""

import warnings
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from encodery.corpus.lm.normal_form import normal_form

LETTERS = "aZé\u0301İΣςﬁ漢1１٣፩«»—．…–’\x00\x85\x1f\t \u3000'\"()ǅ"


def ccnet(line: str) -> str:
    """datatrove's copy of cc_net's `text_normalizer.normalize`."""
    warnings.simplefilter("ignore")
    perplexity: Any = pytest.importorskip("datatrove.utils.perplexity")
    normalized: str = perplexity.KenlmModel("none", "none").normalize(line)
    return normalized


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  Été 1998, Ça va?  ", "ete 0000, ca va?"),
        ("«Ja» — „nein“…", '"ja"  -  "nein"...'),
        ("日本語、１２３。", "日本語,000."),
        ("ABC 123\tx\x00", "abc 000x"),
        (" a \n\n B ", "a\n\nb"),
        ("", ""),
        ("half \udc80", "half \ufffd"),
    ],
)
def test_lines(text: str, normal: str) -> None:
    assert normal_form(text) == normal


@example("ΟΔΟΣ ΟΔΟΣ")
@example("İ I ı")
@example("x．—…y")
@given(st.text(st.sampled_from(LETTERS) | st.characters(codec="utf-8", exclude_characters="\n")))
def test_as_ccnet(line: str) -> None:
    with warnings.catch_warnings():
        assert normal_form(line) == ccnet(line)


@given(st.lists(st.text(st.sampled_from(LETTERS))))
def test_lines_do_not_see_each_other(lines: list[str]) -> None:
    assert normal_form("\n".join(lines)).split("\n") == ([normal_form(line) for line in lines] or [""])
