"""Files of columns: every layout in use, and each broken line told by its number."""

import copy
from pathlib import Path

import pytest

from encodery.data.formats import FormatOptions, read_labelled
from encodery.data.formats.source import WordSource

from .conftest import Write, fails, lines, records

CONLL = """\
-DOCSTART- -X- -X- O

EU NNP I-NP B-ORG
rejects VBZ I-VP O
# SYM I-NP O

# a comment
Peter NNP I-NP B-PER
Blackburn NNP I-NP I-PER
"""


def test_conll_2003(write: Write) -> None:
    path = write("a.conll", CONLL)
    assert records(path) == [
        {
            "tokens": ["EU", "rejects", "#"],
            "tags": ["B-ORG", "O", "O"],
            "columns": {"2": ["NNP", "VBZ", "SYM"], "3": ["I-NP", "I-VP", "I-NP"]},
            "docstart": "-DOCSTART- -X- -X- O",
        },
        {
            "tokens": ["Peter", "Blackburn"],
            "tags": ["B-PER", "I-PER"],
            "columns": {"2": ["NNP", "NNP"], "3": ["I-NP", "I-NP"]},
            "comments": [[0, "# a comment"]],
        },
    ]
    assert lines(path) == [3, 8]


@pytest.mark.parametrize("name", ["a.txt", "a.conll", "a.txt.gz", "a.bio.zst", "a.tsv"])
@pytest.mark.parametrize("separator", [" ", "\t"])
@pytest.mark.parametrize(("end", "start"), [("\n", ""), ("\r\n", ""), ("\n", "\ufeff"), ("\r\n", "\ufeff")])
def test_two_columns(write: Write, name: str, separator: str, end: str, start: str) -> None:
    rows = ["New B-LOC", "York I-LOC", "", "", "is O", "big O"]
    path = write(name, start + end.join(rows).replace(" ", separator))
    assert records(path) == [
        {"tokens": ["New", "York"], "tags": ["B-LOC", "I-LOC"]},
        {"tokens": ["is", "big"], "tags": ["O", "O"]},
    ]
    assert lines(path) == [1, 5]


def test_every_word_has_its_line(write: Write) -> None:
    path = write("a.conll", "\nis O\nbig O\n# but\nNew B-LOC\n\nso O\n")
    sources = [source for source, _ in read_labelled(path)]
    assert sources == [f"{path}:2", f"{path}:7"]
    assert isinstance(sources[0], WordSource)
    for source in (sources[0], copy.deepcopy(sources[0])):
        assert [source.of_word(index) for index in range(3)] == [f"{path}:{line}" for line in (2, 3, 5)]


def test_wikiann_counts_from_zero(write: Write) -> None:
    path = write("a.conllu", "0\tSioux\tB-ORG\n1\tFalls\tI-ORG\n\n0\tis\tO\n")
    assert records(path) == [
        {"tokens": ["Sioux", "Falls"], "tags": ["B-ORG", "I-ORG"], "first_index": 0},
        {"tokens": ["is"], "tags": ["O"], "first_index": 0},
    ]


def test_conllu_proper(write: Write) -> None:
    content = (
        "# sent_id = 1\n# text = vámonos al mar\n"
        "1-2\tvámonos" + "\t_" * 8 + "\n"
        "1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_\n"
        "2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_\n"
        "2.1\tya" + "\t_" * 8 + "\n"
        "3\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\tSpaceAfter=No\n"
    )
    (record,) = records(write("a.conllu", content))
    assert (record["tokens"], record["tags"]) == (["vamos", "nos", "mar"], ["VERB", "PRON", "NOUN"])
    assert [at for at, _ in record["comments"]] == [0, 0, 0, 2]
    assert set(record["columns"]) == {"3", "5", "6", "7", "8", "9", "10"}
    (chosen,) = records(write("a.conllu", content), options=FormatOptions(tag_column=8))
    assert chosen["tags"] == ["root", "obj", "obl"]


