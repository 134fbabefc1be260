"""Tables: every well-formed file is read as its writer meant, every malformed row is told."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import DamageError, UserError
from encodery.files import tables
from encodery.files.streams import UNREADABLE
from encodery.files.tables import missing_header_hint, read_table


def rows(text: str, delimiter: str = "\t") -> list[tuple[int, dict[str, str]]]:
    lines = text.split("\n")
    return list(read_table(iter(lines[:-1] if lines[-1] == "" else lines), "t", delimiter))


def cells(text: str, delimiter: str = "\t") -> list[list[str]]:
    return [list(row.values()) for _, row in rows(text, delimiter)]


def fails(text: str, delimiter: str = "\t") -> str:
    with pytest.raises(UserError) as caught:
        rows(text, delimiter)
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_rows_carry_the_line_they_start_on(delimiter: str) -> None:
    text = 'a,b\n1,2\n\n"x\ny",3\n4,"5 ""6"""\n'.replace(",", delimiter)
    assert rows(text, delimiter) == [
        (2, {"a": "1", "b": "2"}),
        (4, {"a": "x\ny", "b": "3"}),
        (6, {"a": "4", "b": '5 "6"'}),
    ]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_no_rows(delimiter: str) -> None:
    assert rows("", delimiter) == rows("a\n", delimiter) == rows("\n\n", delimiter) == []


# Cells that a writer must quote, or need not: quotes, tabs, commas, line breaks, nothing.
CELL = st.text(st.sampled_from("ab\",\t\n '"), max_size=11)


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=7), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_commas_read_what_csv_wrote(table: list[tuple[str, str, str]], quoting: int) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", quoting=quoting).writerows([("x", "y", "z"), *table])  # type: ignore[arg-type]
    assert cells(buffer.getvalue(), ",") == [list(row) for row in table]


# With a tab as well as a line break inside one field, a table can be read in two ways.
TAB_CELL = CELL.filter(lambda text: not ("\t" in text and "\n" in text))


@given(st.lists(st.tuples(st.integers(), TAB_CELL, st.sampled_from(["good", "bad"])), max_size=7))
def test_tabs_read_what_csv_wrote(table: list[tuple[int, str, str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, "excel-tab", lineterminator="\n").writerows([("x", "y", "z"), *table])
    assert cells(buffer.getvalue()) == [[str(x), y, z] for x, y, z in table]


# Text as GLUE has it: quotes are characters, a tab or a line break cannot occur.
LITERAL = st.text(st.sampled_from('ab" '), max_size=9).filter(lambda text: not (text[:1] == '"' == text[-1:]))


@given(st.lists(st.tuples(LITERAL, st.sampled_from("01")), min_size=1, max_size=7))
def test_tabs_without_quoting_are_taken_literally(table: list[tuple[str, str]]) -> None:
    text = "sentence\tlabel\n" + "".join(f"{sentence}\t{label}\n" for sentence, label in table)
    assert cells(text) == [list(row) for row in table]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ('" hello there\t1', ['" hello there', "1"]),
        ('he said " hello "\t1', ['he said " hello "', "1"]),
        ('"one" and "two"\t0', ['"one" and "two"', "0"]),
        ('"all of it"\t0', ["all of it", "0"]),
        ('"a ""quote"" inside"\t0', ['a "quote" inside', "0"]),
        ('"\t1', ['"', "1"]),
        ('""\t1', ["", "1"]),
        ('"opens\tcloses"', ['"opens', 'closes"']),
        ('x\t"', ["x", '"']),
    ],
)
def test_when_a_quote_is_a_quote(line: str, row: list[str]) -> None:
    for following in ("", "plain\t0\n", '"\t1\n', '"quoted"\t1\n'):
        assert cells(f"a\tb\n{line}\n{following}")[0] == row


def test_a_quoted_field_over_many_lines() -> None:
    story = "\n".join(f"line {i} with a quote" for i in range(9973))
    quoted = story.replace('"', '""')
    assert cells(f'a\tb\tc\nx\t"{quoted}"\tz\n1\t2\t3\n') == [["x", story, "z"], ["1", "2", "3"]]


