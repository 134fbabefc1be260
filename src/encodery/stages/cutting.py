"""How a tokenizer cuts the texts of several languages, as one table."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rich.table import Table

from encodery.corpus.readers import CorpusInput, Document, read_documents
from encodery.errors import UserError
from encodery.text.statistics import TextStatistics, measure
from encodery.text.tokenizer import Tokenizer

HEADER = (
    "language",
    "texts",
    "characters",
    "tokens",
    "tokens\n/word",
    "chars\n/token",
    "bytes\n/token",
    "unknown",
    "vocab\nused",
)


def cutting_table(path: Path, texts: Sequence[str], language_field: str | None = None) -> Table:
    """A row for each language: `texts` are files, folders or globs, `LANGUAGE=PATH` where the language is known.

    Without it the language is what `language_field` of a record says, else the name of the file.

    Raises:
        UserError: there is no tokenizer, or a text cannot be read.
    """
    tokenizer = Tokenizer.load(path)
    rows = statistics(tokenizer, [text_input(text, language_field) for text in texts])
    table = Table(*HEADER, box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    for language in sorted(rows):
        table.add_row(language, *_cells(rows[language]))
    if len(rows) > 1:
        total = TextStatistics(tokenizer.vocab_size)
        for row in rows.values():
            total.add(row)
        table.add_section()
        table.add_row("all", *_cells(total))
    return table


def text_input(text: str, language_field: str | None = None) -> CorpusInput:
    """`LANGUAGE=PATH` or `PATH`, from the command line; a path that is there may have a = in it.

    Raises:
        UserError: a part is empty, or the language is given twice.
    """
    language, separator, path = text.partition("=")
    if not separator or Path(text).exists():
        return CorpusInput.parse({"path": text, "language_field": language_field}, f"--text {text}")
    if not language or not path:
        raise UserError(f"--text {text}: write a path, or LANGUAGE=PATH, for example --text de=german.txt")
    values = {"path": path, "language": language, "language_field": language_field}
    return CorpusInput.parse(values, f"--text {text}")


def statistics(tokenizer: Tokenizer, inputs: Sequence[CorpusInput]) -> dict[str, TextStatistics]:
    """The counts over each language's text."""
    found: dict[str, TextStatistics] = {}
    documents: Iterator[Document] = read_documents(inputs, Path())
    for language, group in groupby(documents, _language):
        counts = measure(tokenizer, (document.text for document in group))
        found.setdefault(language, TextStatistics(tokenizer.vocab_size)).add(counts)
    return found


def _language(document: Document) -> str:
    """What is known of it, else the name of its file (in an archive: of the member) without suffixes."""
    return document.language or Path(document.source.rpartition("!")[2]).name.split(".")[0]


def _cells(row: TextStatistics) -> list[str]:
    return [
        f"{row.texts:,}",
        f"{row.characters:,}",
        f"{row.tokens:,}",
        f"{row.tokens_per_word:.2f}",
        f"{row.characters_per_token:.2f}",
        f"{row.bytes_per_token:.2f}",
        f"{row.unknown_rate:.2%}",
        f"{row.coverage:.1%}",
    ]
