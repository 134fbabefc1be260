"""One vocabulary's tokens in another: what lets a model read text that was cut for a model with fewer tokens."""

from encodery.errors import UserError
from encodery.text.revision import Revision
from encodery.text.tokenizer import Tokenizer

ROLES = ("pad_token_id", "unk_token_id", "cls_token_id", "sep_token_id", "mask_token_id")
_NAMED = 5


def within(student: Tokenizer, teacher: Tokenizer, key: str, allowed: str) -> Revision:
    """The teacher's vocabulary cut down to the student's, in the student's order: each token is the one that is
    written alike, and special ones are found by what they are for, however they are written.

    Raises:
        UserError: some of the student's tokens are not the teacher's, or the two are of different kinds; begins with
            `key`, a setting of the recipe, and ends with what is `allowed`.
    """
    kinds = [type(tokenizer.kind).__name__ for tokenizer in (student, teacher)]
    if kinds[0] != kinds[1]:
        raise UserError(
            f"{key}: the student's tokenizer is a {kinds[0]}, the teacher's a {kinds[1]}, so that no id of the one "
            f"means an id of the other; both must be of one kind: {allowed}"
        )
    roles = {getattr(student, role): getattr(teacher, role) for role in ROLES}
    found = [roles.get(index, teacher.token_to_id(student.id_to_token(index))) for index in range(student.vocab_size)]
    lacking = [student.id_to_token(index) for index, source in enumerate(found) if source is None]
    if lacking:
        shown = ", ".join(map(repr, lacking[:_NAMED])) + (", ..." if len(lacking) > _NAMED else "")
        raise UserError(
            f"{key}: {len(lacking):,} of the student's {student.vocab_size:,} tokens are none of the teacher's "
            f"{teacher.vocab_size:,} ({shown:.80}); every token must be one of the teacher's: {allowed}"
        )
    return Revision(student.kind, tuple((source,) for source in found if source is not None))


def same_ids(student: Tokenizer, teacher: Tokenizer) -> bool:
    """Whether every id means the same to both, and there are as many."""
    return student.kind.vocabulary == teacher.kind.vocabulary and all(
        getattr(student, role) == getattr(teacher, role) for role in ROLES
    )
