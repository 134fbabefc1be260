"""Which sequences are computed in one batch."""

from collections.abc import Sequence

from encodery import batch as packed


def group_by_length(sequences: Sequence[packed.Sequence], max_tokens: int, mixed: bool = False) -> list[list[int]]:
    """Indices in groups of similar length, each at most `max_tokens` tokens (at least one sequence). With `mixed` in
    the order in which they come: an engine that fills calls with sequences leaves less room empty if they differ.

    Texts with a language and texts without one, which get no vector, are never in one group.
    """
    keys = [(sequence.language_ids is None, sequence.num_tokens) for sequence in sequences]
    groups: list[list[int]] = []
    total = 0
    for index in sorted(range(len(sequences)), key=lambda index: keys[index][: 1 if mixed else 2]):
        plain, length = keys[index]
        if not groups or total + length > max_tokens or plain != keys[groups[-1][0]][0]:
            groups.append([])
            total = 0
        groups[-1].append(index)
        total += length
    return groups
