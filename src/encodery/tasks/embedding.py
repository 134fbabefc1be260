"""Feature extraction: one vector for a text, pooled from the last hidden states of its tokens; learned from pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import Batch, LossOutput
from encodery.data.examples import Example, ExampleFields, input_example, read_example
from encodery.errors import UserError
from encodery.families.stated import ProblemType
from encodery.files.records import Record
from encodery.model.forward import Forward
from encodery.model.heads import Model, mean_of_sequences
from encodery.tasks.languages import Languages
from encodery.tasks.metrics import Correlation, Joint, Measurement, Sums, cosine_similarity, pair_retrieval, scores
from encodery.tasks.pairs import EncodedPair, pairs_of
from encodery.tasks.pooling import Mode, Pooling, write_pooling
from encodery.tasks.similarity import Contrastive, LossName, PairLoss, learn_loss, similarity_of
from encodery.tasks.task import check_single
from encodery.tasks.windows import Encoded, Reading, read_windows
from encodery.text.tokenizer import Tokenizer


class FeatureExtraction:
    """Predictions are `{"embedding": [...]}`; pairs are read to learn and to score, and have a `similarity`, too."""

    name = "feature-extraction"
    heads: ClassVar[tuple[str, ...]] = ()
    headline = ("spearman_cosine", "pearson_cosine", "mrr", "ndcg@10", "recall@1")
    fields = ExampleFields

    def __init__(
        self,
        tokenizer: Tokenizer,
        pooling: Pooling,
        reading: Reading,
        languages: Languages | None = None,
        pair_loss: PairLoss | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.reading = reading
        self.languages = languages or Languages()
        self.pair_loss = pair_loss or Contrastive()

    @staticmethod
    def read(source: str, record: Record, columns: ExampleFields | None) -> Example:
        """A labelled pair by its columns; without columns a text to embed.

        Raises:
            UserError: a text is missing, or there is one too many; begins with `source`.
        """
        if columns is None:
            example = input_example(source, record)
            check_single(example, FeatureExtraction.name)
            return example
        labelled = columns.label != ExampleFields.model_fields["label"].default
        example = read_example(source, record, columns, require_label=labelled)
        if example.text_pair is None:
            raise UserError(
                f"{source}: {columns.text_pair} is missing; vectors are learned from pairs and scored by them"
            )
        return example

    @property
    def info(self) -> dict[str, Any]:
        """What a model folder must remember beside what `save` writes."""
        return {"task": self.name, **self.reading.info}

    def save(self, folder: Path, hidden_size: int) -> None:
        """Write down how vectors are pooled, as `sentence-transformers` does."""
        write_pooling(folder, self.pooling, hidden_size)

    def encode(self, example: Example) -> Encoded:
        """The text in windows, or those of both.

        Raises:
            UserError: the label is no number, or the language not one of the model's; names the file and line.
        """
        language_id = self.languages.id_of(example)
        first, *second = (
            read_windows(self.tokenizer, self.reading, text, None, example.source, language_id)
            for text in (example.text, example.text_pair)
            if text is not None
        )
        return EncodedPair.of(first, second[0], similarity_of(example)) if second else first

    def counts(self, batch: Batch) -> dict[str, float]:
        """As many as the loss is a sum of."""
        return {"similarity": self.pair_loss.count(len(batch.example_bounds) - 1)}

    def forward(self, model: Forward, batch: Batch) -> Float[Tensor, "sequences hidden"]:
        """The pooled vector of each sequence."""
        if self.pooling.mode == "cls":
            pooled = model.hidden(batch, batch.first_tokens)
        else:
            pooled = mean_of_sequences(model.hidden(batch), batch)
        vectors: Tensor = pooled.float()
        return vectors

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """The loss over all pairs of the batch, which must be those of a whole step."""
        vectors = self.forward(model, batch)
        with torch.autocast(vectors.device.type, enabled=False):  # cosines are divided by a small temperature
            loss, metrics = self.pair_loss(pairs_of(batch, vectors))
        return LossOutput({"similarity": loss}, metrics)

    def outputs(self, model: Forward, batch: Batch) -> list[Float[Tensor, " hidden"]]:
        """The vector of each sequence, of whatever length."""
        return list(self.forward(model, batch).cpu())

    def vector(self, encoded: Encoded, outputs: Sequence[Float[Tensor, " hidden"]]) -> Float[Tensor, " hidden"]:
        """The vector of a text: the mean over its windows, each weighted by the tokens that belong to it."""
        mean = encoded.mean(outputs)
        vector: Tensor = F.normalize(mean, dim=-1) if self.pooling.normalize else mean
        return vector

    def decode(
        self, example: Example, encoded: Encoded, outputs: Sequence[Float[Tensor, " hidden"]]
    ) -> dict[str, Any]:
        """The prediction in the record form; of a pair, arrays and the cosine."""
        if not isinstance(encoded, EncodedPair):
            return {"embedding": self.vector(encoded, outputs).numpy().tolist()}
        border = len(encoded.first.windows)
        halves = ((encoded.first, outputs[:border]), (encoded.second, outputs[border:]))
        first, second = (self.vector(*half).numpy() for half in halves)
        similarity = float(cosine_similarity(first[None], second[None])[0])
        return {"similarity": similarity, "embedding": first, "embedding_pair": second}

    def measure(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> Measurement:
        """Of pairs with numbers, the correlation of these and the cosines; of pairs without, how well each text finds
        its pair among all of them. Where there are both, each kind by itself."""
        is_numbered = np.array([similarity_of(example) is not None for example in examples], bool)
        kinds = ((np.flatnonzero(is_numbered), _correlation), (np.flatnonzero(~is_numbered), _retrieval))
        parts = tuple(
            (rows, measured([predictions[row] for row in rows.tolist()], [examples[row] for row in rows.tolist()]))
            for rows, measured in kinds
            if len(rows)
        )
        return parts[0][1] if len(parts) == 1 else Joint(len(examples), parts)

    def score(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> dict[str, Any]:
        """The figures of `measure`."""
        found = scores(self.measure(predictions, examples))
        return {name: value for name, value in found.items() if name != "mse"}  # cosines and numbers differ in scale

    def record(self, example: Example) -> dict[str, Any]:
        """The input and what is true, beside which a prediction is written down."""
        return {"text": example.text, "text_pair": example.text_pair, "true": similarity_of(example)}


def _correlation(predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> Correlation:
    """Of pairs that have numbers."""
    cosines = np.array([prediction["similarity"] for prediction in predictions], np.float64)
    return Correlation(cosines, np.array([similarity_of(example) for example in examples], np.float64), "_cosine")


def _retrieval(predictions: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> Sums:
    """Of pairs that have none."""
    first, second = (
        np.stack([prediction[key] for prediction in predictions]) for key in ("embedding", "embedding_pair")
    )
    return pair_retrieval(first, second, [(example.text, example.text_pair or "") for example in examples])


@dataclass(frozen=True)
class LearnedSimilarity:
    """What the training pairs are for."""

    pair_loss: PairLoss
    labels: ClassVar[tuple[str, ...]] = ()
    problem_type: ClassVar[ProblemType | None] = None


class FeatureExtractionConfig(Reading):
    """The `task` table of a recipe for embeddings."""

    type: Literal["feature-extraction"]
    pooling: Mode = "mean"
    """The mean of all tokens' vectors, or the first token's."""
    normalize: bool = True
    """Vectors of length 1."""
    loss: LossName | None = None
    """What the pairs teach; "cosent" where they have numbers, else "contrastive"."""
    temperature: float = Field(default=0.05, gt=0.0)
    """What cosines are divided by in these two (`1 / scale` of `sentence-transformers`)."""
    symmetric: bool = False
    """The contrastive loss asks in both directions."""
    kind: ClassVar = FeatureExtraction

    def check_step(self, tokens_per_step: int, micro_batch_tokens: int) -> None:
        """The pairs of a step are compared with each other: it must hold two, and run in one piece."""
        if tokens_per_step > micro_batch_tokens:
            raise ValueError(
                f"tokens_per_step = {tokens_per_step} is more than micro_batch_tokens = {micro_batch_tokens}, but "
                "feature-extraction compares all pairs of a step with each other, which pieces cannot; raise "
                "micro_batch_tokens (activation_checkpointing = true saves memory), or lower tokens_per_step"
            )
        if tokens_per_step < 4 * self.max_seqlen:
            raise ValueError(
                f"tokens_per_step = {tokens_per_step} does not hold two pairs of texts of task.max_seqlen = "
                f"{self.max_seqlen}, and feature-extraction learns by comparing pairs; at least "
                f"{4 * self.max_seqlen} is needed, better many times that"
            )

    def learn(self, train: Sequence[Example], file: str, key: str) -> LearnedSimilarity:
        """The loss that the training pairs are for.

        Raises:
            UserError: they are not for the one that is set; names the file and line.
        """
        return LearnedSimilarity(learn_loss(self.loss, self.temperature, self.symmetric, train))

    def task(self, tokenizer: Tokenizer, learned: LearnedSimilarity, languages: Languages) -> FeatureExtraction:
        """The task for a model's tokenizer."""
        pooling = Pooling(mode=self.pooling, normalize=self.normalize, max_seqlen=self.max_seqlen)
        return FeatureExtraction(tokenizer, pooling, self, languages, learned.pair_loss)
