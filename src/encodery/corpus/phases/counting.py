"""How many languages a corpus may have: each is a folder with a file, and a line in all reports."""

from collections.abc import Set

from encodery.errors import UserError

MAX_LANGUAGES = 10_000
"""ISO 639-3 has 7,900."""
_SHOWN = 5


def check_number(languages: Set[str]) -> None:
    """See whether these may be languages.

    Raises:
        UserError: they are too many; what was taken for languages are other values.
    """
    if len(languages) > MAX_LANGUAGES:
        named = ", ".join(sorted(filter(None, languages))[:_SHOWN])
        raise UserError(
            f"corpus: more than {MAX_LANGUAGES:,} languages ({named}, ...); corpus.inputs.language_field must name a "
            "field of language codes; name another, or leave it out to have languages identified"
        )
