"""Folders of Hugging Face's `Dataset.save_to_disk`: Arrow files, `state.json`, `dataset_info.json`.

Nothing but pyarrow and JSON reads them. Names of files are taken from the folder itself or checked to lie in it.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from encodery.config import MAX_JSON_BYTES
from encodery.data.formats.features import converters, features_of_metadata, features_of_schema, named
from encodery.data.formats.options import FormatOptions
from encodery.data.formats.squad import question_form
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.files.streams import reading

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"


def is_dataset_folder(folder: Path) -> bool:
    """Whether a folder is one data set, or holds one per split."""
    return (folder / STATE).is_file() or (folder / SPLITS).is_file() or any(folder.glob("*.arrow"))


def read_dataset(path: Path, options: FormatOptions) -> Iterator[tuple[str, Record]]:
    """The rows of a folder (or of one `.arrow` file), each with its file and row, counted from 1.

    Raises:
        UserError: pyarrow is missing; the folder holds several splits, or an unfinished selection; a broken file.
    """
    if (path / SPLITS).is_file():
        splits = _json(path / SPLITS).get("splits")
        names = [split for split in splits if isinstance(split, str)] if isinstance(splits, list) else []
        example = f"; give one of them: {path / names[0]}" if names else ""
        raise UserError(f"{path}: a folder of several splits: {', '.join(names) or 'none'}{example}")
    features = _json(path / INFO).get("features") if (path / INFO).is_file() else None
    for file in _files(path) if path.is_dir() else [path]:
        for row, record in _rows(file, features):
            yield f"{file}:{row}", question_form(f"{file}:{row}", record) if "question" in record else record


def _json(path: Path) -> dict[str, Any]:
    with reading(str(path)):
        if path.stat().st_size > MAX_JSON_BYTES:
            raise UserError(f"{path}: over {MAX_JSON_BYTES >> 20} MiB, too large to describe a data set")
        content = path.read_bytes()
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise UserError(f"{path}: not JSON; save the data set again") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: no JSON object; save the data set again")
    return value


def _files(folder: Path) -> list[Path]:
    """The Arrow files in their order: by `state.json`, otherwise by name."""
    if not (folder / STATE).is_file():
        return sorted(folder.glob("*.arrow"))
    state = _json(folder / STATE)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise UserError(
            f"{folder}: a selection of rows that was saved without being applied; call flatten_indices() "
            "and save it again"
        )
    files = state.get("_data_files")
    found = []
    for file in files if isinstance(files, list) else []:
        name = file.get("filename") if isinstance(file, dict) else file
        if not isinstance(name, str) or Path(name).name != name or not (folder / name).is_file():
            raise UserError(f"{folder / STATE}: no file {name!r:.80} in this folder; copy the whole folder")
        found.append(folder / name)
    return found


def _rows(file: Path, features: Any) -> Iterator[tuple[int, Record]]:
    try:
        import pyarrow
    except ImportError:
        raise UserError(f'{file}: reading Arrow needs the package pyarrow; pip install "encodery[corpus]"') from None
    row = 0
    try:
        with reading(str(file)), pyarrow.memory_map(str(file)) as source:
            reader = _batches(source)
            convert = converters(features or features_of_metadata(str(file), reader.schema.metadata))
            for batch in reader:
                for record in batch.to_pylist():
                    row += 1
                    yield row, named(f"{file}:{row}", record, convert)
    except UnicodeDecodeError:
        raise UserError(f"{file}: invalid UTF-8 in one of the rows from {row + 1} on; write it again") from None
    except pyarrow.ArrowException as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise UserError(f"{file}: broken Arrow file ({reason}); save the data set again") from None


def _batches(source: Any) -> Any:
    """The batches of an Arrow stream (what `datasets` writes) or of an Arrow file; both say which they are."""
    import pyarrow

    if source.read(6) != b"ARROW1":
        source.seek(0)
        return pyarrow.ipc.open_stream(source)
    source.seek(0)
    file = pyarrow.ipc.open_file(source)
    batches = (file.get_batch(at) for at in range(file.num_record_batches))
    return pyarrow.RecordBatchReader.from_batches(file.schema, batches)


def write_dataset(folder: Path, records: Sequence[Record], options: FormatOptions) -> None:
    """Records as a folder that `datasets.load_from_disk` opens.

    Raises:
        UserError: pyarrow is missing, or a column has values of different kinds.
    """
    table = arrow_table(str(folder), records)
    import pyarrow

    features = features_of_schema(table.schema)
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    name = "data-00000-of-00001.arrow"
    folder.mkdir()
    table = table.replace_schema_metadata(metadata)
    with pyarrow.OSFile(str(folder / name), "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    state: dict[str, Any] = {
        "_data_files": [{"filename": name}],
        "_fingerprint": "0" * 16,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    (folder / STATE).write_text(json.dumps(state, indent=2) + "\n")
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    (folder / INFO).write_text(json.dumps(info, indent=2) + "\n")


def arrow_table(name: str, records: Sequence[Record]) -> Any:
    """Records as one Arrow table; a key that some lack is null there.

    Raises:
        UserError: pyarrow is missing, or a column has values of different kinds.
    """
    try:
        import pyarrow
    except ImportError:
        raise UserError(f'{name}: writing Arrow needs the package pyarrow; pip install "encodery[corpus]"') from None
    columns = list(dict.fromkeys(key for record in records for key in record))
    try:
        return pyarrow.table({column: [record.get(column) for record in records] for column in columns})
    except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise UserError(f"{name}: Arrow columns hold values of one kind ({reason}); write jsonl") from None
