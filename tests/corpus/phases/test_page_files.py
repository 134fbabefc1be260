"""Pages on their way between phases: what is written is what is read."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.page import Page
from encodery.corpus.phases import page_files
from encodery.corpus.phases.page_files import PageReader, PageWriter, batches_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=13)
pages = st.builds(
    Page,
    text=texts,
    source=texts,
    url=texts,
    date=texts,
    language=texts,
    scores=st.dictionaries(texts, st.floats(allow_nan=False), max_size=3),
)


@given(st.lists(st.lists(pages, max_size=5), max_size=3))
def test_there_and_back(batches: list[list[Page]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pages.arrow"
        with PageWriter(path) as writer:
            for batch in batches:
                writer.write(batch, range(7, 7 + len(batch)))
        with PageReader(path) as reader:
            found = list(reader.batches())
            assert [batch for batch, _ in found] == batches
            assert [numbers for _, numbers in found] == [list(range(7, 7 + len(batch))) for batch in batches]
            chosen = list(range(0, len(batches), 2))
            assert [batch for batch, _ in reader.batches(chosen)] == batches[::2]


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    with PageWriter(tmp_path / "pages.arrow") as writer:
        writer.write([Page("a\ud800b", "s")], [0])
    with PageReader(tmp_path / "pages.arrow") as reader:
        ((found, _),) = reader.batches()
    assert found[0].text == "a?b"


def test_a_batch_is_bounded_in_pages_and_characters() -> None:
    long = page_files.CHARACTERS_AT_ONCE
    sizes = [
        [len(page.text) for page in batch]
        for batch in batches_of(Page("x" * n, "") for n in (1, long, 2, long - 2, 3))
    ]
    assert sizes == [[1, long], [2, long - 2], [3]]
    assert [len(batch) for batch in batches_of(Page("x", "") for _ in range(1030))] == [512, 512, 6]
