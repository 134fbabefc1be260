"""Which tokenizers and words are independent: each rule with a text in which breaking it would show."""

import pytest
import tokenizers
from tokenizers import AddedToken, models, normalizers, pre_tokenizers

from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.independence import Independence, independence_of
from encodery.text.library import LibraryKind
from encodery.text.tokenizer import Tokenizer, TokenizerSpec, train_tokenizer
from encodery.text.unigram import UnigramSpec
from encodery.text.wordpiece import WordPieceSpec
from tests.text.scripts import SENTENCES


def backend_of(spec: TokenizerSpec) -> tokenizers.Tokenizer:
    kind = train_tokenizer(spec, SENTENCES).kind
    assert isinstance(kind, LibraryKind)
    return kind.backend


def wordpiece() -> tokenizers.Tokenizer:
    return backend_of(WordPieceSpec(vocab_size=809, min_frequency=1))


def byte_bpe() -> tokenizers.Tokenizer:
    return backend_of(ByteBpeSpec(vocab_size=691, min_frequency=1))


def unigram() -> tokenizers.Tokenizer:
    return backend_of(UnigramSpec(vocab_size=421, character_coverage=0.99))


def rules(backend: tokenizers.Tokenizer) -> Independence:
    found = independence_of(backend)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("build", "space_belongs_to_word", "newline_is_space", "clusters"),
    [(wordpiece, False, True, False), (byte_bpe, True, False, False), (unigram, False, True, True)],
)
def test_the_three_kinds(build: object, space_belongs_to_word: bool, newline_is_space: bool, clusters: bool) -> None:
    assert callable(build)
    found = rules(build())
    assert found.space_belongs_to_word is space_belongs_to_word
    assert found.newline_is_space is newline_is_space
    assert found.clusters is clusters


@pytest.mark.parametrize("word", ["the", "don't", "d’État", "漢字", "\u0301a", "😀", "e\u0301", "x" * 48])
def test_words_of_wordpiece_that_hold(word: str) -> None:
    assert rules(wordpiece()).holds(word)


@pytest.mark.parametrize("word", ["[MASK]", "a[CLS]b", "x" * 49])
def test_words_of_no_kind_that_hold(word: str) -> None:
    assert not rules(wordpiece()).holds(word)


@pytest.mark.parametrize("word", ["", "\n", "a\n", "\ta", "a\u2009", "<mask>", "a<s>"])
def test_words_of_byte_bpe_that_depend_on_others(word: str) -> None:
    assert not rules(byte_bpe()).holds(word)


@pytest.mark.parametrize("word", ["a\nb", "\u0301a", "the", "é"])
def test_words_of_byte_bpe_that_hold(word: str) -> None:
    assert rules(byte_bpe()).holds(word)


@pytest.mark.parametrize("word", ["\u0301a", "a\u0600", "\u200da", "ﾞ", "\U0001f3fd", "a\r", "\x00", "a\u00a0"])
def test_words_of_unigram_that_depend_on_others(word: str) -> None:
    assert not rules(unigram()).holds(word)


@pytest.mark.parametrize("word", ["", "the", "है", "“¿d’État…”", "ｶﾞ", "½", "漢字"])
def test_words_of_unigram_that_hold(word: str) -> None:
    assert rules(unigram()).holds(word)


def test_a_mark_behind_a_space_is_not_what_it_is_alone() -> None:
    """The trap: the compiled normaliser takes the space and its mark together."""
    normalize = rules(unigram()).normalize
    assert normalize("\u00a0\u0301") != normalize("\u00a0") + normalize("\u0301")


@pytest.mark.parametrize(
    ("build", "token"),
    [
        (wordpiece, AddedToken("of the")),
        (wordpiece, AddedToken("  ")),
        (wordpiece, AddedToken("the\nright")),
        (wordpiece, AddedToken("漢字", normalized=True)),  # the normaliser sets spaces around each
        (byte_bpe, AddedToken("a b")),
        (byte_bpe, AddedToken(" ")),
    ],
)
def test_added_tokens_that_reach_over_spaces(build: object, token: AddedToken) -> None:
    assert callable(build)
    backend = build()
    backend.add_tokens([token])
    assert independence_of(backend) is None


def test_runs_of_spaces_may_be_tokens_of_byte_bpe() -> None:
    backend = byte_bpe()
    backend.add_tokens(["   "])
    assert not rules(backend).holds("")


def test_added_tokens_are_found_in_the_normal_form() -> None:
    backend = wordpiece()
    backend.add_tokens([AddedToken("rights", normalized=True, lstrip=True)])
    found = rules(backend)
    assert not found.holds("RIGHTS")
    assert not found.holds("Rïghts!")
    assert found.holds("right")


def bare(**parts: object) -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    for name, part in parts.items():
        setattr(backend, name, part)
    return backend


@pytest.mark.parametrize(
    "backend",
    [
        bare(),
        bare(pre_tokenizer=pre_tokenizers.Whitespace()),
        bare(pre_tokenizer=pre_tokenizers.Metaspace()),
        bare(pre_tokenizer=pre_tokenizers.ByteLevel(use_regex=False)),
        bare(pre_tokenizer=pre_tokenizers.BertPreTokenizer(), normalizer=normalizers.Replace("a b", "c")),
        bare(
            pre_tokenizer=pre_tokenizers.Sequence(
                [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first")]
            )
        ),
    ],
)
def test_other_tokenizers_are_not_known_to_be_independent(backend: tokenizers.Tokenizer) -> None:
    assert independence_of(backend) is None


def test_a_model_that_draws_lots_remembers_nothing() -> None:
    backend = byte_bpe()
    backend.model.dropout = 0.1
    assert independence_of(backend) is None


def test_without_independence_the_library_tells_all() -> None:
    kind = train_tokenizer(WordPieceSpec(vocab_size=809, min_frequency=1), SENTENCES).kind
    assert isinstance(kind, LibraryKind)
    kind.backend.add_tokens(["of the"])
    tokenizer = Tokenizer(type(kind)(kind.backend, kind.special_tokens))
    (want,) = (kind.backend.encode("of the of the", add_special_tokens=False).ids,)
    assert want == [809, 809]
    assert tokenizer.encode_batch(["of the of the"])[0].tolist() == want
    assert tokenizer.encode("of the of the").input_ids[1:-1] == want
