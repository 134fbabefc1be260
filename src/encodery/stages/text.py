"""From raw text to a vocabulary and token shards."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, tee
from pathlib import Path
from typing import Any

import numpy as np

from encodery.corpus.clean_table import DOCUMENTS
from encodery.corpus.readers import CorpusInput, Document, read_documents
from encodery.data.shard_writer import write_shards
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.recipe import PROBE, CorpusTable, names_languages
from encodery.stages.engine import Metrics, Run
from encodery.text.balance import balanced_shares, language_weights
from encodery.text.sentences import split_sentences
from encodery.text.tokenizer import Tokenizer, train_tokenizer

CORPUS = "corpus"
"""The stage that cleans the inputs."""
DOCUMENTS_AT_ONCE = 256
CHARACTERS_AT_ONCE = 1 << 22
"""Documents whose sentences are encoded in one call: enough to keep the cores busy, little enough to hold."""
NO_LANGUAGE = "none"
"""What a person reads for text that names no language."""


def corpus_of(run: Run) -> CorpusTable:
    """What the recipe says of the text; with `[corpus.clean]` the documents that came of it stand for the inputs."""
    corpus = run.recipe.corpus
    assert corpus is not None
    if corpus.clean is None:
        return corpus
    cleaned = CorpusInput(path=str(run.artifact(CORPUS).resolve() / DOCUMENTS), language_field="language")
    return corpus.model_copy(update={"inputs": (cleaned,), "clean": None})


def train_documents(corpus: CorpusTable, base: Path) -> Iterator[Document]:
    """The documents to learn from."""
    held_out = 0.0 if corpus.valid_inputs else corpus.valid_fraction
    return (doc for doc in read_documents(corpus.inputs, base) if not is_held_out(doc.text, held_out))


def valid_documents(corpus: CorpusTable, base: Path) -> Iterator[Document]:
    """The documents to measure on."""
    if corpus.valid_inputs:
        return read_documents(corpus.valid_inputs, base)
    return (doc for doc in read_documents(corpus.inputs, base) if is_held_out(doc.text, corpus.valid_fraction))


def is_held_out(text: str, fraction: float) -> bool:
    """Chosen by content, so that copies of a document fall on one side and a longer corpus moves none."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") < fraction * 2**64


def build_tokenizer(run: Run, into: Path, work: Path) -> Metrics:
    """The `tokenizer` stage: a vocabulary from the training documents."""
    recipe, corpus = run.recipe, corpus_of(run)
    assert recipe.tokenizer is not None
    alpha = recipe.tokenizer.alpha
    if alpha == 1.0:
        texts = (document.text for document in train_documents(corpus, run.base))
        tokenizer = train_tokenizer(recipe.tokenizer, texts)
        tokenizer.save(into)
        return {"vocab_size": tokenizer.vocab_size}
    sizes: Counter[str] = Counter()
    for document in train_documents(corpus, run.base):
        sizes[document.language] += len(document.text)
    weights = language_weights(sizes, alpha)
    first, second = tee(train_documents(corpus, run.base))
    tokenizer = train_tokenizer(
        recipe.tokenizer, (doc.text for doc in first), (weights[doc.language] for doc in second)
    )
    tokenizer.save(into)
    return {"vocab_size": tokenizer.vocab_size, "languages": _languages(sizes, alpha)}


def _languages(sizes: Mapping[str, int], alpha: float) -> Metrics:
    """Each language's share of the characters, as they are and as the vocabulary was trained on them."""
    total = sum(sizes.values())
    return {
        language or NO_LANGUAGE: {
            "characters": sizes[language],
            "share": sizes[language] / total,
            "balanced_share": share,
        }
        for language, share in balanced_shares(sizes, alpha).items()
    }


def build_shards(run: Run, into: Path, work: Path, folder: Path | None = None) -> Metrics:
    """The `shards` stage: every document as ids of sentences, the training and the held-out part; with the tokenizer
    of that stage, or of a model's `folder`."""
    corpus = corpus_of(run)
    tokenizer = Tokenizer.load(folder or run.artifact("tokenizer"))
    metrics: dict[str, dict[str, Any]] = {}
    parts = {"train": train_documents(corpus, run.base), "valid": valid_documents(corpus, run.base)}
    if corpus.probe_inputs:
        parts[PROBE] = read_documents(corpus.probe_inputs, run.base)
    for split, documents in parts.items():
        folder = into / split
        folder.mkdir()
        size = _Size()
        documents = size.measured(documents)
        documents, again = tee(documents)
        languages = (document.language for document in again) if names_languages(corpus.inputs) else None
        write_shards(encode_documents(tokenizer, documents), folder, tokenizer.vocab_size, languages=languages)
        shards = Shards.open(folder)
        if split == "train":
            check_languages(corpus.inputs, shards.languages)
        if not shards.num_documents:
            raise UserError(
                f"corpus: no document is in the {split} part; add text, name corpus.valid_inputs, "
                f"or change corpus.valid_fraction = {corpus.valid_fraction}"
            )
        metrics[split] = {
            "documents": shards.num_documents,
            "sentences": shards.num_sentences,
            "tokens": shards.num_tokens,
            "characters": size.characters,
            "unigram_entropy": shards.unigram_entropy(),
        }
        if sizes := shards.tokens_by_language():
            metrics[split]["languages"] = {name or NO_LANGUAGE: {"tokens": size} for name, size in sizes.items()}
    return metrics


@dataclass
class _Size:
    """How much text passed by: what tokens of different vocabularies have in common."""

    characters: int = 0

    def measured(self, documents: Iterator[Document]) -> Iterator[Document]:
        """The documents as they are."""
        for document in documents:
            self.characters += len(document.text)
            yield document


def check_languages(inputs: Sequence[CorpusInput], found: Sequence[str]) -> None:
    """Every language that an input is in has some text to learn from.

    Raises:
        UserError: one has none.
    """
    for entry in inputs:
        if entry.language is not None and entry.language not in found:
            raise UserError(
                f"corpus.inputs: there is no text to learn from in the language {entry.language!r:.80} "
                f"({entry.path}); add text, or remove the input"
            )


def encode_documents(tokenizer: Tokenizer, documents: Iterator[Document]) -> Iterator[list[np.ndarray]]:
    """Each document as the ids of its sentences; many documents share one call of the tokenizer."""
    for texts in _at_once(document.text for document in documents):
        chunk = [split_sentences(text) for text in texts]
        encoded = iter(tokenizer.encode_batch([sentence for sentences in chunk for sentence in sentences]))
        for sentences in chunk:
            yield list(islice(encoded, len(sentences)))


def _at_once(texts: Iterator[str]) -> Iterator[list[str]]:
    """The texts, as many together as are encoded in one call."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if len(chunk) == DOCUMENTS_AT_ONCE or size >= CHARACTERS_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
