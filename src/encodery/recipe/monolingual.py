"""What `[finetune.NAME.monolingual]` says: translation learned from the text of `[corpus]`, without pairs or beside
them."""

from typing import Annotated

from pydantic import Field, PositiveInt, model_validator

from encodery.objectives.unsupervised import UnsupervisedConfig, both_ways

Language = Annotated[str, Field(min_length=1)]
ROUND_TRIP = "round_trip_bleu"
"""BLEU of text translated there and back, which `best_metric` can name."""


class MonolingualTable(UnsupervisedConfig):
    """`[finetune.NAME.monolingual]`: which languages, how long, what each term weighs."""

    language_pairs: tuple[tuple[Language, Language], ...] = Field(min_length=1)
    """`[["en", "de"]]`: each pair is learned there and back."""
    steps: PositiveInt
    """How many; text has no end as pairs have, so there are no epochs."""
    round_trip_sentences: PositiveInt = 200
    """Of each direction, so many held-out sentences are translated there and back at each evaluation."""

    @property
    def directions(self) -> tuple[tuple[str, str], ...]:
        """Each pair in both ways."""
        return both_ways(self.language_pairs)

    @model_validator(mode="after")
    def _pairs_are_of_two_languages(self) -> "MonolingualTable":
        if same := [first for first, second in self.language_pairs if first == second]:
            raise ValueError(f"language_pairs: {same[0]!r:.80} with itself; a pair is of two languages")
        return self


def check_monolingual(table: MonolingualTable | None, task: str, has_pairs: bool, given: set[str]) -> None:
    """Raises `ValueError` if a `[finetune.NAME]` with these keys and that task cannot learn so, or has nothing to
    learn from."""
    if table is None:
        if not has_pairs:
            raise ValueError("missing key 'train': give train = \"FILE\"")
        return
    if task != "translation":
        raise ValueError(f'monolingual text teaches translation, not {task}; set task.type = "translation"')
    if "epochs" in given:
        raise ValueError("epochs: text without pairs has no end; give monolingual.steps in its place")
    if "max_train_samples" in given and not has_pairs:
        raise ValueError("max_train_samples: there is no train to take samples of; leave it out")
