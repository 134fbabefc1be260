"""Vocabularies made smaller and larger: what is cut as before, and what changes."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, models
from tokenizers import Tokenizer as Backend

from encodery.errors import UserError
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.folder import read_folder
from encodery.text.kind import Kind
from encodery.text.library import LibraryKind
from encodery.text.revision import Revisable, Revision, rebuilt
from encodery.text.sentencepiece_model import SentencePieceModel
from encodery.text.stored import SPECIAL_TOKENS
from encodery.text.tokenizer import Tokenizer, TokenizerSpec, train_tokenizer
from encodery.text.unigram import Unigram, UnigramSpec, build_backend
from encodery.text.wordpiece import BERT_SPECIAL_TOKENS, WordPiece, WordPieceSpec
from encodery.text.wordpiece import build_backend as build_wordpiece
from tests.text.peers import check_same, peer_of
from tests.text.scripts import HARD, SENTENCES, TEXTS

SPECS: dict[str, TokenizerSpec] = {
    "bert": WordPieceSpec(vocab_size=809, min_frequency=1),
    "roberta": ByteBpeSpec(vocab_size=691, min_frequency=1),
    "roberta-without-prefix": ByteBpeSpec(vocab_size=691, min_frequency=1, add_prefix_space=False),
    "xlm-roberta": UnigramSpec(vocab_size=421, character_coverage=0.99),
}


@pytest.fixture(scope="module", params=list(SPECS))
def trained(request: pytest.FixtureRequest) -> tuple[str, LibraryKind]:
    """The `model_type` that `transformers` opens it with, and a kind over 15 languages."""
    kind = train_tokenizer(SPECS[request.param], SENTENCES).kind
    assert isinstance(kind, LibraryKind)
    return request.param.removesuffix("-without-prefix"), kind


def id_lists(kind: Kind, texts: Sequence[str]) -> list[list[int]]:
    return [ids.tolist() for ids in kind.encode_batch(texts)]


def same_tokens(before: LibraryKind, revision: Revision, texts: list[str]) -> bool:
    """Whether each text is cut into the tokens that it was cut into before, by string and by source."""
    after = Tokenizer(revision.kind)
    old = Tokenizer(before)
    for first, second in zip(id_lists(before, texts), id_lists(revision.kind, texts), strict=True):
        if [old.id_to_token(i) for i in first] != [after.id_to_token(i) for i in second]:
            return False
        if first != [revision.sources[i][0] for i in second]:
            return False
    return True


def test_the_kinds_can_be_revised(trained: tuple[str, LibraryKind]) -> None:
    assert isinstance(trained[1], Revisable)


@pytest.mark.parametrize("keep_characters", [True, False])
def test_text_that_was_kept_is_cut_as_before(trained: tuple[str, LibraryKind], keep_characters: bool) -> None:
    _, kind = trained
    texts = [*SENTENCES[:3], *HARD]
    revision = kind.trim(iter(texts), keep_characters)
    assert same_tokens(kind, revision, texts)
    assert len(revision.sources) == len(revision.kind.vocabulary) < len(kind.vocabulary)
    assert not revision.added


@settings(max_examples=150)
@given(texts=st.lists(TEXTS, max_size=4), keep_characters=st.booleans())
def test_any_text_that_was_kept_is_cut_as_before(
    trained: tuple[str, LibraryKind], texts: list[str], keep_characters: bool
) -> None:
    _, kind = trained
    assert same_tokens(kind, kind.trim(texts, keep_characters), texts)


def test_offsets_and_pairs_are_as_before(trained: tuple[str, LibraryKind]) -> None:
    _, kind = trained
    trimmed = Tokenizer(kind.trim(SENTENCES[:4]).kind)
    before, after = (tokenizer.encode(*SENTENCES[:2]) for tokenizer in (Tokenizer(kind), trimmed))
    assert before.offsets == after.offsets
    assert before.sequence_ids == after.sequence_ids
    assert before.token_type_ids == after.token_type_ids


def test_special_tokens_stay_in_their_order(trained: tuple[str, LibraryKind]) -> None:
    _, kind = trained
    trimmed = kind.trim([], keep_characters=False).kind
    assert dict(trimmed.special_tokens) == kind.special_tokens
    specials = [
        [t for t in sorted(k.vocabulary, key=k.vocabulary.__getitem__) if t in k.special_tokens.values()]
        for k in (kind, trimmed)
    ]
    assert specials[0] == specials[1]
    assert len(trimmed.special_ids) == 5
    assert len(trimmed.vocabulary) <= 5 + 256 + 1  # bytes; unigram: the piece with the lowest score


def test_other_text_is_not_unknown_if_characters_are_kept(trained: tuple[str, LibraryKind]) -> None:
    _, kind = trained
    trimmed = kind.trim(SENTENCES[:1]).kind
    unknown = [
        [ids.count(k.vocabulary[k.special_tokens["unk_token"]]) for ids in id_lists(k, SENTENCES)]
        for k in (kind, trimmed)
    ]
    assert unknown[0] == unknown[1]


@pytest.mark.parametrize("stage", ["trim", "extend"])
def test_transformers_gives_the_same_ids(trained: tuple[str, LibraryKind], tmp_path: Path, stage: str) -> None:
    model_type, kind = trained
    revised = kind.trim(SENTENCES[:7]) if stage == "trim" else kind.extend(kind.find_tokens(SENTENCES, 23, 1))
    tokenizer = Tokenizer(revised.kind)
    peer = peer_of(tokenizer, model_type, tmp_path)
    assert len(peer) == tokenizer.vocab_size
    assert peer.mask_token_id == tokenizer.mask_token_id
    for text in (*SENTENCES, *HARD, "<mask> a [MASK] b"):
        check_same(tokenizer, peer, text, None, None)
        check_same(tokenizer, peer, text, "a pair of texts", 13)


@pytest.mark.parametrize("stage", ["trim", "extend"])
def test_the_files_of_the_original_hold_the_same(
    trained: tuple[str, LibraryKind], tmp_path: Path, stage: str
) -> None:
    _, kind = trained
    revised = kind.trim(SENTENCES[:7]) if stage == "trim" else kind.extend(kind.find_tokens(SENTENCES, 23, 1))
    Tokenizer(revised.kind).save(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    read = read_folder(tmp_path)
    assert read.vocabulary == revised.kind.vocabulary
    assert id_lists(read, SENTENCES) == id_lists(revised.kind, SENTENCES)


def test_found_tokens_shorten_the_text(trained: tuple[str, LibraryKind]) -> None:
    _, kind = trained
    texts = list(SENTENCES[:2]) * 3
    found = kind.find_tokens(texts, 13, 2)
    revision = kind.extend(found)
    assert len(revision.added) == 13
    assert len(revision.kind.vocabulary) == len(kind.vocabulary) + 13
    lengths = [sum(map(len, k.encode_batch(texts))) for k in (kind, revision.kind)]
    assert lengths[1] <= lengths[0] - 13 * 3
    tokens = Tokenizer(revision.kind)
    for new in found:
        index = revision.kind.vocabulary[new.token]
        assert [Tokenizer(kind).id_to_token(i) for i in revision.sources[index]] == list(new.pieces)
    used = set().union(*id_lists(revision.kind, texts))
    assert len(used & set(revision.added)) > 6
    assert tokens.decode(tokens.encode_batch([texts[0]])[0].tolist()) == Tokenizer(kind).decode(
        Tokenizer(kind).encode_batch([texts[0]])[0].tolist()
    )


def test_finding_is_a_function_of_the_text(trained: tuple[str, LibraryKind]) -> None:
    _, kind = trained
    assert kind.find_tokens(SENTENCES, 17, 1) == kind.find_tokens(iter(SENTENCES), 17, 1)


def test_text_without_the_new_tokens_is_cut_as_before(trained: tuple[str, LibraryKind]) -> None:
    _, kind = trained
    revision = kind.extend(kind.find_tokens([SENTENCES[0]] * 2, 11, 1))
    new_ids = revision.new_ids
    assert len(new_ids) == len(kind.vocabulary)
    for text in SENTENCES[2:]:  # other languages: no new English token occurs, or only as a part of a word
        before, after = id_lists(kind, [text])[0], id_lists(revision.kind, [text])[0]
        if not set(after) & set(revision.added):
            assert [new_ids[index] for index in before] == after


def test_a_listed_word_is_one_token(trained: tuple[str, LibraryKind]) -> None:
    _, kind = trained
    new = kind.make_tokens("pneumonoultra")
    revision = kind.extend(new)
    tokenizer = Tokenizer(revision.kind)
    tokens = [tokenizer.id_to_token(i) for i in tokenizer.encode_batch(["the pneumonoultra rights"])[0].tolist()]
    assert new[-1].token in tokens
    assert tokenizer.decode(tokenizer.encode_batch(["the pneumonoultra rights"])[0].tolist()).strip() == (
        "the pneumonoultra rights"
    )
    assert new[-1].pieces == kind.pieces_of(next(iter(kind.count_words([" pneumonoultra"]))))
    assert len(revision.added) == (len(new[-1].pieces) - 1 if "Ġ" in kind.vocabulary else 1)  # merges take two


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("two words", "'two words' is 2 words to this tokenizer; list single words"),
        ("", "'' is 0 words to this tokenizer; list single words"),
    ],
)
def test_what_is_no_word(trained: tuple[str, LibraryKind], word: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        trained[1].make_tokens(word)
    if word or not isinstance(trained[1], LibraryKind) or "Ġ" not in trained[1].vocabulary:
        assert str(error.value) == expected


def test_what_is_a_token_already(trained: tuple[str, LibraryKind]) -> None:
    _, kind = trained
    token = next(
        t
        for word in kind.count_words(SENTENCES)
        if len(t := "".join(kind.pieces_of(word))) > 1 and kind.pieces_of(word) == (t,) and t[-1].isascii()
    )
    word = token.lstrip("▁Ġ")
    with pytest.raises(UserError) as error:
        kind.make_tokens(word)
    assert str(error.value) == f"{word!r} is one token already, {token!r}; leave it out"


def test_more_tokens_than_the_text_supports(trained: tuple[str, LibraryKind]) -> None:
    with pytest.raises(UserError) as error:
        trained[1].find_tokens(SENTENCES[:1], 100_003, 2)
    message = str(error.value)
    assert message.startswith("num_tokens = 100003 is more than the text supports: ")
    assert message.endswith(" new tokens occur at least min_frequency = 2 times; lower num_tokens or add text")


def test_added_tokens_of_a_folder_stay_and_keep_their_place(trained: tuple[str, LibraryKind]) -> None:
    _, kind = trained
    backend = Backend.from_str(kind.backend.to_str())
    backend.add_tokens([AddedToken("kwyjibo", normalized=False), AddedToken("[CITE]", special=True)])
    grown = type(kind)(backend, kind.special_tokens)
    texts = ["the kwyjibo [CITE] rights", SENTENCES[0]]
    for revision in (grown.trim(texts), grown.extend(grown.find_tokens(SENTENCES, 5, 1))):
        names = sorted(revision.kind.vocabulary, key=revision.kind.vocabulary.__getitem__)
        assert names[-2:] == ["kwyjibo", "[CITE]"]
        assert sorted(revision.kind.vocabulary.values()) == list(range(len(names)))
    assert same_tokens(grown, grown.trim(texts, keep_characters=False), texts)
    assert "kwyjibo" in grown.trim([""]).kind.vocabulary


def wordpiece(*tokens: str) -> WordPiece:
    names = list(BERT_SPECIAL_TOKENS.values())
    return WordPiece(build_wordpiece([*names, *tokens], names, True, None, True), BERT_SPECIAL_TOKENS)


def test_a_word_that_was_unknown_stays_unknown() -> None:
    """Greedy: `abc` is taken, then `##d` is missing. Without `abc` the model would find `a ##bcd`."""
    kind = wordpiece("a", "abc", "##bcd", "x", "xy")
    texts = ["abcd", "a", "xyz", "a##bcd x"]
    revision = kind.trim(["abcd", "a", "##bcd"], keep_characters=False)
    assert "abc" in revision.kind.vocabulary
    assert "xy" not in revision.kind.vocabulary
    assert same_tokens(kind, revision, texts[:2])
    assert id_lists(kind, ["abcd"]) == [[1]]


def unigram(**scores: float) -> Unigram:
    model = SentencePieceModel(tuple(scores.items()), b"")
    return Unigram(build_backend(model, SPECIAL_TOKENS), SPECIAL_TOKENS)


def test_what_an_unknown_character_costs_stays_the_same() -> None:
    """It costs 10 more than the lowest score: without that piece, `?` for the unknown `b` would beat `abc`."""
    kind = unigram(**{"▁": -1.0, "a": -1.0, "c": -1.0, "abc": -15.0, "z": -20.0})
    revision = kind.trim(["abc"], keep_characters=False)
    assert "z" in revision.kind.vocabulary
    assert same_tokens(kind, revision, ["abc"])


def test_a_new_piece_stands_where_its_pieces_stood_and_nowhere_else() -> None:
    kind = unigram(**{"▁": -2.0, "a": -3.0, "b": -4.0, "c": -5.0, "ca": -7.5, "ab": -6.0})
    revision = kind.extend(kind.make_tokens("abc"))
    scores = dict(json.loads(revision.kind.backend.to_str())["model"]["vocab"])  # type: ignore[attr-defined]
    assert scores["▁abc"] == pytest.approx(-2 - 6 - 5 + 2 * 2**-7)
    for text in ("ab", "cab", "abab", "ca", "c"):
        before, after = (Tokenizer(k).encode_batch([text])[0].tolist() for k in (kind, revision.kind))
        assert [revision.new_ids[index] for index in before] == after
    assert Tokenizer(revision.kind).encode_batch(["abc c"])[0].tolist()[0] == revision.added.start


def test_a_unigram_token_of_unknown_characters_is_refused() -> None:
    with pytest.raises(UserError) as error:
        unigram(**{"▁": -2.0, "a": -3.0}).make_tokens("aqa")
    assert str(error.value) == "'aqa' has characters that are no pieces; only known pieces can be joined"


def test_merges_on_the_way_are_kept() -> None:
    """Random vocabularies: what is not on the way to a kept token goes, and nothing else changes."""
    draw = random.Random(3)
    words = ["".join(draw.choices("abc", k=draw.randint(1, 9))) for _ in range(2003)]
    kind = train_tokenizer(ByteBpeSpec(vocab_size=401, min_frequency=1), words).kind
    assert isinstance(kind, LibraryKind)
    for size in (1, 3, 11):
        kept = draw.sample(words, size)
        revision = kind.trim(kept)
        assert same_tokens(kind, revision, kept)
        assert len(revision.kind.vocabulary) < 5 + 256 + 20 * size


def test_a_template_is_renumbered() -> None:
    kind = train_tokenizer(ByteBpeSpec(vocab_size=271, min_frequency=1), ["abab cdcd efef ghgh ijij"]).kind
    assert isinstance(kind, LibraryKind)
    tokens = sorted(kind.vocabulary, key=kind.vocabulary.__getitem__)
    moved = type(kind)(rebuilt(kind.backend, [*tokens[3:], *tokens[:3]]), kind.special_tokens)
    assert moved.layout.single[0][0] == moved.vocabulary["<s>"] == len(tokens) - 3
    assert moved.layout.pair[-1][0] == moved.vocabulary["</s>"] == len(tokens) - 1
    assert isinstance(moved.backend.model, models.BPE)
