"""What is asked of a model that translates beside the records: how it is to look, and between which languages."""

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encodery.data.translations import TranslationExample
from encodery.errors import UserError
from encodery.model.search import GenerationConfig
from encodery.tasks.task import Task
from encodery.tasks.translation import Translation


@dataclass(frozen=True)
class Asked:
    """In place of what the model's folder says, and where a record does not say it itself."""

    generation: Mapping[str, Any] = field(default_factory=dict)
    """Keys of `GenerationConfig`; the others are the folder's."""
    source_language: str | None = None
    target_language: str | None = None

    @classmethod
    def of(
        cls,
        num_beams: int | None = None,
        n_best: int | None = None,
        length_penalty: float | None = None,
        source_language: str | None = None,
        target_language: str | None = None,
    ) -> "Asked":
        """What the options of a command say; None is not said."""
        stated = {"num_beams": num_beams, "num_return_sequences": n_best, "length_penalty": length_penalty}
        generation = {key: value for key, value in stated.items() if value is not None}
        return cls(generation, source_language, target_language)

    def __str__(self) -> str:
        """The same for the same; empty where nothing is asked."""
        return json.dumps(self._said, sort_keys=True) if self._said else ""

    @property
    def _said(self) -> dict[str, Any]:
        languages = {"source_language": self.source_language, "target_language": self.target_language}
        return {**self.generation, **{key: language for key, language in languages.items() if language is not None}}

    def task(self, task: Task, model: Path) -> Task:
        """The model's task as it is asked for.

        Raises:
            UserError: it does not translate, or not so.
        """
        if not self._said:
            return task
        if not isinstance(task, Translation):
            raise UserError(
                f"{model}: this model does {task.name} and has no {', '.join(self._said)}; name one that translates"
            )
        way = "-".join(language or "?" for language in (self.source_language, self.target_language))
        task.directions.check(TranslationExample("", None, way, self.source_language, self.target_language))
        asked = copy(task)
        asked.generation = self._looking(task.generation)
        asked.asked_languages = (self.source_language, self.target_language)
        return asked

    def _looking(self, theirs: GenerationConfig) -> GenerationConfig:
        stated = {**theirs.model_dump(), **self.generation}
        beams, best = stated["num_beams"], stated["num_return_sequences"]
        if isinstance(beams, int) and isinstance(best, int) and 0 < beams < best:
            if "num_return_sequences" in self.generation:
                raise UserError(
                    f"{best} translations of each text are asked for, and {beams} beams give no more than {beams}; "
                    f"give --num-beams {best} or --n-best {beams} (num_beams, num_return_sequences)"
                )
            stated["num_return_sequences"] = beams
        return GenerationConfig.parse(stated, "generation")
