"""The table of all checks: a new one is a function in one of these modules."""

from collections.abc import Mapping
from types import ModuleType

from encodery.data.validation import answers, characters, choices, duplicates, labels, pairs, shape, spans, tags
from encodery.data.validation.check import Check


def _of(modules: tuple[ModuleType, ...]) -> Mapping[str, Check]:
    """The checks of the modules by their codes, sorted."""
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Check)]
    table = {check.code: check for check in sorted(found, key=lambda check: check.code)}
    assert len(table) == len(found), "two checks have one code"
    return table


CHECKS = _of((shape, characters, labels, spans, tags, answers, choices, pairs, duplicates))
