"""The file format of SentencePiece (`sentencepiece_model.proto`), as far as unigram models need it.

A protocol buffer, read and written without a library for them.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from encodery.errors import UserError
from encodery.files.protobuf import MalformedError, fields
from encodery.text.stored import read_bytes

CONTROLS = ("<unk>", "<s>", "</s>")
"""The first three pieces; the file gives them the types `_UNKNOWN` and `_CONTROL`."""
_NORMAL, _UNKNOWN, _CONTROL = 1, 2, 3
_UNIGRAM = 1
_VARINT, _SIZED, _FOUR_BYTES = 0, 2, 5


@dataclass(frozen=True)
class SentencePieceModel:
    """A unigram model: pieces with their scores (`CONTROLS` left out), and the normaliser's compiled table."""

    pieces: tuple[tuple[str, float], ...]
    charsmap: bytes


def read_model(path: Path) -> SentencePieceModel:
    """Read a `.model` file.

    Raises:
        UserError: it is too large, damaged, no unigram model, or has pieces that XLM-RoBERTa's kind has not.
    """
    data = read_bytes(path)
    try:
        return parse_model(data)
    except (MalformedError, KeyError, TypeError, AttributeError, struct.error, UnicodeDecodeError):
        raise UserError(f"{path}: no SentencePiece model, or a damaged one; fetch or write it again") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def parse_model(data: bytes) -> SentencePieceModel:
    """The model of a file's bytes; any other bytes are an error of some kind, `ValueError` if it has a message."""
    pieces: list[tuple[str, float, int]] = []
    charsmap = b""
    for number, value in fields(data):
        if number == 1:
            piece = dict(fields(value))
            pieces.append((piece[1].decode("utf-8"), struct.unpack("<f", piece.get(2, bytes(4)))[0], piece.get(3, 1)))
        elif number == 2:
            model_type = dict(fields(value)).get(3, _UNIGRAM)
            if model_type != _UNIGRAM:
                raise ValueError(f"a SentencePiece model of type {model_type}; only unigram (1) can be read")
        elif number == 3:
            charsmap = dict(fields(value)).get(2, b"")
            if not isinstance(charsmap, bytes):  # `bytes` of a number would be that many zeros
                raise MalformedError("the normaliser's table is a number")
    _check(pieces)
    return SentencePieceModel(tuple((piece, score) for piece, score, _ in pieces[len(CONTROLS) :]), charsmap)


def _check(pieces: Sequence[tuple[str, float, int]]) -> None:
    opening = [(piece, kind) for piece, _, kind in pieces[:3]]
    if opening != list(zip(CONTROLS, (_UNKNOWN, _CONTROL, _CONTROL), strict=True)):
        found = " ".join(piece for piece, _ in opening)
        raise ValueError(
            f"its pieces begin with {found!r:.80}; {' '.join(CONTROLS)} is needed, as fairseq shifts ids"
        )
    for piece, score, kind in pieces[3:]:
        if kind != _NORMAL or not piece or not math.isfinite(score):
            raise ValueError(f"the piece {piece!r:.80} (type {kind}, score {score}) is not a normal one")
    if len({piece for piece, _, _ in pieces}) < len(pieces):
        raise ValueError("a piece occurs twice; each has one id")


def write_model(path: Path, model: SentencePieceModel) -> None:
    """Write a file that SentencePiece, fairseq and `transformers` read; the same model gives the same bytes."""
    types = (_UNKNOWN, _CONTROL, _CONTROL)
    data = [
        _field(1, _field(1, piece.encode()) + _field(2, 0.0) + _field(3, kind))
        for piece, kind in zip(CONTROLS, types, strict=True)
    ]
    data += [_field(1, _field(1, piece.encode()) + _field(2, score)) for piece, score in model.pieces]
    data.append(_field(2, _field(3, _UNIGRAM) + _field(4, len(data))))
    # name, table, add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces
    normalizer = _field(1, b"nmt_nfkc") + _field(2, model.charsmap) + _field(3, 1) + _field(4, 1) + _field(5, 1)
    path.write_bytes(b"".join(data) + _field(3, normalizer))


def _field(number: int, value: int | float | bytes) -> bytes:
    if isinstance(value, int):
        return _number(number << 3 | _VARINT) + _number(value)
    if isinstance(value, float):
        return _number(number << 3 | _FOUR_BYTES) + struct.pack("<f", value)
    return _number(number << 3 | _SIZED) + _number(len(value)) + value


def _number(value: int) -> bytes:
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
