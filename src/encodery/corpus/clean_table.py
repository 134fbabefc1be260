"""`[corpus.clean]`: what is done to raw files on their way to the corpus. It only composes the tables that steps own."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from encodery.config import Config
from encodery.corpus.dedup.decontaminate import DecontaminateConfig, evaluation_files
from encodery.corpus.dedup.near import NearConfig
from encodery.corpus.dedup.paragraphs import ParagraphsConfig
from encodery.corpus.inputs import InputFile
from encodery.corpus.launch.tables import LaunchTable, LocalLaunch

DOCUMENTS = "documents"
"""The folder of the artifact that holds the text: a folder for each language."""
OutputFormat = Literal["jsonl.zst", "parquet"]


def _switched(value: Any) -> Any:
    """`near = false` leaves a step out, `near = true` takes it as it is by default."""
    return None if value is False else {} if value is True else value


Switch = BeforeValidator(_switched)


class CleanTable(Config):
    """`[corpus.clean]`: the steps in the order in which they are taken; `false` leaves one out."""

    paragraphs: Annotated[ParagraphsConfig | None, Switch] = ParagraphsConfig()
    """Paragraphs that the input has more than once."""
    decontaminate: DecontaminateConfig | None = None
    """Documents that hold parts of evaluation sets; they are named here, so there is no default."""
    near: Annotated[NearConfig | None, Switch] = NearConfig()
    """Documents that are nearly the same."""
    format: OutputFormat = "jsonl.zst"
    """Of the documents that are left."""
    task_bytes: PositiveInt = 1 << 28
    """Neighbouring input files make one task until they have so many bytes as they are stored. What a killed task
    loses, and how many can run at a time; a file is never split."""
    launch: LaunchTable = Field(default=LocalLaunch())
    """Who runs the tasks; what comes out does not depend on it."""

    def deciding(self) -> dict[str, Any]:
        """The settings that what comes out depends on."""
        return self.model_dump(mode="json", by_alias=True, exclude={"launch"})


def files_read(table: CleanTable, base: Path) -> list[InputFile]:
    """The files that steps read beside the inputs: word lists, evaluation sets, good text."""
    return [*(evaluation_files(table.decontaminate, base) if table.decontaminate else [])]
