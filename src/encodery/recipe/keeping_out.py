"""`corpus.clean.decontaminate = true`: what the corpus must not hold is what the recipe itself tests on."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from encodery.corpus.clean_table import CleanTable
from encodery.corpus.dedup.evaluation import LABELLED
from encodery.data.splits import files_by_name
from encodery.recipe.tables import FinetuneTable

OWN = "finetune"
"""`decontaminate.against` that stands for dev and test of all fine-tunings."""
_SPLITS = ("dev", "test")
_TEXTS = ("text", "text_pair", "question", "context", "choices", "tokens")
"""The keys of tasks whose columns hold text."""


def with_own_tests(values: Any) -> Any:
    """The values of a recipe, dev and test of its fine-tunings named in `against` where it says `true` or "finetune".

    Raises:
        ValueError: no fine-tuning has any, or one translates.
    """
    try:
        clean = values["corpus"]["clean"]
        asked = clean["decontaminate"]
    except (KeyError, TypeError):
        return values
    asked = {"against": OWN} if asked is True else asked
    if not isinstance(asked, Mapping) or asked.get("against") != OWN:
        return values
    try:
        tables = {name: FinetuneTable.model_validate(table) for name, table in values.get("finetune", {}).items()}
    except (AttributeError, ValidationError):
        return values  # said by the checks of the tables
    against = [entry for name, table in tables.items() for entry in _evaluation_files(name, table)]
    if not against:
        raise ValueError(
            "corpus.clean.decontaminate = true keeps out dev and test of [finetune.NAME], and this recipe has none; "
            "name files in corpus.clean.decontaminate.against"
        )
    clean = {**clean, "decontaminate": {**asked, "against": against}}
    return {**values, "corpus": {**values["corpus"], "clean": clean}}


def not_kept_out(tables: Mapping[str, FinetuneTable], clean: CleanTable) -> list[str]:
    """The fine-tunings of which a dev or test file may be in the corpus: nobody looks for it."""
    against = {entry.path for entry in clean.decontaminate.against} if clean.decontaminate else set()
    return [
        name
        for name, table in tables.items()
        if any(set(files_by_name(getattr(table, split)).values()) - against for split in _SPLITS)
    ]


def _evaluation_files(name: str, table: FinetuneTable) -> Iterator[dict[str, Any]]:
    columns = table.columns
    fields = [getattr(columns, key).rpartition(".")[2] for key in _TEXTS if hasattr(columns, key)]
    words = {"words": columns.tokens} if hasattr(columns, "tokens") else {}
    for split in _SPLITS:
        files = files_by_name(getattr(table, split))
        if files and table.task.type == "translation":
            raise ValueError(
                f"corpus.clean.decontaminate = true: {split} of [finetune.{name}] are translations, which are not "
                "read as test sets; name files of text in corpus.clean.decontaminate.against"
            )
        for part, path in files.items():
            label = " ".join(filter(None, (name, split, part))).replace("/", " ")
            yield {"path": path, "name": label[:80], "format": LABELLED, "fields": fields, **words}
