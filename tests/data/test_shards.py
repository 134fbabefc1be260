"""What was written is what is read, from one shard or many."""

import gc
import json
import math
import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.data import shard_writer
from encodery.data.language_spool import LanguageSpool
from encodery.data.offsets import Offsets
from encodery.data.shard_cache import ShardCache
from encodery.data.shard_writer import Document, ShardStats, write_shards
from encodery.data.shards import Shards, flat_ranges
from encodery.errors import UserError
from tests.data.synthetic import VOCAB_SIZE, documents, in_format_2, stored


def read_back(shards: Shards) -> list[list[list[int]]]:
    """All documents, sentence by sentence."""
    sentence = np.arange(shards.num_sentences)
    starts = shards.sentences.at(sentence)
    lengths = shards.sentences.at(sentence + 1) - starts
    tokens = shards.take_ranges(starts, lengths).tolist()
    texts = [tokens[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    document = np.arange(shards.num_documents)
    bounds = zip(shards.documents.at(document), shards.documents.at(document + 1), strict=True)
    return [texts[first:last] for first, last in bounds]


@pytest.mark.parametrize("max_tokens_per_shard", [1, 101, 997, 2**27])
def test_a_corpus_is_read_back_as_written(tmp_path: Path, max_tokens_per_shard: int) -> None:
    corpus = documents(53, 7)
    shards = stored(tmp_path / "shards", corpus, max_tokens_per_shard=max_tokens_per_shard)
    assert read_back(shards) == [[sentence.tolist() for sentence in document] for document in corpus]
    assert shards.num_tokens == sum(len(sentence) for document in corpus for sentence in document)
    assert shards.vocab_size == VOCAB_SIZE


def test_one_shard_a_document_when_each_fills_one(tmp_path: Path) -> None:
    stats = write_shards(documents(13, 3), tmp_path, VOCAB_SIZE, max_tokens_per_shard=1)
    assert stats.num_shards == stats.num_documents == 13


@pytest.mark.parametrize(("vocab_size", "item_size"), [(2**16, 2), (2**16 + 1, 4)])
def test_ids_take_two_bytes_where_they_can(tmp_path: Path, vocab_size: int, item_size: int) -> None:
    corpus = [[np.array([0, vocab_size - 1, 7])]]
    shards = stored(tmp_path / "shards", corpus, vocab_size)
    assert (tmp_path / "shards" / "ids-00000.bin").stat().st_size == 3 * item_size
    assert read_back(shards) == [[[0, vocab_size - 1, 7]]]


def test_what_is_empty_is_left_out(tmp_path: Path) -> None:
    empty = np.array([], np.int64)
    corpus: list[Document] = [[], [empty], [empty, np.array([5, 6]), empty, np.array([7])], [empty, empty]]
    stats = write_shards(corpus, tmp_path, VOCAB_SIZE)
    assert stats == ShardStats(num_tokens=3, num_sentences=2, num_documents=1, num_shards=1)
    assert read_back(Shards.open(tmp_path)) == [[[5, 6], [7]]]


def test_an_empty_corpus_is_said_to_be_empty(tmp_path: Path) -> None:
    stats = write_shards([], tmp_path, VOCAB_SIZE)
    shards = Shards.open(tmp_path, verify=True)
    assert stats == ShardStats(0, 0, 0, 0)
    assert (shards.num_tokens, shards.num_sentences, shards.num_documents) == (0, 0, 0)


@given(st.lists(st.integers(1, 333), min_size=1, max_size=7))
@settings(max_examples=30)
def test_long_sentences_are_cut_evenly_and_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    tokens = np.arange(sum(lengths)) % VOCAB_SIZE
    corpus = [np.split(tokens, np.cumsum(lengths)[:-1])]
    shards = stored(tmp_path_factory.mktemp("corpus") / "shards", corpus)
    (sentences,) = read_back(shards)
    assert [token for sentence in sentences for token in sentence] == tokens.tolist()
    found = [len(sentence) for sentence in sentences]
    assert max(found) <= 64
    for length in lengths:
        parts = [found.pop(0) for _ in range(math.ceil(length / 64))]
        assert sum(parts) == length
        assert max(parts) - min(parts) <= 1


def test_documents_stream_through(tmp_path: Path) -> None:
    """Not more than a chunk of documents is held: files grow while documents are still being asked for."""
    seen = []

    def corpus() -> object:
        for number in range(7):
            seen.append([path.stat().st_size for path in sorted(tmp_path.glob("ids-*"))])
            yield [np.full(50, number + 5)] * 2

    write_shards(corpus(), tmp_path, VOCAB_SIZE, max_tokens_per_shard=300)  # type: ignore[arg-type]
    assert seen[0] == []
    assert seen[3] == [600]
    assert seen[6] == [600, 600]


def test_an_error_in_the_documents_is_passed_on(tmp_path: Path) -> None:
    def corpus() -> object:
        yield [np.array([5, 6, 7])]
        raise RuntimeError("line 3 is not text")

    with pytest.raises(RuntimeError, match="line 3 is not text"):
        write_shards(corpus(), tmp_path, VOCAB_SIZE, max_tokens_per_shard=1)  # type: ignore[arg-type]


@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=5), min_size=1, max_size=4))
def test_offsets_over_shards_are_offsets_of_the_whole(sizes: list[list[int]]) -> None:
    parts = [np.cumsum([0, *lengths]) for lengths in sizes]
    split, whole = Offsets.of(parts), Offsets.of([np.cumsum([0, *(size for part in sizes for size in part)])])
    assert (len(split), split.end) == (len(whole), whole.end)
    items, values = np.arange(len(whole) + 1), np.arange(-1, whole.end + 2)
    assert split.at(items).tolist() == whole.at(items).tolist()
    assert split.search(values, "left").tolist() == whole.search(values, "left").tolist()
    assert split.search(values, "right").tolist() == whole.search(values, "right").tolist()


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 7)), max_size=9))
def test_flat_ranges_are_the_ranges_one_after_the_other(ranges: list[tuple[int, int]]) -> None:
    starts, lengths = (np.array([pair[side] for pair in ranges], np.int64) for side in (0, 1))
    assert flat_ranges(starts, lengths).tolist() == [i for start, size in ranges for i in range(start, start + size)]


