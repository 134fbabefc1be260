"""A JSON document whose parts know their line: an array of records, or records deep inside an object.

Only `json.JSONDecoder.raw_decode` parses; this walks from part to part and counts the lines between.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from encodery.errors import UserError
from encodery.files.records import without_half_pairs
from encodery.files.streams import open_bytes, read_lines

MAX_DOCUMENT_CHARACTERS = 512 << 20
_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class Document:
    """The text of a whole JSON document, decompressed and decoded."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            UserError: the file cannot be read, is not UTF-8, or has over 512 Mi characters.
        """
        self.name = str(path)
        lines, size = [], 0
        with open_bytes(path) as stream:
            for line in read_lines(stream, self.name):
                size += len(line) + 1
                if size > MAX_DOCUMENT_CHARACTERS:
                    limit = MAX_DOCUMENT_CHARACTERS >> 20
                    raise UserError(f"{self.name}: a JSON document over {limit} Mi characters; write JSON Lines")
                lines.append(line)
        self.text = "\n".join(lines)
        self.start = self._skip(0)
        self._last = (0, 1)
        self._may_have_halves = "\\ud" in self.text or "\\uD" in self.text

    @property
    def opens(self) -> str:
        """The first character that is not blank, or nothing."""
        return self.text[self.start : self.start + 1]

    def source(self, at: int) -> str:
        """`file:line` of a place; quick when places are asked for in order."""
        place, line = self._last if self._last[0] <= at else (0, 1)
        line += self.text.count("\n", place, at)
        self._last = (at, line)
        return f"{self.name}:{line}"

    def elements(self, at: int) -> Iterator[tuple[int, Any]]:
        """The place and value of each element of the array that opens at `at`."""
        opening, at = at, self._skip(at + 1)
        if self.text[at : at + 1] == "]":
            return self._finish(opening, at)
        while True:
            value, end = self._decode(at)
            yield at, value
            at = self._skip(end)
            if self._separator(at, "]"):
                return self._finish(opening, at)
            at = self._skip(at + 1)

    def members(self, at: int) -> Iterator[tuple[str, int, Any]]:
        """The key, place and value of each member of the object that opens at `at`."""
        opening, at = at, self._skip(at + 1)
        if self.text[at : at + 1] == "}":
            return self._finish(opening, at)
        while True:
            key, end = self._decode(at)
            colon = self._skip(end)
            if not isinstance(key, str) or self.text[colon : colon + 1] != ":":
                self._fail(colon, "expecting a key and a colon")
            at = self._skip(colon + 1)
            value, end = self._decode(at)
            yield key, at, value
            at = self._skip(end)
            if self._separator(at, "}"):
                return self._finish(opening, at)
            at = self._skip(at + 1)

    def array(self, at: int, key: str) -> Iterator[tuple[int, Any]]:
        """The elements of the array under `key` in the object at `at`; none where the key is absent or null."""
        for name, place, value in self.members(at):
            if name == key and value is not None:
                if not isinstance(value, list):
                    raise UserError(f"{self.source(place)}: {key} = {value!r:.80} is not an array; repair the file")
                yield from self.elements(place)

    def records(self) -> Iterator[tuple[str, Any]]:
        """The elements of the array that the whole document is, each with its `file:line`."""
        if self.opens != "[":
            raise UserError(f"{self.name}: not a JSON array of records; write one, or one JSON object per line")
        for at, value in self.elements(self.start):
            yield self.source(at), self.sound(at, value)

    def sound(self, at: int, value: Any) -> Any:
        """The value, which must not hold half a surrogate pair."""
        if self._may_have_halves:
            return without_half_pairs(value, self.source(at), "strict")
        return value

    def _skip(self, at: int) -> int:
        match = _BLANK.match(self.text, at)
        return match.end() if match else at

    def _decode(self, at: int) -> tuple[Any, int]:
        try:
            return _DECODER.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            self._fail(error.pos, error.msg)
        except (ValueError, RecursionError):
            self._fail(at, "too deep, or too long a number")
        raise AssertionError

    def _separator(self, at: int, closing: str) -> bool:
        """Whether the part is over at `at`; otherwise a comma stands there."""
        found = self.text[at : at + 1]
        if found not in (",", closing) or not found:
            self._fail(at, f"expecting ',' or '{closing}'")
        return found == closing

    def _finish(self, opening: int, at: int) -> None:
        """Behind the outermost bracket nothing may follow."""
        rest = self._skip(at + 1)
        if opening == self.start and rest < len(self.text):
            self._fail(rest, "more follows where the document is over")

    def _fail(self, at: int, reason: str) -> None:
        column = at - self.text.rfind("\n", 0, at)
        reason = reason[:1].lower() + reason[1:]
        raise UserError(f"{self.source(at)}: not JSON ({reason} at column {column}); repair the file") from None
