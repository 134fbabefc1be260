"""Findings for people and for programs: as a compiler prints them, and as JSON Lines."""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from encodery.data.validation.finding import SEVERITIES, Finding, Place, Severity
from encodery.data.validation.repairs import Repaired

STYLES: Mapping[Severity, str] = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
_MARGIN = "  | "
_MIN_WIDTH = 24


def visible(text: str) -> str:
    """One line that shows every character: what cannot be seen, or would move the cursor, by its number."""
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character == " " or unicodedata.category(character)[0] not in "CZ":
        return character
    pictures = {"\n": "␊", "\t": "␉", "\r": "␍"}
    return pictures.get(character) or f"<{ord(character):04X}>"


def excerpt(place: Place, width: int) -> tuple[str, str]:
    """The part of the text around a place, at most `width` columns of a terminal, and the carets below it."""
    start, end = place.start, max(place.end, place.start)
    left = right = start
    budget = width - 2  # an ellipsis at either end
    right, budget = _reach(place.text, right, end, budget)
    shown_end = right
    while budget > 0 and (left > 0 or right < len(place.text)):
        before = left, right, budget
        if left > 0 and (cost := cell_len(_visible(place.text[left - 1]))) <= budget:
            left, budget = left - 1, budget - cost
        if right < len(place.text) and (cost := cell_len(_visible(place.text[right]))) <= budget:
            right, budget = right + 1, budget - cost
        if (left, right, budget) == before:
            break
    head = "…" if left > 0 else ""
    line = head + visible(place.text[left:right]) + ("…" if right < len(place.text) else "")
    carets = max(1, cell_len(visible(place.text[start:shown_end])))
    return line, " " * cell_len(head + visible(place.text[left:start])) + "^" * carets


def _reach(text: str, at: int, end: int, budget: int) -> tuple[int, int]:
    """As far from `at` towards `end` as the budget goes, and what is left of it."""
    while at < end and (cost := cell_len(_visible(text[at]))) <= budget:
        at, budget = at + 1, budget - cost
    return at, budget


def json_line(finding: Finding) -> str:
    """One JSON object: `start` and `end` are a place in `text`, null without one."""
    place = finding.place
    table = {
        "code": finding.code,
        "severity": finding.severity,
        "split": finding.split,
        "source": finding.source,
        "message": finding.message,
        "text": place.text if place else finding.text,
        "start": place.start if place else None,
        "end": place.end if place else None,
        "fix": finding.fix,
    }
    return _json(table)


def _json(table: Mapping[str, object]) -> str:
    # half a surrogate pair is written as JSON escapes it
    return json.dumps(table, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


@dataclass
class Report:
    """Prints findings as they come, at most `most` of each code (None: all), and counts them."""

    console: Console
    most: int | None = 5
    as_json: bool = False
    severities: Counter[Severity] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Count it, and print it if there is room for it."""
        self.severities[finding.severity] += 1
        self.codes[finding.code] += 1
        if self.as_json:
            self._print(Text(json_line(finding)))
        elif self.most is None or self.codes[finding.code] <= self.most:
            self._print_finding(finding)

    def repaired(self, repaired: Repaired) -> None:
        """Say what --fix did to a record."""
        key = f"fixed {repaired.code}"
        self.codes[key] += 1
        if self.as_json:
            self._print(Text(_json({"severity": "fixed", **asdict(repaired)})))
        elif self.most is None or self.codes[key] <= self.most:
            line = Text(f"{visible(repaired.source)}: ", style="bold")
            line.append(f"fixed[{repaired.code}]: ", style="bold green").append(visible(repaired.message), style="")
            self._print(line)

    def say(self, line: str) -> None:
        """A remark to the person who reads; programs get none."""
        if not self.as_json:
            self._print(Text(line))

    def finish(self, sizes: Mapping[str, int]) -> None:
        """What was held back, and the sum."""
        hidden = {code: count - self.most for code, count in self.codes.items() if self.most and count > self.most}
        if hidden:
            counts = ", ".join(f"{count:,} more of {code}" for code, count in sorted(hidden.items()))
            self.say(f"not shown: {counts}; --all shows them")
        self.say(self.summary(sizes))

    def summary(self, sizes: Mapping[str, int]) -> str:
        """`1 error, 2 warnings, 0 notes in 1,234 records (train 1,000, dev 234)`."""
        counts = [f"{n:,} {name}{'' if n == 1 else 's'}" for name in SEVERITIES for n in [self.severities[name]]]
        parts = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        return f"{', '.join(counts)} in {sum(sizes.values()):,} records ({parts})"

    def _print_finding(self, finding: Finding) -> None:
        line = Text(f"{visible(finding.source)}: ", style="bold")
        line.append(f"{finding.severity}[{finding.code}]: ", style=STYLES[finding.severity])
        self._print(line.append(visible(finding.message)))
        place = finding.place or Place(finding.text, 0, 0)
        if place.text:
            text, carets = excerpt(place, max(_MIN_WIDTH, self.console.width - len(_MARGIN)))
            self._print(Text(_MARGIN + text))
            if finding.place:
                self._print(Text(_MARGIN + carets, style=STYLES[finding.severity]))
        self._print(Text(f"  = fix: {visible(finding.fix)}", style="dim"))

    def _print(self, line: Text) -> None:
        self.console.print(line, soft_wrap=True, highlight=False)