def test_a_quoted_last_column_over_two_lines() -> None:
    assert cells('label\ttext\n1\t"first\nsecond"\n0\tthird\n') == [["1", "first\nsecond"], ["0", "third"]]


QUOTE_HINT = "quote a field that holds a comma, a quote or a line break, and double the quotes inside it"


@pytest.mark.parametrize("rest", ["y\nz\n", "y", 'y\n" z\n'])
def test_a_quote_that_is_never_closed(rest: str) -> None:
    assert (
        fails(f'a\tb\tc\n1\t2\t3\nx\t"{rest}') == f"t:3: a field opens with a quote that is not closed; {QUOTE_HINT}"
    )


def test_an_unclosed_quote_does_not_swallow_the_rest_of_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_LINE_BYTES", 1009)
    assert fails('a\tb\tc\nx\t"y\n' + "z\n" * 5003).startswith("t:2: a field opens with a quote")
    message = fails('a,b,c\nx,"y\n' + "z\n" * 5003, ",")
    assert message == f"t:2: broken CSV (field larger than field limit (1009)); {QUOTE_HINT}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [('a,b\n1,2\n3,"4\n', "unexpected end of data"), ('a,b\n1,2\n3,"4"5\n', "',' expected after '\"'")],
)
def test_broken_csv(text: str, reason: str) -> None:
    assert fails(text, ",") == f"t:3: broken CSV ({reason}); {QUOTE_HINT}"


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize(("row", "count"), [("1", 1), ("1,2,3", 3)])
def test_a_row_of_another_width(delimiter: str, row: str, count: int) -> None:
    text = f"text,label\n1,2\n\n{row}\n".replace(",", delimiter)
    assert fails(text, delimiter) == (
        f"t:4: {count} columns where the header has 2 (text, label); fix the row or its quotes"
    )


def test_a_column_twice() -> None:
    assert fails("\na\tb\ta\n") == "t:2: the column 'a' appears twice in the header; rename one"


def test_a_first_row_that_is_data_is_suspected() -> None:
    hint = "; the first row looks like data: add a header line with the names of the columns"
    for header in (["It rains.", "pos"], ["text", "3"], ["a b c d e", "x"], ["", "x"], ["x" * 41]):
        assert missing_header_hint(header) == hint
    for header in (["text", "label"], ["sentence_A", "relatedness score"], ["Text of the tweet", "id2"], []):
        assert missing_header_hint(header) == ""
    assert fails("It rains.\t1\t1\n") == f"t:1: the column '1' appears twice in the header; rename one{hint}"


def some(text: str, delimiter: str) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """The rows that can be read, and where the others are; `?` is a line that cannot be read."""
    told: list[str] = []
    lines = (UNREADABLE if line == "?" else line for line in text.split("\n"))
    found = [
        (line, list(row.values()))
        for line, row in read_table(lines, "t", delimiter, damaged=lambda error: told.append(str(error)))
    ]
    return found, [message.split(": ")[0] for message in told]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_rows_that_do_not_fit_can_be_passed_over(delimiter: str) -> None:
    text = 'a,b\n1,2\n3\n"x"y,4\n5,6\n?\n7,8\n"9\n?\n10,11'.replace(",", delimiter)
    rows, told = some(text, delimiter)
    assert [cells for _, cells in rows if cells[0] != '"x"y'] == [["1", "2"], ["5", "6"], ["7", "8"], ["10", "11"]]
    assert rows[-1][0] == 10, "lines are counted on"
    assert "t:3" in told
    assert ("t:4" in told) == (delimiter == ","), "a quote in a field of TSV may be one"


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_header_that_cannot_be_read_costs_the_table(delimiter: str) -> None:
    with pytest.raises(DamageError, match=r"^t: the names of the columns, in its first line, cannot be read"):
        some("?\n1,2\n", delimiter)
