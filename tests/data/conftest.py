"""The real data of tests/corpus, for the tests here that want it."""

from tests.corpus.conftest import shared_data

__all__ = ["shared_data"]
