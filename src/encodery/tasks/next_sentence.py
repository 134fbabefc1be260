"""Next sentence prediction by a pretrained head: does one text follow the other? (Devlin et al. 2019, sec. 3.1)"""

from typing import ClassVar

from encodery.data.examples import Example, ExampleFields
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.tasks.classification import TextClassification
from encodery.tasks.languages import Languages
from encodery.tasks.problems import make_problem
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer

LABELS = ("next", "random")
"""Of the published checkpoints the first logit is that of a text that follows."""


class NextSentence(TextClassification):
    """Classification of pairs by the head that pretraining left, with labels of its own."""

    heads: ClassVar[tuple[str, ...]] = ("nsp",)

    def __init__(self, tokenizer: Tokenizer, reading: Reading, languages: Languages | None = None) -> None:
        problem = make_problem("single_label_classification", LABELS, "nsp")
        super().__init__(tokenizer, problem, reading, languages)

    @staticmethod
    def read(source: str, record: Record, columns: ExampleFields | None) -> Example:
        """A pair, with its label where it has one.

        Raises:
            UserError: there is no second text; begins with `source`.
        """
        example = TextClassification.read(source, record, columns)
        if example.text_pair is None:
            raise UserError(
                f"{source}: no 'text_pair': this model says whether one text follows another; give both, as in "
                '{"text": "...", "text_pair": "..."}'
            )
        return example