def test_ranges_come_in_the_order_asked_for_whatever_their_shards(tmp_path: Path) -> None:
    corpus = documents(41, 5, seed=3)
    one = stored(tmp_path / "one", corpus)
    many = stored(tmp_path / "many", corpus, max_tokens_per_shard=53)
    sentence = np.random.default_rng(0).integers(0, one.num_sentences, 211)
    starts = one.sentences.at(sentence)
    lengths = one.sentences.at(sentence + 1) - starts
    assert many.take_ranges(starts, lengths).tolist() == one.take_ranges(starts, lengths).tolist()
    assert many.document_of(sentence).tolist() == one.document_of(sentence).tolist()


@pytest.mark.parametrize("max_tokens_per_shard", [11, 2**27])
def test_unigram_entropy_is_that_of_the_token_frequencies(tmp_path: Path, max_tokens_per_shard: int) -> None:
    corpus = [[np.array([5, 5, 6])], [np.array([5, 7]), np.array([5, 6, 5])]]
    shards = stored(tmp_path / "shards", corpus, 11, max_tokens_per_shard)
    assert shards.token_counts.tolist() == [0, 0, 0, 0, 0, 5, 2, 1, 0, 0, 0]
    assert shards.token_counts is shards.token_counts  # objectives that share shards do not each read the text for it
    expected = -sum(p * math.log(p) for p in (5 / 8, 2 / 8, 1 / 8))
    assert shards.unigram_entropy() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("waiting", [1, 83, 1 << 20])
@pytest.mark.parametrize("max_tokens_per_shard", [61, 2**27])
def test_documents_lie_by_language_and_every_token_knows_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_tokens_per_shard: int, waiting: int
) -> None:
    monkeypatch.setattr(shard_writer, "_WAITING_TOKENS", waiting)
    corpus = documents(29, 5)
    corpus[3] = [np.zeros(0, np.int64)]  # left out, and its language with it
    languages = [("sw", "", "de")[index % 3] for index in range(29)]
    languages[3] = "ur"
    shards = stored(tmp_path / "shards", corpus, max_tokens_per_shard=max_tokens_per_shard, languages=languages)
    assert shards.languages == ("", "de", "sw")
    order = sorted((index for index in range(29) if index != 3), key=lambda index: (languages[index], index))
    assert read_back(shards) == [[sentence.tolist() for sentence in corpus[index]] for index in order]
    want = [languages[index] for index in order for _ in range(sum(map(len, corpus[index])))]
    numbers = shards.language_of(np.arange(shards.num_tokens).reshape(1, -1))
    assert [shards.languages[number] for number in numbers[0]] == want
    assert shards.tokens_by_language() == {name: want.count(name) for name in ("", "de", "sw")}
    assert json.loads((tmp_path / "shards" / "shards.json").read_text())["format_version"] == 3
    assert {path.name.split("-")[0] for path in (tmp_path / "shards").iterdir()} == {
        "ids",
        "sentences",
        "documents",
        "shards.json",
    }


def test_shards_of_format_2_are_still_read(tmp_path: Path) -> None:
    corpus = documents(7, 5)
    stored(tmp_path / "shards", corpus)
    languages = ["sw", "de", "sw", "sw", "ur", "de", "ur"]
    in_format_2(tmp_path / "shards", languages)
    shards = Shards.open(tmp_path / "shards", verify=True)
    assert shards.languages == ("sw", "de", "ur")
    want = [language for document, language in zip(corpus, languages, strict=True) for _ in np.concatenate(document)]
    assert [shards.languages[number] for number in shards.language_of(np.arange(shards.num_tokens))] == want
    assert shards.first_documents() is None
    assert shards.tokens_by_language() == {}


