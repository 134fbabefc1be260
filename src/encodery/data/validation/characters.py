"""Checks of the text: characters that nobody meant to write, and length."""

import re
from collections.abc import Iterator

from encodery.data.validation.check import Found, check, several
from encodery.data.validation.finding import Place
from encodery.data.validation.rows import Row
from encodery.data.validation.survey import TRAIN, Length, Survey

_REPLACEMENT = re.compile("\ufffd+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb\ue000-\uf8ff"
    "\ufdd0-\ufdef\ufffe\uffff]+"
)
# UTF-8 read as Windows-1252 (or Latin-1) has the first byte of a character, then bytes from 80 to BF. After
# Ã and Â, which end words, quotes, dashes and spaces are no sign; three pairs in a row are Cyrillic.
_TAIL = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_MOJIBAKE = re.compile(
    "[ÃÂ][\x80-\x9f¡-ª¬®-º¼-¿ƒ†‡ˆ‰ŠŒŽ˜™šœžŸ€]"
    "|(?<![A-ZÀ-Þ])Ã[„“”‘’–—…](?=[a-z])"
    f"|â€[{_TAIL}]|â\x80[\x80-\xbf]"
    f"|ð[\x9fŸ][{_TAIL}][{_TAIL}]"
    f"|(?:[ÐÑ][{_TAIL}]){{3,}}"
    f"|(?:[àáã-é][{_TAIL}]{{2}}){{3,}}"
)


def _places(pattern: re.Pattern[str], row: Row) -> Iterator[tuple[str, Place, int]]:
    """In each column with a match: its name, the first place, and how many there are."""
    fields = dict(row.texts) if row.texts else {"tokens": row.text}
    for name, text in fields.items():
        if first := pattern.search(text):
            yield name, Place(text, *first.span()), sum(1 for _ in pattern.finditer(text))


@check(
    "T001",
    "warning",
    what="U+FFFD, the character that stands for bytes that could not be read",
    why="some program has lost what stood here; no tokenizer brings it back",
    fix="convert the original to UTF-8 again, from the encoding that it really has",
)
def replacement_character(row: Row, survey: Survey) -> Iterator[Found]:
    for name, place, count in _places(_REPLACEMENT, row):
        yield Found(f"{name} has the replacement character U+FFFD{several(count)}", place)


@check(
    "T002",
    "warning",
    what="UTF-8 that was read as another encoding (`Ã¼` for `ü`)",
    why="the model learns pieces that correct text never has",
    fix="convert the original again: its bytes are UTF-8 already",
)
def mojibake(row: Row, survey: Survey) -> Iterator[Found]:
    for name, place, count in _places(_MOJIBAKE, row):
        shown = place.text[place.start : place.end]
        yield Found(f"{name} has {shown!r:.40}, UTF-8 read as another encoding{several(count)}", place)


@check(
    "T003",
    "warning",
    what="a control character",
    why="it is no text: left over from a terminal, a PDF or a wrong encoding; some tokenizers drop it, others do not",
    fix="remove it, or convert the original again",
)
def control_character(row: Row, survey: Survey) -> Iterator[Found]:
    for name, place, count in _places(_CONTROL, row):
        yield Found(f"{name} has the control character {_code_point(place)}{several(count)}", place)


@check(
    "T004",
    "note",
    what="a character that cannot be seen (zero-width space, soft hyphen, direction override) or is for private use",
    why="two texts look the same and are not; offsets seem to be wrong by one",
    fix="remove it, unless the language needs it (Khmer and Thai put U+200B between words)",
)
def invisible_character(row: Row, survey: Survey) -> Iterator[Found]:
    for name, place, count in _places(_INVISIBLE, row):
        yield Found(f"{name} has the invisible character {_code_point(place)}{several(count)}", place)


@check(
    "T005",
    "warning",
    what="a text that is cut or refused, because it is longer than the model reads (`task.on_overflow`)",
    why="what stands at its end is not learned from and not predicted",
    fix="set task.on_overflow to window, raise task.max_seqlen (up to the model's positions), or break the text up",
)
def cut_text(row: Row, survey: Survey) -> Iterator[Found]:
    length = survey.options.length
    if length and length.on_overflow != "window" and (count := _length(row, length)) > length.max_seqlen:
        what = "the rest is cut" if length.on_overflow == "truncate" else "training will refuse it"
        yield Found(f"{count} tokens where {length.max_seqlen} are read: {what}")


@check(
    "T006",
    "note",
    what="a text that is read in several windows (translated in pieces), because it is longer than the model reads",
    why="it costs as many passes, and no window sees all of it",
    fix="nothing, or raise task.max_seqlen (up to the model's positions)",
)
def windowed_text(row: Row, survey: Survey) -> Iterator[Found]:
    length = survey.options.length
    if length and length.on_overflow == "window" and (count := _length(row, length)) > length.max_seqlen:
        how = "translated in pieces" if row.kind == "translation" else "read in overlapping windows"
        yield Found(f"{count} tokens where {length.max_seqlen} are read at once: it is {how}")


def _length(row: Row, length: Length) -> int:
    if row.kind == "question-answering":
        return length.length_of(row.texts.get("question", ""), row.text)
    if row.kind == "translation" and row.part == TRAIN and length.on_overflow != "error":
        return 0  # P007 says it
    if row.choices:
        return max(length.length_of(row.text, choice) for choice in row.choices)
    return length.length_of(row.text, row.texts.get("text_pair"))


def _code_point(place: Place) -> str:
    return f"U+{ord(place.text[place.start]):04X}"
