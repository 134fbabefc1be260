"""What a recipe says of bundles."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from encodery.data.splits import Files
from encodery.deploy.settings import ExportSettings
from encodery.recipe.teaching import FINETUNE, with_seed


class ExportTable(ExportSettings):
    """`[export.NAME]`: a model of this run, or a folder, as a verified bundle."""

    source: str = Field(alias="from")
    """`finetune.NAME` (its first seed, or `finetune.NAME.SEED`) or a model folder."""
    calibrate: str | None = None
    """The file whose texts int8 is calibrated by; the training file of the fine-tuning if not given."""
    data: Files = None
    """The labelled file that the bundle must score on; the dev file of the fine-tuning if not given."""
    fields: Mapping[str, str] = Field(default_factory=dict)
    """The columns of these files, where they are called otherwise; those of the fine-tuning if not given."""


def check_exports(tables: Mapping[str, ExportTable], seeds: Mapping[str, Sequence[int]]) -> None:
    """Raises `ValueError` if a bundle is made from a fine-tuning that this run does not have."""
    there = [f"{FINETUNE}{name}" for name in seeds]
    known = {*there, *(f"{FINETUNE}{name}.{seed}" for name, each in seeds.items() for seed in each)}
    for name, table in tables.items():
        if table.source.startswith(FINETUNE) and table.source not in known:
            raise ValueError(
                f"export.{name}.from = {table.source!r:.80}: there is no such fine-tuning; "
                f"{', '.join([*there, 'a model folder'])} is allowed"
            )


def check_precisions(tables: Mapping[str, ExportTable], tasks: Mapping[str, str]) -> None:
    """Raises `ValueError` if a fine-tuning that translates is to be exported in what it cannot be, before anything is
    trained; `tasks` are the types of the fine-tunings."""
    for name, table in tables.items():
        tuned = table.source.removeprefix(FINETUNE).partition(".")[0] if table.source.startswith(FINETUNE) else ""
        if tasks.get(tuned) == "translation" and table.task is None and table.dtype != "fp32":
            stated = "" if "dtype" in table.model_fields_set else ", the default"
            raise ValueError(
                f"export.{name}.dtype = {table.dtype!r}{stated}: {FINETUNE}{tuned} translates, and a model that "
                'translates is exported in fp32; set dtype = "fp32"'
            )


def finetuning_of(table: ExportTable, seeds: Mapping[str, Sequence[int]]) -> tuple[str, str] | None:
    """The name of the fine-tuning that a bundle is made from, and its stage; None where it is a folder."""
    if not table.source.startswith(FINETUNE):
        return None
    stage = with_seed(table.source, seeds)
    return stage.removeprefix(FINETUNE).rpartition(".")[0], stage
