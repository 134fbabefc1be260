"""A vocabulary within another: which id is which, and what is said where there is no such thing."""

import pytest

from encodery.errors import UserError
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.shared import same_ids, within
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from encodery.text.wordpiece import BERT_SPECIAL_TOKENS, WordPiece, build_backend


def tokenizer(*tokens: str, **names: str) -> Tokenizer:
    special = {**BERT_SPECIAL_TOKENS, **names}
    backend = build_backend([*special.values(), *tokens], [*special.values()], True, None, True)
    return Tokenizer(WordPiece(backend, special))


ALLOWED = "take the teacher's"
TEACHER = tokenizer("a", "b", "##b", "##c", "d")


def test_each_token_is_the_one_that_is_written_alike() -> None:
    student = tokenizer("d", "##b", "a")
    found = within(student, TEACHER, "distill.tokenizer", ALLOWED)
    assert found.kind is student.kind
    assert [TEACHER.id_to_token(ids[0]) for ids in found.sources[5:]] == ["d", "##b", "a"]
    assert found.sources[:5] == ((0,), (1,), (2,), (3,), (4,))
    assert not same_ids(student, TEACHER)
    assert same_ids(tokenizer("a", "b", "##b", "##c", "d"), TEACHER)


def test_special_tokens_are_found_by_what_they_are_for() -> None:
    student = tokenizer("b", mask_token="<hidden>", cls_token="<s>")
    sources = within(student, TEACHER, "distill.tokenizer", ALLOWED).sources
    assert sources[student.mask_token_id] == (TEACHER.mask_token_id,)
    assert sources[student.cls_token_id] == (TEACHER.cls_token_id,)
    assert sources[-1] == (TEACHER.token_to_id("b"),)


def test_tokens_that_the_teacher_lacks() -> None:
    student = tokenizer("a", *(f"new{number}" for number in range(7)))
    with pytest.raises(UserError) as error:
        within(student, TEACHER, "distill.tokenizer = 'x'", ALLOWED)
    assert str(error.value) == (
        "distill.tokenizer = 'x': 7 of the student's 13 tokens are none of the teacher's 10 ('new0', 'new1', 'new2', "
        "'new3', 'new4', ...); every token must be one of the teacher's: take the teacher's"
    )


def test_another_kind() -> None:
    student = train_tokenizer(ByteBpeSpec(type="byte-bpe", vocab_size=264), ["a b c " * 20])
    with pytest.raises(UserError) as error:
        within(student, TEACHER, "distill.tokenizer = 'x'", ALLOWED)
    assert str(error.value) == (
        "distill.tokenizer = 'x': the student's tokenizer is a ByteBpe, the teacher's a WordPiece, so that no id of "
        "the one means an id of the other; both must be of one kind: take the teacher's"
    )
