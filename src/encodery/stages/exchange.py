"""Token shards for other tools, and theirs for us (`encodery shards`)."""

from collections.abc import Iterable, Sequence
from itertools import tee
from pathlib import Path

from encodery.artifact.disk import fsync_path, remove, rename
from encodery.data.megatron import export_megatron, megatron_files, read_megatron
from encodery.data.shard_writer import MAX_SENTENCE_TOKENS, write_shards
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.text.tokenizer import Tokenizer


def export_shards(folder: Path, prefix: Path) -> str:
    """Write a folder of shards as Megatron's data sets; returns a line on what was written.

    Raises:
        UserError: the shards are not what their manifest says, or as `export_megatron` does.
    """
    shards = Shards.open(folder, verify=True)
    prefixes = export_megatron(shards, prefix)
    return (
        f"{shards.num_documents:,} documents, {shards.num_tokens:,} tokens: "
        f"{', '.join(f'{each}.bin and .idx' for each in prefixes)}"
    )


def import_shards(sources: Sequence[str], into: Path, tokenizer: Path, whole: bool) -> str:
    """Write Megatron's data sets, each `PREFIX` or `LANGUAGE=PREFIX`, as a folder of shards; returns a line on it.

    Raises:
        UserError: the folder is there already, a data set is not what it should be, or the disk is full.
    """
    if into.exists():
        raise UserError(f"{into}: is there already; remove it or name another folder")
    named, vocab_size = _named(sources), Tokenizer.load(tokenizer).vocab_size
    documents, again = tee(read_megatron(named, vocab_size))
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
    _publish(part, into, part.iterdir())
    return (
        f"{into}: {stats.num_documents:,} documents, {stats.num_sentences:,} sentences, {stats.num_tokens:,} tokens"
    )


def _publish(part: Path, into: Path, files: Iterable[Path]) -> None:
    """A folder that is there is whole."""
    for file in files:
        fsync_path(file)
    rename(part, into)


def _named(sources: Sequence[str]) -> dict[Path, str]:
    """The data sets, each with its language; "" where none is given."""
    named: dict[Path, str] = {}
    for source in sources:
        language, separator, path = source.partition("=")
        whole = not separator or megatron_files(Path(source))[1].exists()  # a name may have a "=" in it
        named[Path(source if whole else path)] = "" if whole else language
    return named
