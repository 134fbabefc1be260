"""What a person sees: what is wrong, the text with the place marked, the fix; and nothing that moves the cursor."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from encodery.data.validation.finding import Finding, Place
from encodery.data.validation.printing import Report, excerpt, json_line, visible
from encodery.data.validation.repairs import Repaired


def finding(text: str, start: int, end: int, code: str = "S001") -> Finding:
    return Finding(code, "error", "train", "a.jsonl:12", "it is wrong", "put it right", text, Place(text, start, end))


def printed(*findings: Finding, most: int | None = 5, as_json: bool = False, width: int = 40) -> str:
    out = io.StringIO()
    report = Report(Console(file=out, width=width), most, as_json)
    for one in findings:
        report.add(one)
    report.finish({"train": 1234, "dev": 5})
    return out.getvalue()


def test_as_a_compiler_prints_it() -> None:
    assert printed(finding("Anna lives in Berlin.", 14, 20)) == (
        "a.jsonl:12: error[S001]: it is wrong\n"
        "  | Anna lives in Berlin.\n"
        "  |               ^^^^^^\n"
        "  = fix: put it right\n"
        "1 error, 0 warnings, 0 notes in 1,239 records (train 1,234, dev 5)\n"
    )


@pytest.mark.parametrize(
    ("text", "start", "end", "width", "line", "carets"),
    [
        ("日本の首都", 3, 5, 30, "日本の首都", "      ^^^^"),
        ("e\u0301a", 2, 3, 30, "e\u0301a", " ^"),
        ("a\tb\n", 2, 3, 30, "a␉b␊", "  ^"),
        ("a\x1b[31mb", 6, 7, 30, "a<001B>[31mb", "           ^"),
        ("ab", 2, 2, 30, "ab", "  ^"),
        ("", 0, 0, 30, "", "^"),
        ("abcdefghijklmnop", 8, 9, 7, "…ghijk…", "   ^"),
        ("abcdefghijklmnop", 2, 16, 7, "…cdefg…", " ^^^^^"),
        ("abcdefghijklmnop", 0, 1, 7, "abcde…", "^"),
    ],
)
def test_excerpts(text: str, start: int, end: int, width: int, line: str, carets: str) -> None:
    assert excerpt(Place(text, start, end), width) == (line, carets)


@given(st.text(max_size=60), st.data())
def test_carets_are_below_the_place(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    width = data.draw(st.integers(24, 80))
    line, carets = excerpt(Place(text, start, end), width)
    assert cell_len(line) <= width
    assert line.isprintable()
    indent = len(carets) - len(carets.lstrip(" "))
    shown = line.removeprefix("…") if not text.startswith("…") else line
    before = "".join(c for c in shown)
    assert carets.strip(" ") == "^" * (len(carets) - indent)
    if cell_len(visible(text)) <= width - 2:  # all of it is there
        assert before == visible(text)
        assert indent == cell_len(visible(text[:start]))
        assert len(carets) - indent == max(1, cell_len(visible(text[start:end])))


@given(st.text())
def test_nothing_moves_the_cursor(text: str) -> None:
    assert visible(text).isprintable()


def test_at_most_so_many_of_each_code() -> None:
    findings = [finding("abc", 0, 1, code) for code in ["S001"] * 7 + ["S002"] * 5]
    out = printed(*findings)
    assert out.count("error[S001]") == 5
    assert out.count("error[S002]") == 5
    assert "not shown: 2 more of S001; --all shows them\n12 errors, 0 warnings" in out
    out = printed(*findings, most=None)
    assert out.count("error[S001]") == 7
    assert "not shown" not in out


def test_json_lines() -> None:
    findings = [finding('a "b" 日\n', 2, 5), Finding("D001", "warning", "dev", "b:1", "twice", "keep one", "x")]
    lines = printed(*findings * 7, as_json=True).splitlines()
    assert len(lines) == 14
    assert json.loads(lines[0]) == {
        "code": "S001",
        "severity": "error",
        "split": "train",
        "source": "a.jsonl:12",
        "message": "it is wrong",
        "text": 'a "b" 日\n',
        "start": 2,
        "end": 5,
        "fix": "put it right",
    }
    assert json.loads(lines[1])["start"] is None
    assert json.loads(json_line(finding("\ud800", 0, 1)))["text"] == "\ud800"


def test_repairs_are_told() -> None:
    out = io.StringIO()
    report = Report(Console(file=out, width=80), 2)
    for number in range(3):
        report.repaired(Repaired("D001", "train", f"a:{number}", "left out"))
    report.finish({"train": 3})
    assert out.getvalue() == (
        "a:0: fixed[D001]: left out\na:1: fixed[D001]: left out\nnot shown: 1 more of fixed D001; --all shows them\n"
        "0 errors, 0 warnings, 0 notes in 3 records (train 3)\n"
    )
