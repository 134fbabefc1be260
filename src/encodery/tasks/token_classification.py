"""Token classification: entities in a text, as spans of its characters; nobody outside sees a token.

Every token of a text has a tag, so that an entity may begin and end where its characters do. Where the entities of
the training data begin and end with words, those of predictions do, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int64
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import IGNORE_INDEX, Batch, LossOutput
from encodery.data.scripts import after_marks, is_in_word, whole
from encodery.data.tagged import Entity, Span, TaggedExample, TaggedFields, input_tagged, read_tagged, tags_of
from encodery.errors import UserError
from encodery.families.folder import ModelFolder
from encodery.families.stated import ProblemType
from encodery.files.records import Record
from encodery.model.forward import Forward
from encodery.model.heads import Model
from encodery.tasks.entity_errors import entity_doubts, entity_matrices, found_entities, judge_entities
from encodery.tasks.judging import Doubt, Judgement, Matrix
from encodery.tasks.languages import Languages
from encodery.tasks.metrics import Measurement, entity_measurement, entity_scores
from encodery.tasks.tags import NONE, Tags, best_path, check_names, iob2
from encodery.tasks.windows import Encoded, Reading, read_windows
from encodery.text.tokenizer import Tokenizer

Boundaries = Literal["words", "characters"]
_RARE = 0.01
"""Entities end with words where fewer of their ends than this are inside one: an annotator's hand may slip."""


STRICT = "strict_tags"
"""Of `encodery.json`: `Tags.strict`."""


