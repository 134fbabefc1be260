"""Checks of texts with their translations."""

import re
from collections.abc import Iterator

from encodery.data.validation.check import Found, check
from encodery.data.validation.finding import Place
from encodery.data.validation.rows import LANGUAGES, TRANSLATION, Kind, Row
from encodery.data.validation.survey import TRAIN, Length, Survey, normalise

TRANSLATIONS: tuple[Kind, ...] = ("translation",)
EDGES = "P008"
_LINE_END = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""What parts the lines of a text, each of which is translated by itself (`tasks.pieces`)."""


def blank_side(row: Row) -> str | None:
    """The column that is empty or blank, if one is."""
    return next((name for name, text in row.texts.items() if not text.strip()), None)


def edged(row: Row) -> list[tuple[str, str]]:
    """Columns whose text has white space at its edges, each with the text; blank ones have no edges."""
    if row.kind != "translation":
        return []
    return [(name, text) for name, text in row.texts.items() if text.strip() not in ("", text)]


def _sides(row: Row) -> tuple[str, str] | None:
    """A text and its translation; None where one is missing or blank, of which R001 to R003 tell."""
    if blank_side(row) is not None or len(row.texts) < len(LANGUAGES):
        return None
    return row.text.strip(), row.texts[TRANSLATION].strip()


def _unknown(row: Row, survey: Survey) -> Iterator[tuple[str, str]]:
    """The keys with a language that the model does not have, each with the language."""
    known = survey.options.pairs.languages
    for key, language in zip(LANGUAGES, row.languages, strict=True):
        if known is not None and language is not None and language not in known:
            yield key, language


def _fitting(row: Row, survey: Survey) -> list[tuple[str, str]]:
    """The directions that a record to be translated may mean."""
    known = survey.known_directions
    file = row.split.removeprefix(f"{row.part}.")
    if row.languages == (None, None) and file in map("-".join, known):
        return [pair for pair in known if "-".join(pair) == file]
    return [pair for pair in known if all(s in (None, p) for s, p in zip(row.languages, pair, strict=True))]


def _named(survey: Survey) -> str:
    return ", ".join(map("-".join, survey.known_directions))


@check(
    "P001",
    "error",
    what="a pair that does not say its languages",
    why="training stops where it is not known from which language to which",
    fix="give source_language and target_language in the record, or for all records as task.source_language and "
    "task.target_language",
    kinds=TRANSLATIONS,
)
def unstated_language(row: Row, survey: Survey) -> Iterator[Found]:
    lacking = [key for key, language in zip(LANGUAGES, row.languages, strict=True) if language is None]
    if row.part == TRAIN:
        # where nobody says any, the recipe may
        if lacking and (survey.names_languages or survey.options.pairs.complete):
            yield Found(f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing")
    elif lacking and len(_fitting(row, survey)) > 1:
        yield Found(f"{' and '.join(lacking)} missing, and several directions are learned: {_named(survey):.80}")


@check(
    "P002",
    "error",
    what="a language that the model does not know",
    why="it has no vector for it, and training refuses it",
    fix="name the languages as the model does (lang2id in its config.json), or remove the record",
    kinds=TRANSLATIONS,
)
def unknown_language(row: Row, survey: Survey) -> Iterator[Found]:
    for key, language in _unknown(row, survey):
        known = ", ".join(survey.options.pairs.languages or ()) or "none"
        yield Found(f"{key} = {language!r:.80} is not one of the model's languages ({known:.120})")


@check(
    "P003",
    "error",
    what="a text and a translation in the same language",
    why="a translation is between two languages; training refuses it",
    fix="correct one of the two languages",
    kinds=TRANSLATIONS,
)
def one_language(row: Row, survey: Survey) -> Iterator[Found]:
    source, target = row.languages
    if source is not None and source == target:
        yield Found(f"source_language and target_language are both {source!r:.80}")


@check(
    "P004",
    "error",
    what="a direction that train has not",
    why="the model does not learn it, and evaluation stops here",
    fix="give train pairs of it (from de to en is another direction than from en to de), correct the languages, or "
    "remove the record",
    kinds=TRANSLATIONS,
)
def unlearned_direction(row: Row, survey: Survey) -> Iterator[Found]:
    if row.part == TRAIN or not survey.known_directions or any(_unknown(row, survey)):
        return
    if not _fitting(row, survey):
        asked = "-".join(language or "?" for language in row.languages)
        yield Found(f"the direction {asked:.80} is not learned; these are: {_named(survey):.120}")


@check(
    "P005",
    "warning",
    what="a translation that is its text",
    why="the model learns to copy",
    fix="remove the record, unless the two are equal in both languages (names are)",
    kinds=TRANSLATIONS,
)
def copied(row: Row, survey: Survey) -> Iterator[Found]:
    sides = _sides(row)
    if sides and any(map(str.isalpha, sides[0])) and normalise(sides[0]) == normalise(sides[1]):
        but = "" if sides[0] == sides[1] else " but for case, white space or Unicode form"
        yield Found(f"the translation is the text{but}", Place(row.texts[TRANSLATION], 0, 0))


@check(
    "P006",
    "warning",
    what="a text that is many times as long as its translation, or the other way round",
    why="the two are hardly translations of each other: lines have shifted, or one side was cut",
    fix="look at both, and at the lines around them; remove the record, or restore what is missing",
    kinds=TRANSLATIONS,
)
def unlike_lengths(row: Row, survey: Survey) -> Iterator[Found]:
    if not (sides := _sides(row)):
        return
    most = survey.options.pairs.max_length_ratio
    short, long = sorted(map(len, sides))
    if long > most * short:
        counts = " and ".join(f"{len(side):,}" for side in sides)
        other = sides[1] if len(sides[1]) < len(sides[0]) else sides[0]
        yield Found(
            f"text and translation have {counts} characters, {long / short:.0f} times as many in one as in the "
            f"other, {other!r:.40}"
        )


@check(
    "P007",
    "warning",
    what="a pair that training leaves out: a side is longer than the model reads, or the text has several lines",
    why="nothing is learned from it",
    fix="break the pair up into sentences with their translations, or raise task.max_seqlen (up to the model's "
    "positions)",
    kinds=TRANSLATIONS,
)
def not_learned(row: Row, survey: Survey) -> Iterator[Found]:
    length, sides = survey.options.length, _sides(row)
    if row.part != TRAIN or not sides:
        return
    lines = [line for line in _LINE_END.split(sides[0]) if line.strip()]
    if len(lines) > 1 and (length is None or length.on_overflow == "window"):
        yield Found(f"the text has {len(lines)} lines, and each line is translated by itself")
    elif length is not None:
        # the encoder reads the special tokens around the text, the decoder one token before the translation
        around = length.length_of("", None)
        counts = {
            "text": length.length_of(sides[0], None),
            TRANSLATION: length.length_of(sides[1], None) - around + 1,
        }
        yield from (Found(message) for message in _too_long(counts, length))


def _too_long(counts: dict[str, int], length: Length) -> Iterator[str]:
    for name, count in counts.items():
        refused = name == "text" and length.on_overflow == "error"  # T005 says it
        if count > length.max_seqlen and not refused:
            yield f"{name}: {count} tokens where {length.max_seqlen} are learned at most"


@check(
    EDGES,
    "warning",
    what="white space at the edges of a text or its translation",
    why="some tokenizers have tokens for it: the model learns when to end with a space",
    fix="remove it (--fix does)",
    kinds=TRANSLATIONS,
)
def blank_edges(row: Row, survey: Survey) -> Iterator[Found]:
    for name, text in edged(row):
        head, tail = len(text) - len(text.lstrip()), len(text.rstrip())
        yield Found(
            f"{name} begins or ends with white space", Place(text, *((0, head) if head else (tail, len(text))))
        )
