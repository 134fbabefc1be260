"""The normal form, against CCNet's rules one after the other."""

import re
import unicodedata
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from encodery.corpus.lm.normal_form import normal_form

LETTERS = "aZé\u0301İΣςﬁ漢1１٣፩«»—．…–’\x00\x85\x1f\t \u3000'\"()ǅ"


def ccnet(line: str) -> str:
    """cc_net's `text_normalizer.normalize`, step by step; its table of marks as datatrove has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = pytest.importorskip("datatrove.utils.perplexity").KenlmModel.unicode_punct
    line = unicodedata.normalize("NFD", line.strip().lower())
    line = "".join(character for character in line if unicodedata.category(character) != "Mn")
    line = re.sub(r"\d", "0", line)
    line = "".join(table.get(character, character) for character in line)
    return re.sub(f"[{''.join(map(chr, [*range(32), *range(127, 160)]))}]", "", line)


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
    assert normal_form(line) == ccnet(line)


def test_characters_as_ccnet() -> None:
    lines = [f"a{chr(code)}1" for code in range(0x20, 0x3100)]
    assert normal_form("\n".join(lines)).split("\n") == [ccnet(line) for line in lines]


@given(st.lists(st.text(st.sampled_from(LETTERS))))
def test_lines_do_not_see_each_other(lines: list[str]) -> None:
    assert normal_form("\n".join(lines)).split("\n") == ([normal_form(line) for line in lines] or [""])
