"""One trained tokenizer of each kind, and the real data of tests/corpus for the tests here that want it."""

import zipfile
from pathlib import Path

import pytest

from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.moses_bpe import MosesBpeSpec
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from encodery.text.unigram import UnigramSpec
from encodery.text.wordpiece import WordPieceSpec
from tests.corpus.conftest import shared_data
from tests.text.scripts import CHARACTERS, SENTENCES

__all__ = ["shared_data"]


@pytest.fixture(scope="session")
def byte_bpe() -> Tokenizer:
    return train_tokenizer(ByteBpeSpec(vocab_size=541), SENTENCES)


def train_wordpiece(lowercase: bool) -> Tokenizer:
    """With the letters of all texts, alone and inside words: a word with any other is unknown as a whole."""
    words = ["".join(CHARACTERS[start : start + 53]) for start in range(0, len(CHARACTERS), 53)]
    spec = WordPieceSpec(vocab_size=6607, limit_alphabet=5003, min_frequency=1, lowercase=lowercase)
    return train_tokenizer(spec, [*SENTENCES, *CHARACTERS, *words])


@pytest.fixture(scope="session")
def wordpiece() -> Tokenizer:
    return train_wordpiece(lowercase=True)


@pytest.fixture(scope="session")
def cased_wordpiece() -> Tokenizer:
    return train_wordpiece(lowercase=False)


@pytest.fixture(scope="session")
def unigram() -> Tokenizer:
    return train_tokenizer(UnigramSpec(vocab_size=421, character_coverage=0.99), SENTENCES)


@pytest.fixture(scope="session")
def moses_bpe() -> Tokenizer:
    return train_tokenizer(MosesBpeSpec(vocab_size=541), SENTENCES)


@pytest.fixture(scope="session")
def udhr(shared_data: Path) -> dict[str, str]:
    """The Universal Declaration of Human Rights in 388 versions."""
    with zipfile.ZipFile(shared_data / "text/udhr/udhr2.zip") as file:
        return {name: file.read(name).decode("utf-8") for name in file.namelist() if name.endswith(".txt")}
