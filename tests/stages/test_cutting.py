"""`encodery inspect TOKENIZER --text`: a row for each language."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from encodery.errors import UserError
from encodery.stages.cutting import cutting_table, text_input
from tests.cli.refusals import refused

Command = Callable[..., tuple[int, str, str]]
TOKENIZER = Path("runs/tiny/tokenizer")


def rows(*arguments: object) -> dict[str, list[str]]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(cutting_table(*arguments))  # type: ignore[arg-type]
    lines = [line.split() for line in capture.get().splitlines()[2:] if line.strip()]
    return {line[0]: line[1:] for line in lines}


def test_a_row_for_each_file(done: Path) -> None:
    found = rows(TOKENIZER, ["text"])
    assert list(found) == ["a", "b", "all"]
    assert [int(cell.replace(",", "")) for cell in found["all"][:3]] == [
        sum(int(found[name][place].replace(",", "")) for name in ("a", "b")) for place in range(3)
    ]
    assert found["a"][0] == "41"
    assert found["a"][6] == "0.00%"


def test_languages_of_files_and_records(done: Path) -> None:
    (done / "el.txt").write_text("πόλη\n\nThe city")
    (done / "mixed.jsonl").write_text('{"text": "The river", "lang": "en"}\n{"text": "πόλη", "lang": "el"}\n' * 2)
    assert rows(TOKENIZER, ["el=el.txt"]) == {"el": ["2", "12", "3", "1.00", "4.00", "5.33", "33.33%", "3.3%"]}
    found = rows(TOKENIZER, ["mixed.jsonl"], "lang")
    assert list(found) == ["el", "en", "all"]
    assert found["el"][6] == "100.00%"
    assert (found["el"][0], found["en"][0], found["all"][0]) == ("2", "2", "4")
    assert list(rows(TOKENIZER, ["mixed.jsonl", "en=text"])) == ["en", "mixed", "all"]


def test_a_path_may_hold_an_equals_sign(done: Path) -> None:
    Path("a=b.txt").write_text("The city")
    assert text_input("a=b.txt").path == "a=b.txt"
    assert text_input("a=c.txt").language == "a"
    assert list(rows(TOKENIZER, ["a=b.txt"])) == ["a=b"]


@pytest.mark.parametrize("text", ["=a.txt", "de="])
def test_half_a_language(done: Path, text: str) -> None:
    with pytest.raises(UserError) as error:
        text_input(text)
    assert str(error.value) == (f"--text {text}: write a path, or LANGUAGE=PATH, for example --text de=german.txt")


def test_the_command(done: Path, encodery: Command) -> None:
    code, out, _ = encodery("inspect", "runs/tiny/pretrain", "--text", "en=text", "--text", "kept=train.jsonl")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["en", "kept", "all"]


def test_bad_input_is_one_line(done: Path, encodery: Command) -> None:
    (done / "bin.txt").write_bytes(b"abc\xff")
    (done / "empty.txt").write_text("\n")
    folder = str(TOKENIZER)
    assert "no such file or folder; check path = 'no.txt'" in refused(encodery, "inspect", folder, "--text", "no.txt")
    assert "bin.txt:1: " in refused(encodery, "inspect", folder, "--text", "bin.txt")
    assert "the corpus is empty" in refused(encodery, "inspect", folder, "--text", "empty.txt")
    assert "text: no tokenizer in it; " in refused(encodery, "inspect", "text", "--text", "text")
    assert refused(encodery, "inspect", folder, "--text", "en=train.jsonl", "--language-field", "lang") == (
        "--text en=train.jsonl: language = 'en' and language_field = 'lang': give one of the two"
    )
    assert "no field 'lang'; it has: text, label; set language_field" in refused(
        encodery, "inspect", folder, "--text", "train.jsonl", "--language-field", "lang"
    )
