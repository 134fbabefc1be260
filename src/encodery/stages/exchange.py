"""Token shards for other tools, and theirs for us (`encodery shards`)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import tee
from pathlib import Path

from encodery.artifact.disk import fsync_path, remove, rename
from encodery.data.datatrove_files import SUFFIX, export_datatrove, read_datatrove
from encodery.data.megatron import export_megatron, megatron_files, read_megatron
from encodery.data.shard_writer import MAX_SENTENCE_TOKENS, Document, write_shards
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.text.tokenizer import Tokenizer


def export_shards(folder: Path, to: Path) -> str:
    """Write a folder of shards as Megatron's data sets, or where `to` ends in `.ds`, as datatrove's; returns a line
    on what was written.

    Raises:
        UserError: the shards are not what their manifest says, or as `export_data_sets` does.
    """
    shards = Shards.open(folder, verify=True)
    if to.suffix == SUFFIX:
        names = [f"{prefix}{SUFFIX}" for prefix in export_datatrove(shards, to.with_suffix(""))]
    else:
        names = [f"{prefix}.bin and .idx" for prefix in export_megatron(shards, to)]
    return f"{shards.num_documents:,} documents, {shards.num_tokens:,} tokens: {', '.join(names)}"


def import_shards(sources: Sequence[str], into: Path, tokenizer: Path, whole: bool) -> str:
    """Write data sets, each `NAME` or `LANGUAGE=NAME`, as a folder of shards; returns a line on it.

    Raises:
        UserError: the folder is there already, a data set is not what it should be, or the disk is full.
    """
    if into.exists():
        raise UserError(f"{into}: is there already; remove it or name another folder")
    named, vocab_size = _named(sources), Tokenizer.load(tokenizer).vocab_size
    documents, again = tee(_documents(named, vocab_size))
    part = into.with_name(f"{into.name}.part")
    if part.exists():
        remove(part)
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"{part}: cannot be made ({error.strerror}); choose another folder") from None
    stats = write_shards(
        (document for document, _ in documents),
        part,
        vocab_size,
        languages=(language for _, language in again) if any(named.values()) else None,
        max_sentence_tokens=None if whole else MAX_SENTENCE_TOKENS,
    )
    for file in part.iterdir():
        fsync_path(file)
    rename(part, into)  # a folder that is there is whole
    return (
        f"{into}: {stats.num_documents:,} documents, {stats.num_sentences:,} sentences, {stats.num_tokens:,} tokens"
    )


def _documents(named: Mapping[Path, str], vocab_size: int) -> Iterator[tuple[Document, str]]:
    """The documents of all data sets with their languages; all are checked before the first comes."""
    opened = [
        (read_datatrove(path, vocab_size) if path.suffix == SUFFIX else read_megatron(path, vocab_size), language)
        for path, language in named.items()
    ]
    return ((document, language) for documents, language in opened for document in documents)


def _named(sources: Sequence[str]) -> dict[Path, str]:
    """The data sets, each with its language; "" where none is given."""
    named: dict[Path, str] = {}
    for source in sources:
        language, separator, path = source.partition("=")
        # a name may have a "=" in it
        whole = not separator or Path(source).exists() or megatron_files(Path(source))[1].exists()
        named[Path(source if whole else path)] = "" if whole else language
    return named