@dataclass(frozen=True)
class EntityTags:
    """What a data set's entities are."""

    tags: Tags
    boundaries: Boundaries = "words"
    """Whether entities begin and end with words, or anywhere."""
    problem_type: ClassVar[ProblemType | None] = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the logits."""
        return self.tags.names


class TokenClassification:
    """Predictions are `{"entities": [{"start", "end", "label", "score", "text"}]}`, and `tags` for words given.

    Of a long text, each token's tag is that of the window in which it has most context.
    """

    name = "token-classification"
    heads: ClassVar[tuple[str, ...]] = ("token",)
    headline = ("f1", "precision", "recall")
    fields = TaggedFields

    def __init__(
        self, tokenizer: Tokenizer, learned: EntityTags, reading: Reading, languages: Languages | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.tags = learned.tags
        self.boundaries = learned.boundaries
        self.reading = reading
        self.languages = languages or Languages()

    @staticmethod
    def read(source: str, record: Record, columns: TaggedFields | None) -> TaggedExample:
        """A labelled record by its columns; without columns a record to predict for."""
        return input_tagged(source, record) if columns is None else read_tagged(source, record, columns)

    @property
    def info(self) -> dict[str, Any]:
        """What a model folder must remember."""
        return {"task": self.name, "boundaries": self.boundaries, **self.reading.info}

    def encode(self, example: TaggedExample) -> Encoded:
        """The text in windows; each token has its tag in the window that it belongs to.

        Raises:
            UserError: the language or the label of an entity is not one of the task's; names the file and line.
        """
        language_id = self.languages.id_of(example)
        encoded = read_windows(self.tokenizer, self.reading, example.text, None, example.source, language_id)
        if example.entities is None:
            return encoded
        logits = self._targets(example, encoded.offsets)
        windows = []
        for window in encoded.windows:
            labels = np.full(len(window.sequence.input_ids), IGNORE_INDEX)
            labels[window.own] = logits[window.own_start : window.own_stop]
            windows.append(replace(window, sequence=replace(window.sequence, token_labels=labels.tolist())))
        return replace(encoded, windows=tuple(windows))

    def _targets(self, example: TaggedExample, offsets: Sequence[Span]) -> Int64[np.ndarray, " tokens"]:
        """The logit that is right for each token; a token in two entities is of the one that ends in it."""
        targets = np.full(len(offsets), self.tags.logit_of_state[NONE])
        starts, ends = np.array(offsets, np.int64).reshape(-1, 2).T
        for start, end, label in example.entities or ():
            if label not in self.tags.labels:
                allowed = ", ".join(map(repr, self.tags.labels))
                raise UserError(
                    f"{example.source}: label {label!r} is not among the labels of the training data ({allowed}); "
                    "correct it, or list every label in task.labels"
                )
            inside = np.flatnonzero((starts < end) & (start < ends))
            begins = 2 * self.tags.labels.index(label) + 1
            targets[inside] = self.tags.logit_of_state[begins + 1]
            targets[inside[:1]] = self.tags.logit_of_state[begins]
        return targets

    def counts(self, batch: Batch) -> dict[str, int]:
        """Every token of a text is scored once."""
        assert batch.labels is not None
        return {"tokens": len(batch.labels)}

    def forward(self, model: Forward, batch: Batch) -> Float[Tensor, "tokens tags"]:
        """Logits of each token."""
        return model.logits("token", batch).float()

    def decisions(self, logits: Float[Tensor, "tokens tags"], batch: Batch) -> Float[Tensor, "decisions tags"]:
        """The tag of each token that is scored; where nothing is labelled, of all but those that frame a text."""
        if batch.label_index is not None:
            return logits[batch.label_index]
        frame = torch.tensor([self.tokenizer.cls_token_id, self.tokenizer.sep_token_id], device=logits.device)
        return logits[torch.isin(batch.input_ids, frame, invert=True)]

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Cross entropy of the tags, summed over the tokens."""
        return self.loss_of(self.forward(model, batch), batch)

    def loss_of(self, logits: Float[Tensor, "tokens tags"], batch: Batch) -> LossOutput:
        """The same of logits that are there."""
        assert batch.labels is not None
        logits = self.decisions(logits, batch)
        loss = F.cross_entropy(logits, batch.labels, reduction="sum")
        hits, count = float((logits.argmax(-1) == batch.labels).sum()), float(len(batch.labels))
        return LossOutput({"tokens": loss}, {"loss": (loss.item(), count), "tag_accuracy": (hits, count)})

    def outputs(self, model: Forward, batch: Batch) -> list[Float32[np.ndarray, "tokens tags"]]:
        """The logits of each sequence's tokens."""
        logits: np.ndarray = self.forward(model, batch).cpu().numpy()
        return np.split(logits, batch.cu_seqlens[1:-1].tolist())

    def decode(
        self, example: TaggedExample, encoded: Encoded, outputs: Sequence[Float32[np.ndarray, "tokens tags"]]
    ) -> dict[str, Any]:
        """The entities of the best path of tags; of words given, also the tags."""
        own = [logits[window.own] for window, logits in zip(encoded.windows, outputs, strict=True)]
        scores = self.tags.log_probabilities(np.concatenate(own))
        entities = []
        if (scores.argmax(1) != NONE).any():  # else no path is better, and no offset is needed
            offsets = encoded.offsets[: len(scores)]
            path = best_path(scores, self._glued(example, offsets), self.tags.opens)
            entities = self._entities(example, offsets, path, np.exp(scores[np.arange(len(path)), path]))
        if example.words is None:
            return {"entities": entities}
        spans = (Entity(entity["start"], entity["end"], entity["label"]) for entity in entities)
        return {"entities": entities, "tags": tags_of(example.words, spans)}

    def _glued(self, example: TaggedExample, offsets: Sequence[Span]) -> Bool[np.ndarray, " tokens"]:
        """Tokens that are in an entity if the token before them is: of one word, or of one character, whose marks
        `whole` gives to an entity that ends in it."""
        starts, ends = np.array(offsets, np.int64).reshape(-1, 2).T
        glued = np.zeros(len(offsets), bool)
        reached = np.array([after_marks(example.text, end) for end in ends[:-1].tolist()], np.int64)
        glued[1:] = starts[1:] < reached
        if example.words is not None:
            word = np.searchsorted([end for _, end in example.words], starts, "right")
            glued[1:] |= word[1:] == word[:-1]
        elif self.boundaries == "words":
            touching = 1 + np.flatnonzero(starts[1:] == reached)
            glued[touching] |= np.array(
                [is_in_word(example.text, place) for place in starts[touching].tolist()], bool
            )
        return glued

    def _entities(
        self,
        example: TaggedExample,
        offsets: Sequence[Span],
        path: Int64[np.ndarray, " tokens"],
        probabilities: Float64[np.ndarray, " tokens"],
    ) -> list[dict[str, Any]]:
        """Tokens of one entity after another, with the mean of their probabilities."""
        entities: list[dict[str, Any]] = []
        for first, last in _runs(path):
            start, end = whole(example.text, offsets[first][0], max(end for _, end in offsets[first:last]))
            if start == end:
                continue
            entities.append(
                {
                    "start": start,
                    "end": end,
                    "label": self.tags.labels[(int(path[first]) - 1) // 2],
                    "score": float(probabilities[first:last].mean()),
                    "text": example.text[start:end],
                }
            )
        return entities

    def measure(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[TaggedExample]) -> Measurement:
        """Entities found at the right place with the right label, and nearly."""
        true = [example.entities or () for example in examples]
        return entity_measurement([*map(found_entities, predictions)], true, self.tags.labels)

    def score(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[TaggedExample]) -> dict[str, Any]:
        """Precision, recall, F1, and of each label."""
        true = [example.entities or () for example in examples]
        return entity_scores([*map(found_entities, predictions)], true, self.tags.labels)

    def labels_of(self, example: TaggedExample) -> tuple[str, ...]:
        """The labels of a text's entities."""
        return tuple(sorted({entity.label for entity in example.entities or ()}))

    def judge(self, prediction: Mapping[str, Any], example: TaggedExample) -> Judgement:
        """The entities of one text, found and given."""
        return judge_entities(prediction, example)

    def matrices(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[TaggedExample]) -> list[Matrix]:
        """What became of entities and of words."""
        return entity_matrices(predictions, examples, self.tags.labels)

    def doubts(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[TaggedExample]) -> list[Doubt]:
        """Entities that may be missing or labelled wrongly."""
        return entity_doubts(predictions, examples)

    def record(self, example: TaggedExample) -> dict[str, Any]:
        """The input and what is true, beside which a prediction is written down."""
        return {"text": example.text, "true": [entity._asdict() for entity in example.entities or ()]}


def _runs(path: Int64[np.ndarray, " tokens"]) -> list[tuple[int, int]]:
    """First and last (excluded) token of each entity on a path."""
    runs: list[tuple[int, int]] = []
    before = NONE
    places = np.flatnonzero(path != NONE)
    for place, state in zip(places.tolist(), path[places].tolist(), strict=True):
        follows = bool(runs) and runs[-1][1] == place and state in (before, before + 1)
        if follows and state % 2 == 0:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
        before = state
    return runs


class TokenClassificationConfig(Reading):
    """The `task` table of a recipe for token classification."""

    type: Literal["token-classification"]
    labels: tuple[str, ...] | None = Field(default=None, min_length=1)
    """What entities are called; the labels of the training file, sorted, if not given."""
    boundaries: Boundaries | None = None
    """Whether entities begin and end with words, or anywhere; the training file says if not given."""
    kind: ClassVar = TokenClassification

    def learn(self, train: Sequence[TaggedExample], file: str, key: str) -> EntityTags:
        """The labels of the training file, and whether its entities end with words.

        Raises:
            UserError: there is no entity in it.
        """
        labels = self.labels or tuple(
            sorted({entity.label for example in train for entity in example.entities or ()})
        )
        if not labels:
            raise UserError(f"{file}: no entity in any text; there is nothing to learn, label some")
        return EntityTags(iob2(labels), self.boundaries or find_boundaries(train))

    def task(self, tokenizer: Tokenizer, learned: EntityTags, languages: Languages) -> TokenClassification:
        """The task for a model's tokenizer."""
        return TokenClassification(tokenizer, learned, self, languages)


def find_boundaries(examples: Iterable[TaggedExample]) -> Boundaries:
    """Where the entities of a data set begin and end."""
    inside = [
        is_in_word(example.text, place)
        for example in examples
        for entity in example.entities or ()
        for place in (entity.start, entity.end)
    ]
    return "words" if sum(inside) <= _RARE * len(inside) else "characters"


def read_tags(folder: ModelFolder, path: Path) -> EntityTags:
    """What a model folder says of its entities.

    Raises:
        UserError: its labels are no tags, or `encodery.json` is damaged.
    """
    check_names(folder.labels, f"{path}/config.json")
    boundaries = folder.info.get("boundaries", "words")
    if boundaries not in ("words", "characters"):
        raise UserError(f"{path}/encodery.json: boundaries = {boundaries!r:.80}; words or characters is needed")
    # a folder that names its task is one that we trained, if it does not say otherwise
    strict = folder.info.get(STRICT, folder.info.get("task") == TokenClassification.name)
    if not isinstance(strict, bool):
        raise UserError(f"{path}/encodery.json: {STRICT} = {strict!r:.80}; true or false is needed")
    return EntityTags(Tags(folder.labels, strict=strict), boundaries)
