"""Where special tokens stand, read off a tokenizer."""

from typing import Any

import pytest
from tokenizers import processors

from encodery.text.layout import FIRST, SECOND, Layout, plain_layout, read_layout
from encodery.text.tokenizer import Tokenizer
from encodery.text.wordpiece import BERT_SPECIAL_TOKENS, WordPiece, build_backend

SPECIALS = list(BERT_SPECIAL_TOKENS.values())
CLS, SEP = 2, 3
BERT = Layout(
    ((CLS, 0), (FIRST, 0), (SEP, 0)),
    ((CLS, 0), (FIRST, 0), (SEP, 0), (SECOND, 1), (SEP, 1)),
)


def wordpiece(processor: Any) -> WordPiece:
    backend = build_backend([*SPECIALS, "a", "b"], SPECIALS, True, None, True)
    backend.post_processor = processor
    return WordPiece(backend, BERT_SPECIAL_TOKENS)


def test_layouts_of_the_families(byte_bpe: Tokenizer, unigram: Tokenizer, moses_bpe: Tokenizer) -> None:
    backend = build_backend(SPECIALS, SPECIALS, True, None, True)
    assert read_layout(backend, "[MASK]") == BERT
    roberta = plain_layout((0, FIRST, 2), (0, FIRST, 2, 2, SECOND, 2))
    assert byte_bpe.kind.layout == unigram.kind.layout == roberta
    assert moses_bpe.kind.layout == plain_layout((0, FIRST, 1), (0, FIRST, 1, SECOND, 1))
    assert (BERT.added(False), BERT.added(True), roberta.added(False), roberta.added(True)) == (2, 3, 2, 4)


def test_a_folder_with_a_layout_of_its_own_keeps_it() -> None:
    own = processors.TemplateProcessing(
        single="[SEP] $A [CLS]",
        pair="[SEP] $B:1 [CLS] $A:0 [CLS]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    assert wordpiece(own).layout == BERT, "the second text before the first is no layout that we know"
    own = processors.TemplateProcessing(
        single="[SEP] $A [CLS]",
        pair="[SEP] $A [SEP] [SEP] $B:1 [CLS]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    tokenizer = Tokenizer(wordpiece(own))
    encoding = tokenizer.encode("a a", "b", max_length=6)
    assert encoding.input_ids == [SEP, 5, SEP, SEP, 6, CLS]
    assert encoding.token_type_ids == [0, 0, 0, 0, 1, 1]
    assert encoding.sequence_ids == [None, 0, None, None, 1, None]
    assert encoding.truncated
    assert (tokenizer.cls_token_id, tokenizer.sep_token_id) == (SEP, CLS)


@pytest.mark.parametrize("single", ["$A", "[CLS] $A", "$A [SEP]"])
def test_a_folder_that_adds_too_little_has_the_layout_of_the_original(single: str) -> None:
    processor = processors.TemplateProcessing(
        single=single, pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    assert wordpiece(processor).layout == BERT
