"""Which steps are taken, and what is said before any page is read."""

from pathlib import Path

import pytest

from encodery.corpus.clean_table import CleanTable
from encodery.corpus.phases.steps import early_steps, late_steps
from encodery.errors import UserError


def test_the_order_is_that_of_the_table(tmp_path: Path) -> None:
    table = CleanTable.parse({"url": True, "lines": True, "c4": True, "personal": True}, "r.toml")
    assert [step.name for step in early_steps(table, tmp_path)] == ["url", "repair", "lines"]
    late = ["language", "repetition", "gopher", "c4", "fineweb", "personal"]
    assert [step.name for step in late_steps(table, tmp_path, tmp_path, ())] == late


def test_an_evaluation_set_without_text_is_found_before_the_crawl_is_read(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("{}")
    table = CleanTable.parse({"language": False, "decontaminate": {"against": [{"path": "empty.json"}]}}, "r.toml")
    with pytest.raises(UserError, match=r"empty\.json: no text of 8 words or more"):
        late_steps(table, tmp_path, tmp_path, ())
