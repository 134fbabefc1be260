"""Records of the three tasks, and what validation says of them."""

from typing import Any

from encodery.data.validation.finding import Finding
from encodery.data.validation.survey import Options
from encodery.data.validation.validating import Split, validate

Record = dict[str, Any]


def splits_of(**records: list[Record]) -> list[Split]:
    """`train=[...]`, with sources `train:1`, `train:2`, ..."""

    def split(name: str, rows: list[Record]) -> Split:
        return Split(name, lambda: ((f"{name}:{number}", row) for number, row in enumerate(rows, start=1)))

    return [split(name, rows) for name, rows in records.items()]


def find(options: Options | None = None, **records: list[Record]) -> list[Finding]:
    """All findings."""
    return list(validate(splits_of(**records), options))


def texts(*rows: tuple[str, Any]) -> list[Record]:
    return [{"text": text, "label": label} for text, label in rows]


def entity_record(text: str, *entities: tuple[int, int] | tuple[int, int, str]) -> Record:
    spans = [{"start": e[0], "end": e[1], "label": e[2] if len(e) > 2 else "PER"} for e in entities]
    return {"text": text, "entities": spans}


def question(context: str, *answers: tuple[str, int], **more: Any) -> Record:
    found = {"text": [text for text, _ in answers], "answer_start": [start for _, start in answers]}
    return {"question": "Who?", "context": context, "answers": found, **more}


def of(findings: list[Finding], *codes: str) -> list[Finding]:
    """Those with these codes."""
    return [finding for finding in findings if finding.code in codes]


def told(findings: list[Finding], *codes: str) -> list[str]:
    """`source: message` of those with these codes."""
    return [f"{finding.source}: {finding.message}" for finding in of(findings, *codes)]


def marked(finding: Finding) -> str:
    """The text at the finding's place."""
    assert finding.place is not None
    return finding.place.text[finding.place.start : finding.place.end]
