"""Translation: a text in one language becomes a text in another, by a model with a decoder.

A sequence is what the decoder reads, its source what the encoder reads. The decoder reads the token that opens every
input, then the translation, and learns the token that comes next; the one that closes every text ends it. Where the
translation is not known, it reads the first token alone, and what follows is looked for.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from encodery import batch as packed
from encodery.batch import Batch, LossOutput
from encodery.data.translation_sequences import source_sequence, target_sequence, taught_sequence
from encodery.data.translations import TranslationExample, TranslationFields, input_translation, read_translation
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.model.forward import Forward, Generating
from encodery.model.heads import Model
from encodery.model.search import GenerationConfig, Hypothesis, Targets
from encodery.model.translator import HEAD, CrossInit, Translator
from encodery.tasks.directions import KEY, Directions
from encodery.tasks.judging import Doubt, Judgement, Matrix
from encodery.tasks.languages import Languages
from encodery.tasks.metrics import Sums, scores
from encodery.tasks.metrics.translation import Sentences, sentence_errors, translation_signatures, translation_sums
from encodery.tasks.pieces import Piece, cut_pieces, joined
from encodery.tasks.windows import Encoded, Reading, Window
from encodery.text.encoding import Cut
from encodery.text.tokenizer import Tokenizer

BEAM_TOKENS = 1 << 13
"""Of the texts that are translated at once, times their beams: what is kept of each beam is memory."""
SHORTEST = 8
"""Of `max_seqlen`: the special tokens, and the tokens of any character."""


@dataclass(frozen=True)
class EncodedTranslation(Encoded):
    """A text in pieces, each a sequence whose source it is."""

    pieces: tuple[Piece, ...] = ()
    taught: bool = True
    """Whether it can be learned from: the text is one piece, and its translation is known and not too long."""

    @property
    def lessons(self) -> list[packed.Sequence]:
        return self.sequences if self.taught else []


class Translation:
    """Predictions are `{"translation", "score"}`; `score` is the probability of a token of it, the geometric mean
    over all of them.

    A text that is longer than the model reads is translated piece by piece (`tasks.pieces`).
    """

    name = "translation"
    heads: ClassVar[tuple[str, ...]] = (HEAD,)
    headline = ("bleu", "chrf")
    fields = TranslationFields

    def __init__(
        self,
        tokenizer: Tokenizer,
        directions: Directions,
        reading: Reading,
        languages: Languages | None = None,
        generation: GenerationConfig | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        """Raises `UserError` if the model has no vectors of languages and would have to guess which one to translate
        into, or lacks one of the languages."""
        self.tokenizer = tokenizer
        self.directions = directions
        self.reading = reading
        self.languages = languages or Languages()
        self.generation = generation or GenerationConfig()
        self.label_smoothing = label_smoothing
        self.asked_languages: tuple[str | None, str | None] = (None, None)
        """Those of texts to translate that do not say theirs."""
        self._ids = language_ids(directions, self.languages)
        outside = tokenizer.special_ids - {tokenizer.sep_token_id}
        self._never = tuple(sorted(outside))

    @staticmethod
    def read(source: str, record: Record, columns: TranslationFields | None) -> TranslationExample:
        """A labelled record by its columns; without columns a record to predict for."""
        return input_translation(source, record) if columns is None else read_translation(source, record, columns)

    @property
    def info(self) -> dict[str, Any]:
        """What a model folder must remember."""
        pairs = [list(pair) for pair in self.directions.pairs]
        generation = self.generation.model_dump(exclude_defaults=True)
        return {"task": self.name, KEY: pairs, "generation": generation, **self.reading.info}

    def encode(self, example: TranslationExample) -> EncodedTranslation:
        """The text in pieces; with what is to be learned of it, where its translation is known and both fit.

        Raises:
            UserError: a language is not known, the direction was not trained, or the text is too long and
                `on_overflow` is "error"; names the file and line.
        """
        example = example.between(*self.asked_languages)
        source, target = self.directions.find(example)
        room = self.reading.max_seqlen - self.tokenizer.num_added(pair=False)
        pieces = self._pieces(example, room) or [Piece("", Cut([], list))]
        learned = self._learned(example) if len(pieces) == 1 else None
        windows: list[Window] = []
        start = 0
        for piece in pieces:
            sequence = self._sequence(piece.cut.ids[:room], learned, source, target, example.translation is not None)
            stop = start + len(piece.cut.ids)
            windows.append(Window(sequence, 1, start, stop, start, stop))
            start = stop
        truncated = any(len(piece.cut.ids) > room for piece in pieces)
        cut = Cut([token for piece in pieces for token in piece.cut.ids], list)
        taught = learned is not None and not truncated
        return EncodedTranslation(tuple(windows), truncated, cut, tuple(pieces), taught)

    def _pieces(self, example: TranslationExample, room: int) -> list[Piece]:
        if self.reading.on_overflow == "window":
            return cut_pieces(self.tokenizer, example.text, room)
        whole = self.tokenizer.cut(example.text, room)
        if len(whole.ids) > room and self.reading.on_overflow == "error":
            raise UserError(
                f"{example.source}: more than max_seqlen = {self.reading.max_seqlen} tokens, and on_overflow = "
                '"error"; shorten the text, raise max_seqlen, or set on_overflow = "window"'
            )
        return [Piece(example.text.strip(), whole)]

    def _learned(self, example: TranslationExample) -> list[int] | None:
        """The tokens of the translation; None where there are none, or too many."""
        room = self.reading.max_seqlen - 1
        ids = [] if example.translation is None else self.tokenizer.cut(example.translation, room).ids
        return ids if 0 < len(ids) <= room else None

    def _sequence(
        self, ids: Sequence[int], learned: Sequence[int] | None, source: str, target: str, labelled: bool
    ) -> packed.Sequence:
        start, end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        spoken = self._ids.get(target)
        assembled = self.tokenizer.assemble(ids)
        read = source_sequence(assembled.input_ids, assembled.token_type_ids, self._ids.get(source))
        if learned is None:
            return target_sequence(read, start, spoken, labelled)
        return taught_sequence(read, learned, start, end, spoken)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Every token of the translations is scored, and the end of each."""
        assert batch.labels is not None
        return {"tokens": len(batch.labels)}

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Cross entropy of each token given those before it and the source, with smoothed labels, summed."""
        assert isinstance(model, Translator)
        assert batch.labels is not None
        loss, correct = model.loss(batch, self.label_smoothing)
        count = float(len(batch.labels))
        return LossOutput({"tokens": loss}, {"loss": (loss.item(), count), "token_accuracy": (float(correct), count)})

    def outputs(self, model: Forward, batch: Batch) -> list[list[Hypothesis]]:
        """The best translations of each source, best first; what else the batch holds is not looked at."""
        assert isinstance(model, Generating)
        found: list[list[Hypothesis]] = []
        for part in batch.split(BEAM_TOKENS // self.generation.num_beams):
            assert part.source is not None
            spoken = None if part.language_ids is None else part.language_ids[part.first_tokens.long()]
            targets = Targets(self.tokenizer.cls_token_id, self.tokenizer.sep_token_id, self._never, spoken)
            found += model.generate(part.source, targets, self.generation)
        return found

    def decode(
        self, example: TranslationExample, encoded: Encoded, outputs: Sequence[Sequence[Hypothesis]]
    ) -> dict[str, Any]:
        """The best translations of all pieces, joined. It is marked `"truncated": true` where one of them was not at
        its end when it was as long as the settings allow."""
        assert isinstance(encoded, EncodedTranslation)
        best = [found[0] for found in outputs]
        prediction = self._joined(encoded.pieces, best)
        if any(not found.ended for piece, found in zip(encoded.pieces, best, strict=True) if piece.cut.ids):
            prediction["truncated"] = True
        if self.generation.num_return_sequences > 1 and len(outputs) == 1:
            prediction["n_best"] = [self._joined(encoded.pieces, [found]) for found in outputs[0]]
        return prediction

    def _joined(self, pieces: Sequence[Piece], found: Sequence[Hypothesis]) -> dict[str, Any]:
        texts = [
            self.tokenizer.decode(each.token_ids).strip() if piece.cut.ids else ""
            for piece, each in zip(pieces, found, strict=True)
        ]
        return {"translation": joined(pieces, texts), "score": self._score(found)}

    def _score(self, found: Sequence[Hypothesis]) -> float:
        """The geometric mean of the tokens' probabilities, those that end the pieces among them."""
        lengths = [len(each.token_ids) + each.ended for each in found]
        penalty = self.generation.length_penalty
        total = sum(each.score * length**penalty for each, length in zip(found, lengths, strict=True))
        return math.exp(min(0.0, total / max(1, sum(lengths))))

    def _compared(
        self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[TranslationExample]
    ) -> Sentences:
        return Sentences(
            [prediction["translation"] for prediction in predictions],
            [example.translation or "" for example in examples],
            [self.directions.find(example)[1] for example in examples],
        )

    def measure(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[TranslationExample]) -> Sums:
        """BLEU and chrF, sentence by sentence."""
        return translation_sums(self._compared(predictions, examples))

    def score(
        self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[TranslationExample]
    ) -> dict[str, Any]:
        """`bleu` and `chrf` as sacreBLEU counts them over all examples, with its `signature` of each."""
        signature = translation_signatures({self.directions.find(example)[1] for example in examples})
        return {**scores(self.measure(predictions, examples)), "signature": signature}

    def record(self, example: TranslationExample) -> dict[str, Any]:
        """The input and what is true, beside which a prediction is written down."""
        source, target = self.directions.find(example)
        return {
            "text": example.text,
            "source_language": source,
            "target_language": target,
            "true": example.translation,
        }

    def labels_of(self, example: TranslationExample) -> tuple[str, ...]:
        """None: a translation is no label."""
        return ()

    def judge(self, prediction: Mapping[str, Any], example: TranslationExample) -> Judgement:
        """How far the translation is from the right one: what its chrF lacks of 100, as a share."""
        said, right = prediction["translation"], example.translation or ""
        (error,) = sentence_errors([said], [right])
        return Judgement(example.text, said, right, error)

    def matrices(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Any]) -> list[Matrix]:
        """None."""
        return []

    def doubts(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Any]) -> list[Doubt]:
        """None."""
        return []


