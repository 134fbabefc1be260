"""The requests, as a file that every process reads."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Texts:
    """The requests."""

    fixed: dict[int, str]
    """A text for each length in tokens, special tokens counted."""
    natural: list[str]
    calibration: list[str]
    """Natural ones too, and others than those that are measured: for engines that quantise activations beforehand."""
    num_tokens: int
    """Of the natural ones."""

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Texts":
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**values | {"fixed": {int(length): text for length, text in values["fixed"].items()}})
