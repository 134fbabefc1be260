"""How well a model translates, measured without pairs: text goes there and back and is compared with itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from encodery.data.shards import Shards
from encodery.data.translations import TranslationExample
from encodery.families.folder import ModelFolder
from encodery.model.search import GenerationConfig
from encodery.objectives.sentences import Sentences, Shuffled
from encodery.recipe.monolingual import ROUND_TRIP
from encodery.serve.predictor import Predictor
from encodery.stages.by_direction import READ, SEPARATOR
from encodery.tasks.metrics import scores
from encodery.tasks.metrics.copying import COPY, Outputs, shared_words
from encodery.tasks.metrics.translation import Sentences as Compared
from encodery.tasks.metrics.translation import translation_sums
from encodery.tasks.translation import Translation
from encodery.text.tokenizer import Tokenizer

_ORDER = 0x7E57


@dataclass(frozen=True)
class RoundTrips:
    """Held-out sentences of each language, and the words that two of them share. Translations are greedy, as those
    of training are."""

    predictor: Predictor
    sentences: Mapping[str, Sequence[str]]
    shared: Mapping[tuple[str, str], frozenset[str]]
    """Of each direction."""

    @classmethod
    def of(
        cls,
        folder: ModelFolder,
        task: Translation,
        directions: Sequence[tuple[str, str]],
        train: Shards,
        valid: Shards,
        most: int,
    ) -> "RoundTrips":
        """At most `most` sentences of each language; of each direction there is its way back among `directions`."""
        greedy = Translation(task.tokenizer, task.directions, task.reading, task.languages, GenerationConfig())
        longest = task.reading.max_seqlen - 2
        languages = sorted({language for pair in directions for language in pair})
        learned = {name: _texts(train, name, longest, READ, task.tokenizer) for name in languages}
        held_out = {name: _texts(valid, name, longest, most, task.tokenizer) for name in languages}
        shared = {pair: shared_words(learned[pair[0]], learned[pair[1]]) for pair in directions}
        return cls(Predictor(folder, greedy), held_out, shared)

    def measure(self) -> dict[str, float]:
        """`round_trip_bleu` over all directions and of each (`round_trip_bleu en-de`: of English there and back), and
        of each what the first half of the way shows (`copied en-de`, `empty en-de`, `repeated en-de`).

        A model that copies would come back unharmed: a sentence whose translation is a copy counts as lost.
        """
        returned: list[str] = []
        originals: list[str] = []
        languages: list[str] = []
        facts: dict[str, float] = {}
        for source, target in self.shared:
            if not (texts := self.sentences[source]):
                continue
            name = f"{SEPARATOR}{source}-{target}"
            there = self._translate(texts, source, target)
            outputs = Outputs(texts, there, self.shared[source, target])
            back = self._translate(there, target, source)
            kept = ["" if copy >= COPY else text for copy, text in zip(outputs.copied(), back, strict=True)]
            facts[f"{ROUND_TRIP}{name}"] = _bleu(kept, texts, [source] * len(texts))
            facts |= {f"{fact}{name}": value for fact, value in outputs.facts().items()}
            returned += kept
            originals += texts
            languages += [source] * len(texts)
        return {ROUND_TRIP: _bleu(returned, originals, languages), **facts} if originals else {}

    def _translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        examples = [TranslationExample(text, None, "round trip").between(source, target) for text in texts]
        return [prediction["translation"] for prediction in self.predictor.predict_examples(examples)]


def _bleu(said: Sequence[str], right: Sequence[str], languages: Sequence[str]) -> float:
    return scores(translation_sums(Compared(said, right, languages)))["bleu"]


def _texts(shards: Shards, language: str, longest: int, most: int, tokenizer: Tokenizer) -> list[str]:
    if language not in shards.languages or not len(sentences := Sentences(shards, language, longest)):
        return []
    items = Shuffled(len(sentences), _ORDER).items(0, min(most, len(sentences)))
    ids, bounds = sentences.read(items)
    return [tokenizer.decode(part.tolist()).strip() for part in np.split(ids, bounds[1:-1])]
