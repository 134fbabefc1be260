"""Tags: the scheme is told by what nearly all of them are, and what does not fit it is found."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.formats import read_labelled
from encodery.data.validation.schemes import SchemeCounts, orphans, unknown_tags
from encodery.data.validation.validating import Split, validate
from tests.data.validation.records import Record, find, marked, told


def rows(*tags: str, count: int = 30) -> list[Record]:
    """Distinct sentences with these tags."""
    return [
        {"tokens": [f"w{n}", *(f"x{i}" for i in range(1, len(text.split())))], "tags": text.split()}
        for n in range(count)
        for text in [tags[n % len(tags)]]
    ]


IOB2 = rows("B-PER I-PER O B-PER", "O B-LOC B-LOC")
IOB1 = rows("I-PER I-PER O I-PER", "O I-LOC B-LOC")
IOBES = rows("B-PER I-PER E-PER O", "O S-LOC S-LOC", "B-PER E-PER O")
BILOU = rows("B-PER I-PER L-PER O", "O U-LOC U-LOC")
PLAIN = rows("NOUN VERB DET", "PUNCT X-Y NOUN")


@pytest.mark.parametrize("good", [IOB2, IOB1, IOBES, BILOU, PLAIN], ids=["IOB2", "IOB1", "IOBES", "BILOU", "plain"])
def test_every_scheme_is_fine_by_itself(good: list[Record]) -> None:
    assert (
        find(
            train=good, dev=[{"tokens": ["new", *r["tokens"]], "tags": [r["tags"][-1], *r["tags"]]} for r in good[:0]]
        )
        == []
    )


@pytest.mark.parametrize(
    ("good", "tags", "code", "message", "place"),
    [
        (IOB2, "O I-PER", "B001", "tags[1] = 'I-PER' after 'O'; tags are IOB2", "b"),
        (IOB2, "I-PER O", "B001", "tags[0] = 'I-PER' after the beginning; tags are IOB2", "a"),
        (IOB2, "B-LOC I-PER", "B001", "tags[1] = 'I-PER' after 'B-LOC'; tags are IOB2", "b"),
        (IOB2, "O E-PER", "B002", "tags[1] = 'E-PER'; IOB2 has O and tags with B-, I-", "b"),
        (IOB2, "O PER", "B002", "tags[1] = 'PER'; IOB2 has O and tags with B-, I-", "b"),
        (IOB2, "o O", "B002", "tags[0] = 'o'; IOB2 has O and tags with B-, I-", "a"),
        (IOB2, "B- O", "B002", "tags[0] = 'B-'; IOB2 has O and tags with B-, I-", "a"),
        (IOBES, "B-PER O", "B001", "tags[0] = 'B-PER' after the beginning; tags are IOBES", "a"),
        (IOBES, "O E-PER", "B001", "tags[1] = 'E-PER' after 'O'; tags are IOBES", "b"),
        (IOBES, "O U-PER", "B002", "tags[1] = 'U-PER'; IOBES has O and tags with B-, I-, E-, S-", "b"),
        (BILOU, "I-PER L-PER", "B001", "tags[0] = 'I-PER' after the beginning; tags are BILOU", "a"),
    ],
)
def test_what_is_found(good: list[Record], tags: str, code: str, message: str, place: str) -> None:
    findings = find(train=[*good, {"tokens": ["a", "b"], "tags": tags.split()}])
    assert told(findings, code) == [f"train:31: {message}"]
    assert [marked(f) for f in findings if f.code == code] == [place]
    assert {f.source for f in findings} == {"train:31"}


def test_a_word_with_a_line_of_its_own_is_found_there(tmp_path: Path) -> None:
    path = tmp_path / "train.conll"
    path.write_text("a\tB-PER\nb\tI-PER\nc\tO\nd\tI-PER\n\n# e\nf\tO\n# g\n\u00a0\tB-PER\nh\tI-LOC\n")
    findings = validate([Split("train", lambda: read_labelled(path))])
    found = {f.code: f.source for f in findings}
    assert found["B004"] == f"{path}:9"
    findings = validate([Split("train", lambda: read_labelled(path))])
    assert [f.source for f in findings if f.code == "B001"] == [f"{path}:4", f"{path}:10"]


def test_lengths_and_blanks() -> None:
    (finding,) = find(train=[*IOB2, {"tokens": ["a", "b"], "tags": ["O"]}])
    assert (finding.code, finding.message, marked(finding)) == ("B003", "2 tokens and 1 tags", "b")
    (finding,) = find(train=[*IOB2, {"tokens": ["a"], "tags": ["O", "O"]}])
    assert (finding.code, marked(finding)) == ("B003", "")
    (finding,) = find(train=[*IOB2, {"tokens": ["a", "", "b"], "tags": ["O", "O", "O"]}])
    assert (finding.code, finding.message) == ("B004", "tokens[1] = ''")


TAGS = st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B", "E-A", "S-A", "L-A", "U-B", "X", ""]), max_size=9)


@given(TAGS)
def test_sound_iob2_is_what_writing_it_again_leaves(tags: list[str]) -> None:
    """Tags are sound IOB2 if entities read from them, each begun by B-, give the same tags."""
    again: list[str] = []
    for index, tag in enumerate(tags):
        begins = tag[:1] == "I" and (index == 0 or tags[index - 1][1:] != tag[1:] or tags[index - 1][:1] not in "BI")
        again.append(f"B{tag[1:]}" if begins and tag[1:2] == "-" else tag)
    assert (list(orphans(tags, "IOB2")) == []) == (again == tags)


@given(TAGS)
def test_any_tags_are_judged(tags: list[str]) -> None:
    counts = SchemeCounts()
    counts.add(tags)
    assert set(unknown_tags(tags, counts.scheme)) <= set(range(len(tags)))
    assert set(orphans(tags, counts.scheme)) <= set(range(len(tags)))
