"""What `trim` makes of a model of XLM-R base's sizes: bytes before and after, and whether the outputs stay the same.

python benchmarks/trim_xlm_r.py --vocabulary PATH... --keep PATH... [--vocab-size 150000]

The vocabulary is trained on the first texts and filled with pieces that no text has, the weights are random; kept is
what the second texts need. No published checkpoint is read: bytes depend on sizes and text alone.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from encodery.batch import Batch, pack
from encodery.batch import Sequence as Encoded
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.readers import read_documents
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.families.vocabulary import with_vocabulary
from encodery.stages.vocabulary import check_same_tokens
from encodery.text.revision import Revisable
from encodery.text.sentencepiece_model import read_model
from encodery.text.tokenizer import Tokenizer
from encodery.text.unigram import Unigram, UnigramSpec, build_backend

COMPARED = 32
"""Texts whose hidden states must be the same bits before and after."""


def texts_of(paths: Sequence[str]) -> Iterator[str]:
    """The lines of all files."""
    for document in read_documents([CorpusInput(path=path) for path in paths], Path()):
        yield from document.text.splitlines()


def filled(kind: Unigram, vocab_size: int) -> Unigram:
    """With pieces of private characters, which stand for languages that are not in the text."""
    with tempfile.TemporaryDirectory() as name:
        kind.save(Path(name))
        model = read_model(Path(name) / "sentencepiece.bpe.model")
    lowest = min(score for _, score in model.pieces)
    missing = vocab_size - len(kind.vocabulary)
    more = [(chr(0xF0000 + number % 60_000) + chr(0x100000 + number // 60_000), lowest) for number in range(missing)]
    return Unigram(
        build_backend(replace(model, pieces=(*model.pieces, *more)), kind.special_tokens), kind.special_tokens
    )


def batch_of(tokenizer: Tokenizer, texts: Sequence[str]) -> Batch:
    """Texts as one batch."""
    return pack([Encoded(tokenizer.encode(text, max_length=128).input_ids) for text in texts])


def folder_bytes(folder: ModelFolder) -> dict[str, int]:
    """The files of a model folder, written once."""
    with tempfile.TemporaryDirectory() as name:
        save_folder(Path(name), folder)
        sizes = {path.name: path.stat().st_size for path in Path(name).iterdir()}
    return {"all": sum(sizes.values()), "weights": sizes["model.safetensors"]}


def main() -> None:
    """Train, trim, compare; one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", nargs="+", required=True, help="text that the vocabulary is trained on")
    parser.add_argument("--keep", nargs="+", required=True, help="text that must be cut as before")
    parser.add_argument("--vocab-size", type=int, default=150_000, help="pieces that the text supports")
    parser.add_argument("--filled-to", type=int, default=250_002, help="so many with pieces that no text has")
    options = parser.parse_args()
    trained = UnigramSpec(vocab_size=options.vocab_size).train(texts_of(options.vocabulary))
    tokenizer = Tokenizer(filled(trained, options.filled_to))
    assert isinstance(tokenizer.kind, Revisable)
    family = FAMILIES["xlm-roberta"]
    config = family.encoder({**family.presets["base"], "vocab_size": tokenizer.vocab_size}, "XLM-R base")
    model = family.model(config, ("mlm",))
    model.initialize(1)
    before = ModelFolder(family, model.eval(), tokenizer)
    revision = tokenizer.kind.trim(texts_of(options.keep))
    after = with_vocabulary(before, revision)
    after.model.eval()
    check_same_tokens(tokenizer, after.tokenizer, revision, texts_of(options.keep))
    texts = list(islice(texts_of(options.keep), COMPARED))
    with torch.no_grad():
        hidden = [part.model.encoder(batch_of(part.tokenizer, texts)) for part in (before, after)]
    sizes = [folder_bytes(part) for part in (before, after)]
    result = {
        "tokens": [tokenizer.vocab_size, after.tokenizer.vocab_size],
        "bytes": [size["all"] for size in sizes],
        "weight_bytes": [size["weights"] for size in sizes],
        "bytes_lost": round(1 - sizes[1]["all"] / sizes[0]["all"], 4),
        "same_outputs": bool(torch.equal(*hidden)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
