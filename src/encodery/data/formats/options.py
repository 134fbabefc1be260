"""What a reader or writer of labelled files may be told beyond the format's name."""

from pydantic import Field

from encodery.config import Config
from encodery.data.formats.tags import TagScheme


class FormatOptions(Config):
    """Each option is found out from the file where it is not given."""

    tag_scheme: TagScheme | None = None
    """How tags spell entities in files of columns; read as IOB2 whatever it is, and written so."""
    token_column: int | None = Field(default=None, ge=1)
    """The column of words in files of columns, counted from 1."""
    tag_column: int | None = Field(default=None, ge=1)
    """The column of tags in files of columns, counted from 1; the last, and in CoNLL-U proper the fourth."""
    check_offsets: bool = True
    """Refuse entities outside their text, or whose stated text is not there; otherwise they are handed on."""
