"""The `trim` and `extend` stages: a model folder for a smaller or a larger vocabulary."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from encodery.corpus.readers import CorpusInput, read_documents
from encodery.families.folder import ModelFolder, load_folder, save_folder
from encodery.families.vocabulary import with_vocabulary
from encodery.stages.engine import Metrics, Run, base_folder
from encodery.text.revision import Revisable, Revision
from encodery.text.sentences import split_sentences
from encodery.text.statistics import TextStatistics, measure
from encodery.text.tokenizer import Tokenizer

_TEXTS_AT_ONCE = 1024


def build_trim(run: Run, into: Path, work: Path) -> Metrics:
    """The `trim` stage: a model without the tokens that `trim.inputs` do not need."""
    table = run.recipe.trim
    assert table is not None
    base = load_folder(base_folder(run, table.source))
    revision = _revisable(base).trim(_with_sentences(table.inputs, run.base), table.keep_characters)
    trimmed = with_vocabulary(base, revision)
    check_same_tokens(base.tokenizer, trimmed.tokenizer, revision, _with_sentences(table.inputs, run.base))
    text = measure(base.tokenizer, _documents(table.inputs, run.base))
    metrics = {**_sizes(base, trimmed), **_lengths(text, text)}  # the same tokens, as was checked
    save_folder(into, replace(trimmed, info={**base.info, "trim": metrics}))
    return metrics


def build_extend(run: Run, into: Path, work: Path) -> Metrics:
    """The `extend` stage: a model with more tokens, found in `extend.inputs` or listed."""
    table = run.recipe.extend
    assert table is not None
    base = load_folder(base_folder(run, table.source))
    kind = _revisable(base)
    if table.tokens:
        new = [token for word in table.tokens for token in kind.make_tokens(word)]
    else:
        new = kind.find_tokens(_documents(table.inputs, run.base), table.num_tokens, table.min_frequency)
    revision = kind.extend(new)
    extended = with_vocabulary(base, revision)
    metrics: dict[str, Any] = _sizes(base, extended)
    if table.inputs:
        before, after = (measure(f.tokenizer, _documents(table.inputs, run.base)) for f in (base, extended))
        used = int((after.occurrences[revision.added.start : revision.added.stop] > 0).sum())
        metrics |= {**_lengths(before, after), "new_tokens_that_occur": used}
    save_folder(into, replace(extended, info={**base.info, "extend": metrics}))
    return metrics


def check_same_tokens(before: Tokenizer, after: Tokenizer, revision: Revision, texts: Iterator[str]) -> None:
    """Raises `AssertionError` if a text is cut in another way: that cannot be, and a wrong model is not saved."""
    while group := list(islice(texts, _TEXTS_AT_ONCE)):
        for text, old, new in zip(group, before.encode_batch(group), after.encode_batch(group), strict=True):
            assert [revision.sources[index][0] for index in new] == old.tolist(), (
                f"cut in another way: {text[:200]!r}"
            )


def _revisable(base: ModelFolder) -> Revisable:
    kind = base.tokenizer.kind
    assert isinstance(kind, Revisable)  # every kind is
    return kind


def _documents(inputs: Sequence[CorpusInput], base: Path) -> Iterator[str]:
    return (document.text for document in read_documents(inputs, base))


def _with_sentences(inputs: Sequence[CorpusInput], base: Path) -> Iterator[str]:
    """Each document as a whole, as tasks see it, and its sentences one by one, as pretraining does."""
    for text in _documents(inputs, base):
        yield text
        yield from split_sentences(text)


def _sizes(before: ModelFolder, after: ModelFolder) -> dict[str, Any]:
    weights = [list(folder.model.parameters()) for folder in (before, after)]
    return {
        "tokens": _both(*(folder.model.config.vocab_size for folder in (before, after))),
        "parameters": _both(*(sum(weight.numel() for weight in part) for part in weights)),
        "bytes": _both(*(sum(weight.numel() * weight.element_size() for weight in part) for part in weights)),
    }


def _lengths(before: TextStatistics, after: TextStatistics) -> dict[str, Any]:
    return {
        "characters": before.characters,
        "tokens_per_character": _both(before.tokens_per_character, after.tokens_per_character),
    }


def _both(before: int | float, after: int | float) -> dict[str, int | float]:
    return {"before": before, "after": after}
