"""Sentence splitting: lossless, conservative, linear in time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.text.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n \t\n", []),
        ("No end", ["No end"]),
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ("One line\nand the next.\n\nLast", ["One line", "and the next.", "Last"]),
        ("Wait... Then go.", ["Wait...", "Then go."]),
        ("He waited... and went. Then?! Yes.", ["He waited... and went.", "Then?!", "Yes."]),
        ('"Stop!" he said. "Why?" Nobody knew.', ['"Stop!" he said.', '"Why?"', "Nobody knew."]),
        ("“Gone!” — why it is early. (Really.) Yes.", ["“Gone!” — why it is early.", "(Really.)", "Yes."]),
        ("Mr. Smith met Dr. Jones. They left.", ["Mr. Smith met Dr. Jones.", "They left."]),
        ("J. R. Hartley wrote. He fished.", ["J. R. Hartley wrote.", "He fished."]),
        ("The U.S. Army came at 5 p.m. It left.", ["The U.S. Army came at 5 p.m. It left."]),
        ("Am 3. Oktober 1990. Danach kam z.B. Ruhe.", ["Am 3. Oktober 1990.", "Danach kam z.B. Ruhe."]),
        ("It costs 3.50. That is 2.5 more.", ["It costs 3.50.", "That is 2.5 more."]),
        ("»Ja.« Er ging. ¿Qué? ¡No!", ["»Ja.«", "Er ging.", "¿Qué?", "¡No!"]),
        ("他来了。我们走吧！好吗？「好。」他说", ["他来了。", "我们走吧！", "好吗？", "「好。」", "他说"]),
        ("वह आया। हम चले।", ["वह आया।", "हम चले।"]),
        ("هل جاء؟ نعم.", ["هل جاء؟", "نعم."]),
        ("a\u2028b\u0085c\x0bd", ["a", "b", "c", "d"]),
        ("See www.example.org for more. End", ["See www.example.org for more.", "End"]),
        ("the end. and on it goes. Yes", ["the end. and on it goes.", "Yes"]),
    ],
)
def test_split(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(
    st.text(st.sampled_from("aA1.!?…。！？।؟\"'”»)」 \n\t\u2028\u3000Mr") | st.characters(exclude_categories=["Cs"]))
)
def test_nothing_but_white_space_is_lost(text: str) -> None:
    sentences = split_sentences(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence and sentence == sentence.strip() for sentence in sentences)


@given(st.lists(st.text(st.sampled_from("aB.! "), max_size=11), max_size=7))
def test_a_line_break_always_separates(lines: list[str]) -> None:
    expected = [sentence for line in lines for sentence in split_sentences(line)]
    assert split_sentences("\n".join(lines)) == expected


@pytest.mark.parametrize("unit", [".", '."', "Mr. ", "x.\t", "。", "a" * 50 + ". ", ". ", "(", "1"])
def test_time_is_linear_in_hostile_text(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    start = time.perf_counter()
    split_sentences(text)
    assert time.perf_counter() - start < 10
