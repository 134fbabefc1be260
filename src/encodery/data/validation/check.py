"""A check is one function with a code: it looks at a row, and says what it finds there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from encodery.data.validation.finding import Finding, Place, Severity
from encodery.data.validation.rows import KINDS, Kind, Row
from encodery.data.validation.survey import Survey


@dataclass(frozen=True)
class Found:
    """What a check saw; `fix` says more of this one than the check's own text can."""

    message: str
    place: Place | None = None
    fix: str = ""


Look = Callable[[Row, Survey], Iterator[Found]]


@dataclass(frozen=True)
class Check:
    """A row of the table of codes. `what` it is, `why` it matters and how to `fix` it are the documentation, too."""

    code: str
    severity: Severity
    what: str
    why: str
    fix: str
    kinds: tuple[Kind, ...]
    look: Look

    def findings(self, row: Row, survey: Survey) -> Iterator[Finding]:
        """What the check has to say of a row."""
        for found in self.look(row, survey):
            yield Finding(
                code=self.code,
                severity=self.severity,
                split=row.split,
                source=row.source_of(found.place),
                message=found.message,
                fix=found.fix or self.fix,
                text=row.text,
                place=found.place,
            )


def check(
    code: str, severity: Severity, *, what: str, why: str, fix: str, kinds: tuple[Kind, ...] = KINDS
) -> Callable[[Look], Check]:
    """Makes a `Check` of a function; `checks.CHECKS` lists the modules that hold them."""
    return lambda look: Check(code, severity, what, why, fix, kinds, look)


def several(count: int) -> str:
    """` (3 times)`, where one is shown and there are more."""
    return f" ({count} times)" if count > 1 else ""
