"""Words remembered: what Moses makes of whole texts, wherever the memory answers at all."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from encodery.text import moses_memory
from encodery.text.moses_memory import MosesMemory
from tests.text.scripts import SENTENCES
from tests.text.test_moses import HARD, LANGUAGES, MOSES, MOSES_TEXTS

MARKS = "'`’‘\"“”„«»–—….,:;!?%()[]<-/|&@"
AFFIXED = st.tuples(
    st.text(MARKS, max_size=2), st.sampled_from(("a", "it", "Dr", "No", "X", "5", "7%", "é", "Σ", "")), st.text(MARKS)
).map("".join)
"""Words with marks at their ends: what rules look for beside a space."""
SPACED = st.lists(AFFIXED | MOSES_TEXTS | st.sampled_from(HARD)).map(" ".join)
MEMORIES: dict[tuple[str, bool], MosesMemory[str]] = {pair: MosesMemory(moses, list) for pair, moses in MOSES.items()}


@settings(max_examples=700)
@given(text=SPACED | st.lists(AFFIXED).map(" ".join), language=st.sampled_from(LANGUAGES), lowercase=st.booleans())
@example(text='"Ja." ', language="de", lowercase=False)
@example(text='"Ja." Und', language="de", lowercase=False)
@example(text="‚Ja.‘‘ Und", language="fr", lowercase=False)
@example(text="etc. and No. 7 No. x etc. A etc.  \u0301b", language="en", lowercase=True)
@example(text="' '5", language="en", lowercase=True)
@example(text="dogs'", language="en", lowercase=True)
@example(text="x ,5", language="en", lowercase=True)
@example(text=",5", language="en", lowercase=True)
@example(text="a\tb etc.\tb", language="en", lowercase=True)
@example(text="ΟΔΟΣ' ΣΑΣ", language="el", lowercase=True)
def test_words_are_those_of_the_whole_text(text: str, language: str, lowercase: bool) -> None:
    found = MEMORIES[language, lowercase].of([text])[0]
    assert found is None or found == MOSES[language, lowercase].words(text)


@pytest.mark.parametrize(
    "text",
    [
        "“The river,” she said (and wept), “is 5,300 km — long…”",
        "Don't say: ‘it’s no. 5’; it's No. 7. etc. and Mr. Smith, U.S. too.",
        "",
        "  two  spaces ",
        "x.",
        *(text for text in SENTENCES if max(map(len, text.split())) < 40),
    ],
)
def test_common_text_is_remembered(text: str) -> None:
    memory: MosesMemory[str] = MosesMemory(MOSES["en", True], list)
    assert memory.of([text, text]) == [MOSES["en", True].words(text)] * 2


@pytest.mark.parametrize(
    "text",
    ["a .", "( a", "a (b ) c", "5 %", "'x y", "x y'", "x' 'y", "a\tb", "a\u00a0b", "a|b", "a\u200bb", "x" * 49],
)
def test_other_text_is_left_to_moses(text: str) -> None:
    memory: MosesMemory[str] = MosesMemory(MOSES["en", True], list)
    assert memory.of(["a b", text]) == [["a", "b"], None]


def test_a_quotation_in_german_is_left_to_moses() -> None:
    text = 'Er sagte: "Ja." Und'
    assert MosesMemory(MOSES["de", True], list).of([text]) == [None]
    assert MosesMemory(MOSES["en", True], list).of([text]) == [MOSES["en", True].words(text)]


def test_a_word_is_given_to_moses_once(monkeypatch: pytest.MonkeyPatch) -> None:
    moses = MOSES["en", True]
    given_texts: list[str] = []
    words = moses.words

    def spied(text: str) -> list[str]:
        given_texts.append(text)
        return words(text)

    monkeypatch.setattr(moses, "words", spied)
    memory: MosesMemory[str] = MosesMemory(moses, list)
    assert memory.of(["the river, the", "river, etc. flows"]) == [
        ["the", "river", ",", "the"],
        ["river", ",", "etc.", "flows"],
    ]
    assert memory.of(["flows the"]) == [["flows", "the"]]
    assert given_texts == [" | the | river, | etc. a | flows | "]


def test_memory_is_bounded() -> None:
    memory: MosesMemory[str] = MosesMemory(MOSES["en", True], list, max_words=7)
    for number in range(0, 101, 5):
        text = " ".join(f"w{index}," for index in range(number, number + 5))
        assert memory.of([text]) == [MOSES["en", True].words(text)]
        assert len(memory._known) <= 7
    text = " ".join(f"w{index}" for index in range(11))
    assert memory.of([text]) == [text.split()]


def test_words_are_learned_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moses_memory, "_WORDS_AT_ONCE", 3)
    sizes: list[int] = []

    def values(groups: list[list[str]]) -> list[list[str]]:
        sizes.append(len(groups))
        return groups

    text = "a b, c. d e f) \u0301 g"
    assert MosesMemory(MOSES["en", True], values).of([text]) == [MOSES["en", True].words(text)]
    assert sizes == [3, 3, 2]
