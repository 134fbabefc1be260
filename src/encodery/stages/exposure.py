"""What `plan` says of languages: how often pretraining will read each one's text."""

from collections.abc import Sequence

from rich.table import Table

from encodery.data.schedule import stated
from encodery.recipe import PRETRAIN, names_languages
from encodery.stages.engine import Planned, Run, tokenizer_folder
from encodery.stages.languages import exposure, exposure_table
from encodery.stages.reading import TRAIN, Reading
from encodery.text.tokenizer import Tokenizer


def planned_exposure(run: Run, planned: Sequence[Planned]) -> Table | str | None:
    """The table of languages, from the token shards; a line instead where these are yet to be written. None where
    nothing is pretrained, or the text names no language."""
    table, corpus = run.recipe.pretrain, run.recipe.corpus
    if table is None or corpus is None or not names_languages(corpus.inputs):
        return None
    states = {item.stage.name: item.state for item in planned}
    if PRETRAIN not in states:
        return None
    if states.get("shards") != "fresh":
        return (
            f"languages: sampled with alpha = {stated(table.alpha)!r}; how often the text of each is read is known "
            "when the shards are written: encodery run RECIPE shards"
        )
    reading = Reading(run, Tokenizer.load(tokenizer_folder(run)))
    if table.steps is None:
        return "languages: how often the text of each is read depends on how many steps the time has"
    rows = exposure(reading.course(), table.steps, reading.shards[TRAIN])
    return exposure_table(rows) if rows else "languages: not known, the token shards are not sorted by language"
