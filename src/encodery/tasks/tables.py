"""The `task` table of a recipe: one for each task that can be learned, by its `type`."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from encodery.tasks.classification import TextClassificationConfig
from encodery.tasks.embedding import FeatureExtractionConfig
from encodery.tasks.multiple_choice import MultipleChoiceConfig
from encodery.tasks.question_answering import QuestionAnsweringConfig
from encodery.tasks.token_classification import TokenClassificationConfig
from encodery.tasks.translation import TranslationConfig


def _type_of(values: Any) -> Any:
    """The tag of a table; without one it is text classification."""
    return values.get("type", "text-classification") if isinstance(values, dict) else getattr(values, "type", None)


TaskTable = Annotated[
    Annotated[TextClassificationConfig, Tag("text-classification")]
    | Annotated[TokenClassificationConfig, Tag("token-classification")]
    | Annotated[QuestionAnsweringConfig, Tag("question-answering")]
    | Annotated[MultipleChoiceConfig, Tag("multiple-choice")]
    | Annotated[FeatureExtractionConfig, Tag("feature-extraction")]
    | Annotated[TranslationConfig, Tag("translation")],
    Discriminator(_type_of),
]
