"""From names to models."""

from pathlib import Path

import pytest

from encodery.corpus.languages import check_name, identifier_of
from encodery.corpus.languages.fasttext import FastText
from encodery.corpus.languages.naive_bayes import NaiveBayes
from encodery.errors import UserError
from tests.corpus.languages.models import write_fasttext


def test_models_are_read_once(tmp_path: Path) -> None:
    pytest.importorskip("py3langid")
    model = identifier_of("py3langid", tmp_path)
    assert isinstance(model, NaiveBayes)
    assert identifier_of("py3langid", tmp_path) is model


def test_the_users_own_model_lies_beside_the_recipe(tmp_path: Path) -> None:
    pytest.importorskip("fasttext")
    write_fasttext(tmp_path / "own.bin", {"the": "en"}, ["en"])
    model = identifier_of("fasttext:own.bin", tmp_path)
    assert isinstance(model, FastText)
    assert model.languages == {"en"}


@pytest.mark.parametrize("name", ["", "gcld3", "fasttext", "fasttext:", "lid.176.bin"])
def test_other_names(name: str) -> None:
    message = r"is no language model; 'py3langid', 'lid.176.ftz' or 'fasttext:PATH' is allowed$"
    with pytest.raises(UserError, match=message):
        check_name(name)
    with pytest.raises(UserError, match=message):
        identifier_of(name, Path())