@pytest.mark.parametrize(
    ("tags", "read"),
    [
        ("I-PER I-PER O", "B-PER I-PER O"),
        ("I-PER B-PER O", "B-PER B-PER O"),
        ("B-PER E-PER S-LOC", "B-PER I-PER B-LOC"),
        ("B-PER L-PER U-LOC", "B-PER I-PER B-LOC"),
        ("B-PER O I-LOC", "B-PER O I-LOC"),  # faulty IOB2 is left for the validation to find
        ("NOUN VERB X", "NOUN VERB X"),
    ],
)
def test_tags_are_read_as_iob2(write: Write, tags: str, read: str) -> None:
    path = write("a.conll", "".join(f"w{at} {tag}\n" for at, tag in enumerate(tags.split())))
    assert records(path)[0]["tags"] == read.split()


def test_the_scheme_may_be_given(write: Write) -> None:
    path = write("a.conll", "a I-A\nb I-A\n")
    assert records(path)[0]["tags"] == ["B-A", "I-A"]
    assert records(path, options=FormatOptions(tag_scheme="IOB2"))[0]["tags"] == ["I-A", "I-A"]


def test_columns_may_be_given(write: Write) -> None:
    path = write("a.conll", "B-A x one\nO y two\n")
    options = FormatOptions(token_column=3, tag_column=1)
    assert records(path, options=options) == [
        {"tokens": ["one", "two"], "tags": ["B-A", "O"], "columns": {"2": ["x", "y"]}}
    ]
    assert fails(path, options=FormatOptions(tag_column=4)) == (
        "a.conll: words in column 1 and tags in column 4, but the file has 3 (separated by spaces); "
        "write words and tags in columns of their own"
    )


def test_words_may_hold_what_python_takes_for_space(write: Write) -> None:
    path = write("a.conll", "a\u00a0b O\n\u3000 O\n\u2028c B-X\n")
    assert records(path)[0]["tokens"] == ["a\u00a0b", "\u3000", "\u2028c"]
    path = write("b.conll", "New York\tB-LOC\n")
    assert records(path)[0]["tokens"] == ["New York"]


def test_a_line_with_a_hash_is_a_word_if_it_ends_like_one(write: Write) -> None:
    path = write("a.conll", "# id 7 domain=train\na _ _ O\n# _ _ O\nb _ _ B-X\n")
    (record,) = records(path)
    assert record["tokens"] == ["a", "#", "b"]
    assert record["comments"] == [[0, "# id 7 domain=train"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a O\nb\nc O\n",
            "a.conll:2: 1 column where the other lines have 2 (separated by spaces): 'b'; "
            "repair the line, or leave one blank if a sentence ends here",
        ),
        ("a\tO\nb\tO\nb c\td\tO\n",
         "a.conll:3: 3 columns where the other lines have 2 (separated by tabs): 'b c d O'; "
         "repair the line, or leave one blank if a sentence ends here"),
        ("a\tO\n\tO\n", "a.conll:2: the word (column 1) is empty; write it or remove the line"),
        ("a\tO\nb\t\n", "a.conll:2: the tag (column 2) is empty; write it or remove the line"),
        ("a\nb\n", "a.conll: words in column 1 and tags in column 1, but the file has 1 (separated by spaces); "
         "write words and tags in columns of their own"),
        ("a B-X\n\nb X\n",
         "a.conll:3: the tag 'X' has no prefix while others have one; allowed: O, B-, I- (or E-, S- "
         "and L-, U-) and a label; repair it, or set the tag scheme to plain"),
        ("\n# c\n\n", "a.conll: the file holds no record; add examples"),
        (b"a O\nb\xff O\n", "a.conll:2: invalid UTF-8 at byte 5: ff; convert the file to UTF-8"),
    ],
)  # fmt: skip
def test_broken_files(write: Write, content: str | bytes, message: str) -> None:
    assert fails(write("a.conll", content)) == message


def test_an_index_that_is_none(write: Write) -> None:
    rows = "".join(f"{at}\tw\tO\n" for at in range(1, 12))
    assert fails(write("a.conllu", rows + "x\tw\tO\n")) == (
        "a.conllu:12: 'x' where the other lines have the word's number; repair the line"
    )


def test_numbering_that_is_not_by_sentence_is_kept(write: Write) -> None:
    path = write("a.conllu", "1\ta\tO\n3\tb\tO\n")
    assert records(path)[0]["columns"] == {"1": ["1", "3"]}


def test_a_missing_file(tmp_path: Path) -> None:
    assert fails(tmp_path / "a.conll") == "a.conll: no such file"