def test_hundreds_of_languages_take_few_open_files(tmp_path: Path) -> None:
    names = [f"l{number:03}" for number in range(307)]
    corpus = documents(1009, 3, max_tokens=7)
    languages = [names[index % 307] for index in range(1009)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 23, limits[1]))
    try:
        shards = stored(tmp_path / "shards", corpus, languages=languages)
        again = [Shards.open(tmp_path / "shards") for _ in range(2)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(again[0].tokens_by_language()) == 307
    assert sum(shards.tokens_by_language().values()) == shards.num_tokens


def test_many_shards_take_few_open_files(tmp_path: Path) -> None:
    """Also where they are copied to a cache from elsewhere."""
    corpus = documents(307, 5)
    texts = read_back(stored(tmp_path / "shards", corpus, max_tokens_per_shard=13))
    table = json.loads((tmp_path / "shards/shards.json").read_text())
    assert len(table["shards"]) > 50
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/shards.json").write_text(json.dumps(table))
    (tmp_path / "elsewhere/remote.json").write_text(json.dumps({"path": str(tmp_path / "shards")}))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 23, limits[1]))
    try:
        here = Shards.open(tmp_path / "shards", verify=True)
        away = Shards.open(tmp_path / "elsewhere", cache=ShardCache(tmp_path / "cache"))
        assert read_back(here) == read_back(away) == texts
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert sum(str(tmp_path) in line for line in Path("/proc/self/maps").read_text().splitlines()) > 300
    del here, away
    gc.collect()
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_a_failed_write_of_a_language_is_said_in_a_line_and_leaves_no_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LanguageSpool, "add", full)
    with pytest.raises(UserError, match="cannot write token shards: No space left on device; free some space"):
        write_shards(documents(3, 5), tmp_path, VOCAB_SIZE, languages=["en", "de", "en"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["ids", "sentences", "documents"])
def test_shards_that_are_gone_or_cut_off_may_be_left_out(tmp_path: Path, kind: str) -> None:
    corpus, languages = documents(31, 5), [("de", "sw", "ur")[index % 3] for index in range(31)]
    folder = tmp_path / "shards"
    whole = stored(folder, corpus, max_tokens_per_shard=151, languages=languages)
    texts, bounds = read_back(whole), whole.first_documents()
    assert bounds is not None
    manifest = json.loads((folder / "shards.json").read_text())
    sizes = [shard["num_documents"] for shard in manifest["shards"]]
    assert len(sizes) > 5
    gone, cut = folder / f"{kind}-00001.bin", folder / f"{kind}-00004.bin"
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-2])
    with pytest.raises(UserError, match=f"{kind}-00001.bin: missing, though shards.json lists it; write the token"):
        Shards.open(folder)
    left = Shards.open(folder, skip_missing=True)
    assert [text.split(": ")[0] for text in left.skipped] == [str(gone), str(cut)]
    shard = np.repeat(np.arange(len(sizes)), sizes)
    there = np.flatnonzero((shard != 1) & (shard != 4))
    assert read_back(left) == [texts[document] for document in there]
    starts = left.sentences.at(left.documents.at(np.arange(left.num_documents)))
    want = (np.searchsorted(bounds, there, "right") - 1).tolist()
    assert left.language_of(starts).tolist() == want


def test_shards_that_are_all_gone_cannot_be_left_out(tmp_path: Path) -> None:
    stored(tmp_path / "shards", documents(3, 5))
    (tmp_path / "shards" / "ids-00000.bin").unlink()
    with pytest.raises(UserError, match=r"^none of 1 shards is whole; the first: .*ids-00000.bin: missing, though"):
        Shards.open(tmp_path / "shards", skip_missing=True)


def test_without_languages_the_format_is_the_first(tmp_path: Path) -> None:
    assert stored(tmp_path / "shards", documents(3, 5)).languages == ()
    table = json.loads((tmp_path / "shards" / "shards.json").read_text())
    assert table["format_version"] == 1
    assert "languages" not in table
    assert not list((tmp_path / "shards").glob("languages-*"))


def test_each_document_needs_a_language_where_there_are_some(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        stored(tmp_path / "shards", documents(3, 5), languages=["en", "de"])


def test_a_text_in_the_place_of_a_language_is_seen_by_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_writer, "MAX_LANGUAGES", 2)
    with pytest.raises(
        UserError, match=r"^the corpus names more than 2 languages; is language_field the right one\?$"
    ):
        stored(tmp_path / "shards", documents(3, 5), languages=["a", "b", "c"])
