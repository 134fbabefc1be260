"""A split is a file, or a table of files."""

from typing import Any

import pytest

from encodery.config import Config
from encodery.data.splits import Files, files_by_name
from encodery.errors import UserError


class Table(Config):
    test: Files = None


@pytest.mark.parametrize("files", [None, "test.jsonl", {"de": "de.jsonl", "sw": "sw.jsonl"}])
def test_what_a_split_may_be(files: Any) -> None:
    table = Table.parse({"test": files}, "run.toml")
    assert table.test == files
    assert table.model_dump(mode="json") == {"test": files}  # a file alone is written as ever: no stage goes stale


def test_files_by_name() -> None:
    assert files_by_name(None) == {}
    assert files_by_name("test.jsonl") == {"": "test.jsonl"}
    assert files_by_name({"sw": "b", "de": "a"}) == {"sw": "b", "de": "a"}


FORM = 'a file, or a table of files: { de = "de.jsonl", sw = "sw.jsonl" }'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (7, f"7 is neither; give {FORM}"),
        (["a", "b"], f"['a', 'b'] is neither; give {FORM}"),
        ({"de": 3}, f"{{'de': 3}} is neither; give {FORM}"),
        ({}, f"no file, or one without a name; give {FORM}"),
        ({"": "a.jsonl"}, f"no file, or one without a name; give {FORM}"),
        ({"de": " "}, f"no file, or one without a name; give {FORM}"),
        ({"average": "a"}, "'average' is what the mean over the files is called; give that file another name"),
    ],
)
def test_what_it_may_not_be(files: Any, expected: str) -> None:
    with pytest.raises(UserError) as error:
        Table.parse({"test": files}, "run.toml")
    assert str(error.value).endswith(expected)
    assert "test" in str(error.value)
