"""From one input file of any format to pages: what the crawl pipeline begins with."""

import io
from collections.abc import Iterator
from contextlib import closing

from encodery.corpus.archives import opened_files
from encodery.corpus.inputs import CorpusInput, Format, InputFile
from encodery.corpus.languages import is_language_code
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.readers import read_stream
from encodery.corpus.reading.fields import FieldError, FieldTally
from encodery.corpus.reading.paragraphs import paragraphs
from encodery.corpus.reading.web import WEB_READERS
from encodery.errors import DamageError
from encodery.files.streams import decompress


def read_pages(
    file: InputFile, entry: CorpusInput, ledger: Ledger, *, tally: FieldTally | None = None, name: str = ""
) -> Iterator[Page]:
    """The pages of a file in its order: each record, article or document that has text.

    What cannot be read is named in `ledger.damage` with its place, and what follows it is read where that is
    possible; so is a record without the text field. Memory is bounded by the largest record (32 MiB), whatever the
    file holds.

    Args:
        tally: counts the records that have the fields which the input names.
        name: what the file is called in `Page.source`, in the ledger and in messages; its path if not given.

    Raises:
        UserError: the file cannot be opened or read.
    """
    tally = FieldTally() if tally is None else tally
    try:
        members = opened_files(file, entry, name, ledger.passed_over, lambda error: _note(error, ledger))
        with closing(members) as opened:
            for source, stream, chosen in opened:
                yield from _pages(stream, source, chosen, entry, ledger, tally)
    except DamageError as error:  # of an archive
        _note(error, ledger)


def _pages(
    stream: io.BufferedReader,
    source: str,
    chosen: Format,
    entry: CorpusInput,
    ledger: Ledger,
    tally: FieldTally,
) -> Iterator[Page]:
    """The pages of a file or of a member of an archive."""
    try:
        if (read := WEB_READERS.get(chosen)) is not None:
            yield from read(stream, source, entry, ledger)
            return
        documents = read_stream(
            decompress(stream, source), source, chosen, entry, damaged=lambda error: _note(error, ledger, tally)
        )
        for document in documents:
            tally.with_text += chosen != "txt"
            place = f"{document.source}:{document.line}"
            page = Page(paragraphs(document.text), place, document.url, document.date, document.language)
            if entry.language_field:
                _believe(page, ledger)
            yield page
    except DamageError as error:
        _note(error, ledger)


def _believe(page: Page, ledger: Ledger) -> None:
    """Keep the language that a record states if it is one. Anything else would be a folder and a file of its own, and
    no value is too odd for a field of a crawl."""
    page.language = page.language.strip()
    if page.language and not is_language_code(page.language):
        ledger.change(page, "read/language", 1, page.language)
        page.language = ""


def _note(error: DamageError, ledger: Ledger, tally: FieldTally | None = None) -> None:
    if isinstance(error, FieldError):
        if tally and error.is_missing:
            tally.lacks(error)
        if error.setting == "language_field":
            ledger.change(Page("", error.place), "read/language", 1, error.shown)
            return
        if error.setting in ("url_field", "date_field"):
            return
        ledger.drop(Page("", error.place), "read/field", error.shown)
    place, _, reason = str(error).partition(": ")
    ledger.damaged(place, reason)
