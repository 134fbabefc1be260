from pathlib import Path

from encodery.bench.crawl_text import LEAST, REAL_PAGES, sentences, sources_hash
from tests.bench.crawl_data import small_data


def test_without_data_the_demo_speaks_its_languages() -> None:
    found = sentences(None)
    assert {"en", "de", "fr", "es", "sw"} == set(found)
    assert all(len(lines) >= LEAST for lines in found.values())
    assert sentences(None) == found


def test_data_adds_sentences_and_languages(tmp_path: Path) -> None:
    found = sentences(small_data(tmp_path))
    assert "A sentence of the novel number 7 that is long enough." in found["en"]
    assert "这是第七个足够长的句子，它后面还有一个句子。" in found["zh"]
    assert len(found["zh"]) == LEAST
    assert 'Mstari wa "kwanza" namba 3 wa kitabu hiki kirefu.' in found["sw"]


def test_a_language_with_few_sentences_is_left_out(tmp_path: Path) -> None:
    assert "hi" not in sentences(small_data(tmp_path))


def test_sentences_are_neither_short_nor_long_and_never_twice(tmp_path: Path) -> None:
    for lines in sentences(small_data(tmp_path)).values():
        assert len(set(lines)) == len(lines)
        assert all(len(line.encode()) >= 30 and len(line) <= 400 for line in lines)


def test_the_hash_is_that_of_what_is_there(tmp_path: Path) -> None:
    data = small_data(tmp_path)
    before = sources_hash(data)
    assert before == sources_hash(data) != sources_hash(None)
    (data / REAL_PAGES).write_bytes(b"")
    assert sources_hash(data) != before