class TranslationConfig(Reading):
    """The `task` table of a recipe for translation."""

    type: Literal["translation"]
    max_seqlen: int = Field(default=128, ge=SHORTEST)
    source_language: str | None = Field(default=None, min_length=1)
    """The language of texts that do not say theirs."""
    target_language: str | None = Field(default=None, min_length=1)
    """The language of translations that do not say theirs."""
    label_smoothing: float = Field(default=0.1, ge=0.0, lt=1.0)
    """The share of each label that all words of the vocabulary get; 0.1 in Vaswani et al. 2017, 5.4."""
    dropout: float | None = Field(default=None, ge=0.0, lt=1.0)
    """Of hidden states and attention, in training; that of the model that it starts from if not given."""
    cross_attention: CrossInit = "fresh"
    """What the decoder begins to look at the source with, where the model had no decoder: fresh weights, or those of
    its self-attention."""
    generation: GenerationConfig = GenerationConfig(num_beams=4)
    """How translations are looked for."""
    kind: ClassVar = Translation

    @model_validator(mode="after")
    def _languages_are_of_both_sides(self) -> "TranslationConfig":
        if self.language is not None:
            raise ValueError(
                f"language = {self.language!r:.80}: a translation has two; give source_language and target_language"
            )
        return self

    def understood(self, examples: Sequence[TranslationExample]) -> list[TranslationExample]:
        """The examples with the languages that the table says."""
        return [example.between(self.source_language, self.target_language) for example in examples]

    def check_languages(self, languages: Languages, train: Sequence[TranslationExample]) -> None:
        """The task checks them."""

    def learn(self, train: Sequence[TranslationExample], file: str, key: str) -> Directions:
        """From which language to which.

        Raises:
            UserError: an example does not say it.
        """
        return Directions.of(train)

    def task(self, tokenizer: Tokenizer, learned: Directions, languages: Languages) -> Translation:
        """The task for a model's tokenizer.

        Raises:
            UserError: the model cannot tell the languages apart, or lacks one.
        """
        return Translation(tokenizer, learned, self, languages, self.generation, self.label_smoothing)


def language_ids(directions: Directions, languages: Languages) -> Mapping[str, int]:
    """The number of each language; none where the model has no vectors of languages.

    Raises:
        UserError: it has none and would translate into several, or it lacks a language.
    """
    if languages.ids is None:
        if len(directions.targets) > 1:
            raise UserError(
                f"translation: the model has no vectors of languages and cannot know into which of "
                f"{', '.join(directions.targets)} to translate; train a model for each, or start from one with "
                'vectors of languages (family = "xlm")'
            )
        return {}
    if lacking := [language for language in directions.languages if language not in languages.ids]:
        there = ", ".join(languages.ids) or "none: config.json has no lang2id"
        raise UserError(
            f"translation: {lacking[0]!r:.80} is not one of the model's languages ({there}); name the languages of "
            "the data as the model does"
        )
    return {language: languages.ids[language] for language in directions.languages}
