"""What a recipe says of training files in another language, made by a model that translates."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from encodery.config import Config
from encodery.data.splits import files_by_name
from encodery.recipe.monolingual import Language
from encodery.recipe.tables import BASES, FinetuneTable
from encodery.recipe.teaching import FINETUNE, with_seed

TRANSLATE = "translate."
Text = Literal["text", "text_pair", "choices"]
"""The columns of a record that are text, so translated."""
FileName = Annotated[str, Field(min_length=1)]


class TranslateTable(Config):
    """`[translate.NAME]`: labelled files in another language (translate-train), for fine-tunings to learn from."""

    source: str = Field(alias="from")
    """The model that translates: `finetune.NAME` (its first seed, or `finetune.NAME.SEED`) or a model folder."""
    files: Annotated[
        tuple[FileName, ...], Field(min_length=1), BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)
    ]
    """A labelled file or a list of them; their records become one file, in order."""
    source_language: Language
    target_language: Language
    fields: Mapping[Text, str] = Field(default_factory=dict)
    """The columns that are translated, where they are called otherwise."""


def check_translations(
    tables: Mapping[str, TranslateTable], finetunes: Mapping[str, FinetuneTable], searched: str
) -> None:
    """Raises `ValueError` if a table's model does not translate or is none of this run, or if a fine-tuning names a
    translation that is not there when its turn comes: `searched`, the one of `[search]`, comes before all others."""
    if not tables:
        return
    seeds = {name: table.seeds for name, table in finetunes.items()}
    for name, table in tables.items():
        _check_model(name, table, finetunes)
    above: list[str] = []
    for name, finetune in finetunes.items():
        for split in ("dev", "test"):
            _check_measured(f"finetune.{name}.{split}", files_by_name(getattr(finetune, split)).values(), tables)
        for file in files_by_name(finetune.train).values():
            if not file.startswith(TRANSLATE):
                continue
            model = with_seed(_named(f"finetune.{name}.train", file, tables).source, seeds)
            if model.startswith(FINETUNE) and name == searched:
                raise ValueError(
                    f"search.finetune = {searched!r:.80}: [search] comes before {model}, which makes {file}; give "
                    f"{file}.from a model folder"
                )
            if model.startswith(FINETUNE) and model not in above:
                raise ValueError(
                    f"finetune.{name}.train = {file!r:.80}: {model}, which translates it, must stand above "
                    f"[finetune.{name}]"
                )
        above += [f"{FINETUNE}{name}.{seed}" for seed in finetune.seeds]


def _check_model(name: str, table: TranslateTable, finetunes: Mapping[str, FinetuneTable]) -> None:
    translators = [f"{FINETUNE}{key}" for key, other in finetunes.items() if other.task.type == "translation"]
    known = {
        *translators,
        *(f"{key}.{seed}" for key in translators for seed in finetunes[key[len(FINETUNE) :]].seeds),
    }
    if table.source in BASES or (table.source.startswith(FINETUNE) and table.source not in known):
        raise ValueError(
            f"{TRANSLATE}{name}.from = {table.source!r:.80}: no fine-tuning of that name translates; "
            f"{', '.join([*translators, 'a model folder'])} is allowed"
        )


def _check_measured(key: str, files: Iterable[str], tables: Mapping[str, TranslateTable]) -> None:
    for file in files:
        if file.startswith(TRANSLATE) and file.removeprefix(TRANSLATE) in tables:
            raise ValueError(
                f"{key} = {file!r:.80}: scores on what a machine translated say little; only train may name it, give "
                "a labelled file"
            )


def _named(key: str, file: str, tables: Mapping[str, TranslateTable]) -> TranslateTable:
    table = tables.get(file.removeprefix(TRANSLATE))
    if table is None:
        there = ", ".join(f"{TRANSLATE}{name}" for name in tables)
        raise ValueError(f"{key} = {file!r:.80}: there is {there}; write a file of that name as './{file}'")
    return table
