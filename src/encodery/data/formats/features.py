"""The features by which Hugging Face's `datasets` says what columns mean: integers that stand for names of classes.

They lie as JSON in `dataset_info.json` and in the metadata of Arrow and Parquet files.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from encodery.errors import UserError
from encodery.files.records import Record

Convert = Callable[[str, Any], Any]


def features_of_metadata(name: str, metadata: Mapping[bytes, bytes] | None) -> Any:
    """The features in a schema's metadata, or None.

    Raises:
        UserError: the metadata is there but is not JSON.
    """
    if not metadata or b"huggingface" not in metadata:
        return None
    try:
        info = json.loads(metadata[b"huggingface"])
    except (ValueError, RecursionError):
        raise UserError(
            f"{name}: the metadata of Hugging Face's datasets is not JSON; write the file again"
        ) from None
    return (info.get("info") or {}).get("features") if isinstance(info, dict) else None


def converters(features: Any) -> dict[str, Convert]:
    """What must be done to columns; those that hold no classes are absent."""
    if not isinstance(features, dict):
        return {}
    found = {column: _converter(feature) for column, feature in features.items()}
    return {column: convert for column, convert in found.items() if convert is not None}


def named(source: str, row: Record, convert: Mapping[str, Convert]) -> Record:
    """The row with names of classes instead of their numbers; -1 (no label) becomes None.

    Raises:
        UserError: a number without a name.
    """
    for column, function in convert.items():
        if column in row:
            row[column] = function(f"{source}: {column}", row[column])
    return row


def _converter(feature: Any) -> Convert | None:
    """Features nest: a list is written `{"feature": ...}` or `[...]`, a struct as a table of features."""
    if isinstance(feature, list) and len(feature) == 1:
        feature = {"feature": feature[0]}
    if not isinstance(feature, dict):
        return None
    if feature.get("_type") == "ClassLabel":
        names = feature.get("names")
        return _class_label(names) if isinstance(names, list) else None
    if "feature" in feature:
        return _each(_converter(feature["feature"]))
    inner = converters({key: value for key, value in feature.items() if key != "_type"})
    return _struct(inner) if inner else None


def _class_label(names: list[Any]) -> Convert:
    def convert(where: str, value: Any) -> Any:
        if value is None or value == -1:
            return None
        if isinstance(value, int) and 0 <= value < len(names):
            return names[value]
        raise UserError(f"{where} = {value!r:.80}, but the file names {len(names)} classes; write the data set again")

    return convert


def _each(inner: Convert | None) -> Convert | None:
    """A list of something, or (`Sequence` of a struct) a struct of lists."""
    if inner is None:
        return None

    def convert(where: str, value: Any) -> Any:
        return [inner(where, entry) for entry in value] if isinstance(value, list) else inner(where, value)

    return convert


def _struct(inner: Mapping[str, Convert]) -> Convert:
    def convert(where: str, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: _member(f"{where}.{key}", entry, inner.get(key)) for key, entry in value.items()}

    return convert


def _member(where: str, value: Any, convert: Convert | None) -> Any:
    """In a `Sequence` of structs, the members are lists."""
    if convert is None:
        return value
    return [convert(where, entry) for entry in value] if isinstance(value, list) else convert(where, value)


def features_of_schema(schema: Any) -> dict[str, Any]:
    """Features for the columns of an Arrow schema, as `datasets` writes them."""
    return {field.name: _feature(field.type) for field in schema}


def _feature(kind: Any) -> Any:
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    names = {"double": "float64", "float": "float32", "halffloat": "float16"}
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}
