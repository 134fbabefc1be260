"""Characters that nobody meant, marked where they stand; and none of those that languages need."""

import pytest

from encodery.data.validation.survey import Length, Options
from tests.data.validation.records import find, marked, of, question, texts, told

GOOD = texts(*((f"text {n}", "ab"[n % 2]) for n in range(20)))


@pytest.mark.parametrize(
    ("code", "text", "place", "message"),
    [
        ("T001", "a \ufffd\ufffd b \ufffd", "\ufffd\ufffd", "text has the replacement character U+FFFD (2 times)"),
        ("T002", "fÃ¼r", "Ã¼", "text has 'Ã¼', UTF-8 read as another encoding"),
        ("T002", "itâ€™s", "â€™", "text has 'â€™', UTF-8 read as another encoding"),
        ("T002", "20 Â°C", "Â°", "text has 'Â°', UTF-8 read as another encoding"),
        ("T002", "Ã–sterreich", "Ã–", "text has 'Ã–', UTF-8 read as another encoding"),
        ("T002", "so ðŸ˜€", "ðŸ˜€", "text has 'ðŸ˜€', UTF-8 read as another encoding"),
        ("T002", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "text has 'Ð¿Ñ€Ð¸Ð²ÐµÑ‚', UTF-8 read as another encoding"),
        ("T003", "a\x07b", "\x07", "text has the control character U+0007"),
        ("T003", "a\x85b", "\x85", "text has the control character U+0085"),
        ("T004", "a\u200bb\ufeff", "\u200b", "text has the invisible character U+200B (2 times)"),
        ("T004", "a\u00adb", "\u00ad", "text has the invisible character U+00AD"),
        ("T004", "a\u202eb", "\u202e", "text has the invisible character U+202E"),
    ],
)
def test_what_is_found(code: str, text: str, place: str, message: str) -> None:
    (finding,) = find(train=[*GOOD, {"text": text, "label": "a"}])
    assert (finding.code, finding.source, finding.message, marked(finding)) == (code, "train:21", message, place)


@pytest.mark.parametrize(
    "text", ["für", "Привет, мир", "日本語", "Übergröße", "naïve café", "«AMANHû", "IRMÔ", "ÂNIMO Â", "Ωμέγα €5"]
)
def test_utf8_read_wrongly_is_recognised_by_what_it_is_made_of(text: str) -> None:
    assert told(find(train=[*GOOD, {"text": text, "label": "a"}]), "T002") == []


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم",  # a zero-width non-joiner is spelling in Persian
        "क्‍ष",  # and a joiner in Devanagari
        "👩‍👩‍👧 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "tab\tand\nlines\r\n",
        "שלום \u200fabc\u200e",
        "e\u0301",
        "no\u00a0break",
    ],
)
def test_what_scripts_need_is_no_finding(text: str) -> None:
    assert find(train=[*GOOD, {"text": text, "label": "a"}]) == []


def test_tokens_and_pairs_are_looked_at() -> None:
    tagged = [{"tokens": ["Ann", str(n)], "tags": ["B-PER", "O"]} for n in range(9)]
    (finding,) = find(train=[*tagged, {"tokens": ["Ann", "a\ufffd"], "tags": ["B-PER", "O"]}])
    assert (finding.message, marked(finding)) == ("tokens has the replacement character U+FFFD", "\ufffd")
    (finding,) = find(train=[*GOOD, {"text": "a", "text_pair": "b\x00", "label": "a"}])
    assert finding.message == "text_pair has the control character U+0000"


def test_length() -> None:
    def count(text: str, pair: str | None) -> int:
        return len(text.split()) + len((pair or "").split()) + 2

    length = Length(count, 7, "truncate")
    train = [*GOOD, {"text": "a b c d e", "label": "a"}, {"text": "a b c", "text_pair": "d e f", "label": "a"}]
    (finding,) = find(Options(length=length), train=train)
    assert (finding.code, finding.source) == ("T005", "train:22")
    assert finding.message == "8 tokens where 7 are read: the rest is cut"
    (finding,) = find(Options(length=Length(count, 7, "error")), train=train)
    assert finding.message == "8 tokens where 7 are read: training will refuse it"
    length = Length(count, 7)
    asked = [question("Ann is here with Ben.", ("Ann", 0))]
    (finding,) = find(Options(length=length), train=asked)
    assert (finding.code, finding.severity) == ("T006", "note")
    assert finding.message == "8 tokens where 7 are read at once: it is read in overlapping windows"
    assert of(find(train=train), "T005", "T006") == []
