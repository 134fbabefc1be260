"""XLM's vocabulary made smaller and larger: what is cut as before, and what changes."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.text.folder import read_folder
from encodery.text.kind import Kind
from encodery.text.moses_bpe import XLM_SPECIAL_TOKENS, MosesBpe, MosesBpeSpec
from encodery.text.revision import Revisable, Revision
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from tests.text.peers import check_same, peer_of
from tests.text.scripts import HARD, SENTENCES, TEXTS

OPENING = ["<s>", "</s>", "<pad>", "<unk>", "<special1>"]


@pytest.fixture(scope="module")
def kind() -> MosesBpe:
    found = train_tokenizer(MosesBpeSpec(vocab_size=809, min_frequency=1), SENTENCES).kind
    assert isinstance(found, MosesBpe)
    return found


def id_lists(kind: Kind, texts: Sequence[str]) -> list[list[int]]:
    return [ids.tolist() for ids in kind.encode_batch(texts)]


def check_kept(before: Kind, revision: Revision, texts: Sequence[str]) -> None:
    after = [[revision.sources[index][0] for index in ids] for ids in id_lists(revision.kind, texts)]
    assert after == id_lists(before, texts)


@pytest.mark.parametrize("keep_characters", [True, False])
def test_text_that_was_kept_is_cut_as_before(kind: MosesBpe, keep_characters: bool) -> None:
    assert isinstance(kind, Revisable)
    texts = [*SENTENCES[:3], *HARD, "a <special3> b"]
    revision = kind.trim(iter(texts), keep_characters)
    check_kept(kind, revision, texts)
    assert len(revision.sources) == len(revision.kind.vocabulary) < len(kind.vocabulary)
    for text in texts:
        assert kind.encode(text, None)[1] == revision.kind.encode(text, None)[1]


@settings(max_examples=60)
@given(texts=st.lists(TEXTS, max_size=4), keep_characters=st.booleans())
def test_any_text_that_was_kept_is_cut_as_before(kind: MosesBpe, texts: list[str], keep_characters: bool) -> None:
    check_kept(kind, kind.trim(texts, keep_characters), texts)


def test_merges_go_on_through_what_is_no_token() -> None:
    """`ab` is no token, nor are `ab</w>` and `c`: what is unknown stays so, and so does all that is made of it."""
    vocabulary = {token: index for index, token in enumerate([*OPENING, "a", "b", "abc</w>", "d", "dd", "b</w>"])}
    merges = [("a", "b"), ("ab", "c</w>"), ("a", "b</w>"), ("d", "d"), ("dd", "d</w>")]
    plain = {"language": "en", "do_lowercase_and_remove_accent": True}
    kind = MosesBpe(vocabulary, merges, XLM_SPECIAL_TOKENS, OPENING, plain)
    texts = ["abc", "ab", "aab abab"]
    revision = kind.trim(texts, keep_characters=False)
    check_kept(kind, revision, texts)
    assert list(revision.kind.vocabulary) == [*OPENING, "a", "b", "abc</w>", "b</w>"]
    assert id_lists(kind, texts)[:2] == [[7], [3]]


def test_random_vocabularies() -> None:
    draw = random.Random(3)
    words = ["".join(draw.choices("abc", k=draw.randint(1, 9))) for _ in range(997)]
    kind = train_tokenizer(MosesBpeSpec(vocab_size=301, min_frequency=1), words).kind
    assert isinstance(kind, MosesBpe)
    for size in (1, 3, 11):
        kept = draw.sample(words, size)
        revision = kind.trim(kept)
        check_kept(kind, revision, kept)
        assert len(revision.kind.vocabulary) < 14 + 6 + 20 * size


@pytest.mark.parametrize("stage", ["trim", "extend"])
def test_transformers_and_the_files_give_the_same_ids(kind: MosesBpe, tmp_path: Path, stage: str) -> None:
    revised = kind.trim(SENTENCES[:7]) if stage == "trim" else kind.extend(kind.find_tokens(SENTENCES, 23, 1))
    tokenizer = Tokenizer(revised.kind)
    peer = peer_of(tokenizer, "xlm", tmp_path / "peer")
    assert len(peer) == tokenizer.vocab_size
    for text in (*SENTENCES[:7], "a <special1> b"):
        check_same(tokenizer, peer, text, None, None)
    tokenizer.save(tmp_path)
    read = read_folder(tmp_path)
    assert read.vocabulary == revised.kind.vocabulary
    assert id_lists(read, SENTENCES) == id_lists(revised.kind, SENTENCES)


def test_found_tokens_shorten_the_text_and_leave_other_text_alone(kind: MosesBpe) -> None:
    texts = list(SENTENCES[:2]) * 3
    found = kind.find_tokens(texts, 13, 2)
    revision = kind.extend(found)
    assert len(revision.added) == 13
    assert list(revision.kind.vocabulary)[: len(kind.vocabulary)] == list(kind.vocabulary)
    lengths = [sum(map(len, k.encode_batch(texts))) for k in (kind, revision.kind)]
    assert lengths[1] <= lengths[0] - 13 * 2
    for before, after in zip(id_lists(kind, SENTENCES), id_lists(revision.kind, SENTENCES), strict=True):
        taken_apart = [old for index in after for old in revision.sources[index]]
        assert taken_apart == before or set(after) & set(revision.added)
    for new in found:
        index = revision.kind.vocabulary[new.token]
        assert revision.sources[index] == tuple(kind.vocabulary[piece] for piece in new.pieces)


def test_a_listed_word_is_one_token(kind: MosesBpe) -> None:
    new = kind.make_tokens("pneumonoultra")
    revision = kind.extend(new)
    ids = id_lists(revision.kind, ["the Pneumonoultra rights"])[0]
    assert revision.kind.vocabulary["pneumonoultra</w>"] in ids
    assert revision.kind.decode(ids) == "the pneumonoultra rights"
    assert len(revision.added) == len(new[-1].pieces) - 1


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("two words", "'two words' is 2 words to this tokenizer; list single words"),
        ("", "'' is 0 words to this tokenizer; list single words"),
        ("aʬb", "'aʬb' has characters that are no pieces; only known pieces can be joined"),
    ],
)
def test_words_that_become_no_token(kind: MosesBpe, word: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        kind.make_tokens(word)
    assert str(error.value) == expected


def test_what_is_a_token_already(kind: MosesBpe) -> None:
    token = next(token for token in kind.vocabulary if len(token) > 6 and token.endswith("</w>") and token.isascii())
    word = token.removesuffix("</w>")
    with pytest.raises(UserError) as error:
        kind.make_tokens(word)
    assert str(error.value) == f"{word!r} is one token already, {token!r}; leave it out"


def test_more_tokens_than_the_text_supports(kind: MosesBpe) -> None:
    with pytest.raises(UserError, match="num_tokens = 100003 is more than the text supports: "):
        kind.find_tokens(SENTENCES[:1], 100_003, 2)
