"""Token ids of two languages as one sequence for a model with a decoder."""

from collections.abc import Sequence as Many

from encodery.batch import IGNORE_INDEX, Sequence


def source_sequence(input_ids: Many[int], token_type_ids: Many[int], language_id: int | None = None) -> Sequence:
    """What the encoder reads: ids with the special tokens around them, all in one language."""
    return Sequence(input_ids, token_type_ids, language_ids=_spoken(language_id, len(input_ids)))


def target_sequence(
    source: Sequence, start_token_id: int, language_id: int | None = None, labelled: bool = False
) -> Sequence:
    """What the decoder reads where the translation is to be found: the token that it starts with. One that stands
    beside `taught_sequence` in a batch is `labelled`, and nothing of it is scored."""
    token_labels = [IGNORE_INDEX] if labelled else None
    spoken = _spoken(language_id, 1)
    return Sequence([start_token_id], [0], language_ids=spoken, token_labels=token_labels, source=source)


def taught_sequence(
    source: Sequence, translation: Many[int], start_token_id: int, end_token_id: int, language_id: int | None = None
) -> Sequence:
    """What the decoder reads where the translation is to be learned: it, behind the token that it starts with. Each
    token's label is the one that follows, the last one's the token that ends a translation."""
    input_ids = [start_token_id, *translation]
    return Sequence(
        input_ids,
        [0] * len(input_ids),
        language_ids=_spoken(language_id, len(input_ids)),
        token_labels=[*translation, end_token_id],
        source=source,
    )


def _spoken(language_id: int | None, length: int) -> list[int] | None:
    return None if language_id is None else [language_id] * length
