"""How token shards lie on disk: raw little-endian arrays, and one `shards.json` that says what they must be.

Shard `i` is three files. Offsets count from the shard's own beginning and carry one record more than there are items,
so that item `k` is `offsets[k]:offsets[k + 1]`:

    ids-0000i.bin        uint16 (uint32 above 65,536 ids)   token ids, every sentence after the other
    sentences-0000i.bin  uint64   first token of each sentence
    documents-0000i.bin  uint64   first sentence of each document

Where the corpus names languages, documents of one language lie together (format 3): `language_documents` counts them,
in the order of `languages`. In format 2, which is still read, they lie as they came, and a fourth file names each
one's:

    languages-0000i.bin  uint16   language of each document, a place in `languages`
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, model_validator

from encodery.config import Config
from encodery.errors import UserError

MANIFEST = "shards.json"
KINDS = ("ids", "sentences", "documents")
LANGUAGES = "languages"
MAX_LANGUAGES = 1 << 16
REWRITE = "write the token shards again"
_ITEM_SIZES = {"uint16": 2, "uint32": 4, "uint64": 8}


def _absent(value: object) -> bool:
    """Shards without languages are those of format 1, to the byte."""
    return value is None


class ShardFiles(Config):
    """One shard: how many items it holds, and the SHA-256 of each of its files."""

    num_tokens: NonNegativeInt
    num_sentences: NonNegativeInt
    num_documents: NonNegativeInt
    sha256: dict[str, str]

    def num_records(self, kind: str) -> int:
        """Records that the file of this kind must hold."""
        return {
            "ids": self.num_tokens,
            "sentences": self.num_sentences + 1,
            "documents": self.num_documents + 1,
            LANGUAGES: self.num_documents,
        }[kind]


class ShardsManifest(Config):
    """The table in `shards.json`."""

    format_version: Literal[1, 2, 3] = 1
    """3 where there are languages; 2 where they are not grouped."""
    dtype: Literal["uint16", "uint32"]
    vocab_size: int = Field(gt=0)
    shards: tuple[ShardFiles, ...]
    """None, where the corpus has no text."""
    languages: tuple[str, ...] | None = Field(default=None, max_length=MAX_LANGUAGES, exclude_if=_absent)
    """Their names, "" for what no input names."""
    language_documents: tuple[NonNegativeInt, ...] | None = Field(default=None, exclude_if=_absent)
    """How many documents each has; they lie in this order."""

    @model_validator(mode="after")
    def _languages_are_counted(self) -> "ShardsManifest":
        if (self.format_version == 3) != (self.language_documents is not None):
            raise ValueError("language_documents belongs to format_version 3, and to no other")
        if self.language_documents is None:
            return self
        total = sum(shard.num_documents for shard in self.shards)
        if len(self.language_documents) != len(self.languages or ()) or sum(self.language_documents) != total:
            raise ValueError(
                f"language_documents must have a count for each of languages, {total} documents in all; {REWRITE}"
            )
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """The files of a shard."""
        return (*KINDS, LANGUAGES) if self.format_version == 2 else KINDS

    def record_type(self, kind: str) -> str:
        """The dtype of a record, as NumPy spells it."""
        return f"<u{self._item_size(kind)}"

    def _item_size(self, kind: str) -> int:
        return _ITEM_SIZES[{"ids": self.dtype, LANGUAGES: "uint16"}.get(kind, "uint64")]

    def num_bytes(self, index: int, kind: str) -> int:
        """What one file must have."""
        return self.shards[index].num_records(kind) * self._item_size(kind)

    def check_size(self, folder: Path, index: int, kind: str) -> Path:
        """The path of one file, whose size is what this table says.

        Raises:
            UserError: the file is missing, truncated or too long.
        """
        path = folder / file_name(kind, index)
        item = self._item_size(kind)
        expected = self.shards[index].num_records(kind)
        if not path.is_file():
            raise UserError(f"{path}: missing, though {MANIFEST} lists it; {REWRITE}")
        size = path.stat().st_size
        if size != expected * item:
            raise UserError(
                f"{path}: ends in record {size // item} ({size:,} bytes), {MANIFEST} says {expected:,} records "
                f"({expected * item:,} bytes); {REWRITE}"
            )
        return path


def file_name(kind: str, index: int) -> str:
    """The name of one file of shard `index`; `kind` is one of `ShardsManifest.kinds`."""
    return f"{kind}-{index:05d}.bin"


def read_manifest(folder: Path) -> ShardsManifest:
    """The table of a folder of shards.

    Raises:
        UserError: there is none, or it is not one of ours.
    """
    path = folder / MANIFEST
    try:
        table = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror}; name a folder of token shards") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}; {REWRITE}") from None
    if not isinstance(table, dict):
        raise UserError(f"{path}: holds a {type(table).__name__}, must be a table; {REWRITE}")
    return ShardsManifest.parse(table, str(path))
