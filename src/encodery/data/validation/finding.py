"""What validation says of one place in the data."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""`error`: training would stop, or learn something that is not meant. `warning`: surely there, and it costs quality
or makes a score mean less. `note`: true, and often as it should be."""


@dataclass(frozen=True)
class Place:
    """`text[start:end]`, in code points; empty where something is missing between two characters."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where it stands and what to do about it."""

    code: str
    severity: Severity
    split: str
    source: str
    """`file:line`"""
    message: str
    fix: str
    text: str
    place: Place | None = None
