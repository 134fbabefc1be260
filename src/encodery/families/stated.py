"""What a `config.json` states beside sizes: the family, the class and so the heads, the labels."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import Family
from encodery.model.config import EncoderConfig

ProblemType = Literal["regression", "single_label_classification", "multi_label_classification"]
MAX_LABELS = 1 << 20


def find_family(config_json: Mapping[str, Any], source: str) -> Family:
    """The family that a `config.json` names.

    Raises:
        UserError: none is named, or one that is not implemented.
    """
    model_type = config_json.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise UserError(f"{source}: model_type = {model_type!r} is not supported; one of {', '.join(FAMILIES)} is")
    return FAMILIES[model_type]


def find_heads(family: Family, config_json: Mapping[str, Any], source: str) -> frozenset[str]:
    """The heads of the class that a `config.json` announces.

    Raises:
        UserError: none is announced, or one that is not implemented.
    """
    heads = announced_heads(family, config_json)
    if heads is not None:
        return heads
    announced = config_json.get("architectures") or [None]
    allowed = ", ".join(family.architectures.values())
    raise UserError(f"{source}: architectures = {announced} is not supported; one of {allowed} is")


def announced_heads(family: Family, config_json: Mapping[str, Any]) -> frozenset[str] | None:
    """The heads of the class that a `config.json` announces; None if it names none of the family's."""
    for heads, architecture in family.architectures.items():
        if config_json.get("architectures") == [architecture]:
            return heads
    return None


def read_labels(config_json: Mapping[str, Any], source: str) -> tuple[str, ...]:
    """Class names by index from `id2label`; where `transformers` leaves it out, LABEL_0 and so on, two by default.

    Raises:
        UserError: `id2label` is not a table of the numbers 0 to n-1.
    """
    table = config_json.get("id2label") or {}
    if not table:
        count = config_json.get("num_labels", 2)
        if not isinstance(count, int) or not 1 <= count <= MAX_LABELS:
            raise UserError(f"{source}: num_labels = {count!r}; a whole number from 1 to {MAX_LABELS} is needed")
        return tuple(f"LABEL_{index}" for index in range(count))
    try:
        return tuple(str(table[str(index)]) for index in range(len(table)))
    except (KeyError, TypeError):
        raise UserError(f"{source}: id2label = {table!r}; its keys must be the numbers 0 to n-1") from None


def read_problem_type(config_json: Mapping[str, Any], source: str) -> ProblemType | None:
    """What a sequence head was trained for, if the config says.

    Raises:
        UserError: it says something unknown.
    """
    problem_type: ProblemType | None = config_json.get("problem_type")
    if problem_type not in (None, *get_args(ProblemType)):
        allowed = ", ".join(get_args(ProblemType))
        raise UserError(f"{source}: problem_type = {problem_type!r} is not supported; one of {allowed} is")
    return problem_type


def read_settings(
    family: Family, config: EncoderConfig, config_json: Mapping[str, Any], source: str
) -> dict[str, Any]:
    """The keys that the family keeps as they are.

    Raises:
        UserError: the languages are not numbers that the model has vectors for.
    """
    settings = {key: config_json[key] for key in family.kept if key in config_json}
    if config.has_language_embeddings:
        _check_languages(settings.get("lang2id") or {}, config.num_languages, source)
    return settings


def _check_languages(lang2id: Any, count: int, source: str) -> None:
    """Raises `UserError` if `lang2id` is not a table of numbers below `count`."""
    numbers = lang2id.values() if isinstance(lang2id, dict) else [lang2id]
    if wrong := [n for n in numbers if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n < count]:
        raise UserError(
            f"{source}: lang2id holds {wrong[0]!r:.80}; it must give each language a number below {count}"
        )
