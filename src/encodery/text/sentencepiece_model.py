"""The file format of SentencePiece (`sentencepiece_model.proto`), as far as unigram models need it.

A protocol buffer is a list of (field number, value). Read here by hand: thirty lines against a dependency, and a file
from a stranger meets no other code.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encodery.errors import UserError
from encodery.text.stored import read_bytes

CONTROLS = ("<unk>", "<s>", "</s>")
"""The first three pieces; the file gives them the types `_UNKNOWN` and `_CONTROL`."""
_NORMAL, _UNKNOWN, _CONTROL = 1, 2, 3
_UNIGRAM = 1
_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5


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
    except (IndexError, KeyError, TypeError, AttributeError, struct.error, UnicodeDecodeError):
        raise UserError(f"{path}: no SentencePiece model, or a damaged one; fetch or write it again") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def parse_model(data: bytes) -> SentencePieceModel:
    """The model of a file's bytes; any other bytes are an error of some kind, `ValueError` if it has a message."""
    pieces: list[tuple[str, float, int]] = []
    charsmap = b""
    for number, value in _fields(data):
        if number == 1:
            piece = dict(_fields(value))
            pieces.append((piece[1].decode("utf-8"), struct.unpack("<f", piece.get(2, bytes(4)))[0], piece.get(3, 1)))
        elif number == 2:
            model_type = dict(_fields(value)).get(3, _UNIGRAM)
            if model_type != _UNIGRAM:
                raise ValueError(f"a SentencePiece model of type {model_type}; only unigram (1) can be read")
        elif number == 3:
            charsmap = dict(_fields(value)).get(2, b"")
    _check(pieces)
    return SentencePieceModel(tuple((piece, score) for piece, score, _ in pieces[len(CONTROLS) :]), bytes(charsmap))


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


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: whole numbers, or bytes of any other type."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        if key & 7 == _VARINT:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if key & 7 == _SIZED:
            size, position = _varint(data, position)
        else:
            size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}[key & 7]
        if position + size > len(data):
            raise IndexError("cut off")
        yield key >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number in groups of seven bits, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise IndexError("no end")


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
