"""Many texts, a block at a time: what is computed over all characters of a block then stays in a core's cache."""

from collections.abc import Iterator, Sequence

CHARACTERS = 1 << 17


def blocks(texts: Sequence[str], characters: int = CHARACTERS) -> Iterator[Sequence[str]]:
    """The texts, in order, in runs of about so many characters; a longer text is a block by itself."""
    first = size = 0
    for place, text in enumerate(texts):
        if size and size + len(text) > characters:
            yield texts[first:place]
            first, size = place, 0
        size += len(text) + 1
    if first < len(texts):
        yield texts[first:]
