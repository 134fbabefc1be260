"""`[corpus.clean]`: what is done to raw files on their way to the corpus; it composes the tables that steps own."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from encodery.config import Config
from encodery.corpus.dedup.decontaminate import DecontaminateConfig, evaluation_files
from encodery.corpus.dedup.near import NearConfig
from encodery.corpus.dedup.paragraphs import ParagraphsConfig
from encodery.corpus.inputs import InputFile, input_files
from encodery.corpus.languages.choosing import FASTTEXT
from encodery.corpus.launch.tables import LaunchTable, LocalLaunch
from encodery.corpus.steps.c4 import C4Config
from encodery.corpus.steps.fineweb import FineWebConfig
from encodery.corpus.steps.gopher import GopherConfig
from encodery.corpus.steps.language import LanguageConfig
from encodery.corpus.steps.lines import LinesConfig
from encodery.corpus.steps.perplexity import PerplexityConfig
from encodery.corpus.steps.personal import PersonalConfig
from encodery.corpus.steps.repair import RepairConfig
from encodery.corpus.steps.repetition import RepetitionConfig
from encodery.corpus.steps.url import UrlConfig

DOCUMENTS = "documents"
"""The folder of the artifact that holds the text: a folder for each language."""
OutputFormat = Literal["jsonl.zst", "parquet"]


def _switched(value: Any) -> Any:
    """`near = false` leaves a step out, `near = true` takes it as it is by default."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        raise ValueError("true, false or a table of its settings is allowed")
    return None if value is False else {} if value is True else value


Switch = BeforeValidator(_switched)


class CleanTable(Config):
    """`[corpus.clean]`: the steps in the order in which they are taken; `false` leaves one out, `true` takes it as it
    is by default."""

    url: Annotated[UrlConfig | None, Switch] = None
    """Pages of unwanted addresses, by lists of the user's."""
    repair: Annotated[RepairConfig | None, Switch] = RepairConfig()
    """Text that was decoded wrongly."""
    lines: Annotated[LinesConfig | None, Switch] = None
    """Lines that are no text, by lists and patterns of the user's."""
    paragraphs: Annotated[ParagraphsConfig | None, Switch] = ParagraphsConfig()
    """Paragraphs that the input has more than once."""
    language: Annotated[LanguageConfig | None, Switch] = LanguageConfig()
    """The language of each document."""
    repetition: Annotated[RepetitionConfig | None, Switch] = RepetitionConfig()
    """Gopher's rules for documents that repeat themselves."""
    gopher: Annotated[GopherConfig | None, Switch] = GopherConfig()
    """Gopher's rules for documents."""
    c4: Annotated[C4Config | None, Switch] = None
    """C4's rules for lines and pages; made for English."""
    fineweb: Annotated[FineWebConfig | None, Switch] = FineWebConfig()
    """FineWeb's rules for documents."""
    decontaminate: Annotated[DecontaminateConfig | None, Switch] = None
    """Documents that hold parts of evaluation sets; they are named here, so there is no default."""
    perplexity: Annotated[PerplexityConfig | None, Switch] = None
    """How well a model of good text expects each document, and its third by that; the text is named here."""
    personal: Annotated[PersonalConfig | None, Switch] = None
    """Addresses, numbers of accounts and telephones, replaced by words that say what stood there."""
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
    """The files that steps read beside the inputs: word lists, evaluation sets, good text.

    Raises:
        UserError: an evaluation file is missing.
    """
    lists = [*(table.url.blocked if table.url else ()), *(table.lines.listed if table.lines else ())]
    models = [table.language.model, table.language.second or ""] if table.language else []
    lists += [model.removeprefix(FASTTEXT) for model in models if model.startswith(FASTTEXT)]
    evaluation = evaluation_files(table.decontaminate, base) if table.decontaminate else []
    good = input_files(table.perplexity.good, base) if table.perplexity else []
    return [*(base / path for path in lists), *evaluation, *good]
