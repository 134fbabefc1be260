"""Ids on the Universal Declaration of Human Rights in 388 versions: equal to `transformers` in all of them."""

from pathlib import Path

import pytest

from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.moses_bpe import MosesBpeSpec
from encodery.text.tokenizer import TokenizerSpec, train_tokenizer
from encodery.text.unigram import UnigramSpec
from encodery.text.wordpiece import WordPieceSpec
from tests.text.peers import peer_of

KINDS = [
    pytest.param(WordPieceSpec(vocab_size=2503, limit_alphabet=1000), "bert", id="uncased"),
    pytest.param(WordPieceSpec(vocab_size=2503, limit_alphabet=1000, lowercase=False), "bert", id="cased"),
    pytest.param(ByteBpeSpec(vocab_size=4001), "roberta", id="byte-bpe"),
    pytest.param(UnigramSpec(vocab_size=2503, character_coverage=0.999), "xlm-roberta", id="unigram"),
    pytest.param(MosesBpeSpec(vocab_size=4001), "xlm", id="moses-bpe"),
    pytest.param(MosesBpeSpec(vocab_size=4001, do_lowercase_and_remove_accent=False), "xlm", id="moses-bpe-cased"),
]


def disagreements(spec: TokenizerSpec, model_type: str, texts: dict[str, str], folder: Path) -> list[str]:
    """The versions in which any line has other ids than in `transformers`; the vocabulary is of every 7th version."""
    ours = train_tokenizer(spec, list(texts.values())[::7])
    theirs = peer_of(ours, model_type, folder)
    wrong = []
    for name, text in texts.items():
        lines = [text, *text.splitlines()]
        want = theirs(lines, add_special_tokens=False)["input_ids"]
        found = [[ids.tolist() for ids in ours.encode_batch(lines)] for _ in range(2)]  # words are remembered
        if found != [want, want] or [ours.kind.encode_ids(line, None) for line in lines] != want:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize(("spec", "model_type"), KINDS)
def test_some_languages(udhr: dict[str, str], tmp_path: Path, spec: TokenizerSpec, model_type: str) -> None:
    some = {name: text[:3001] for name, text in list(udhr.items())[::3]}
    assert len(some) == 130
    assert disagreements(spec, model_type, some, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "model_type"), KINDS)
def test_all_languages(udhr: dict[str, str], tmp_path: Path, spec: TokenizerSpec, model_type: str) -> None:
    assert len(udhr) == 388
    assert disagreements(spec, model_type, udhr, tmp_path) == []
