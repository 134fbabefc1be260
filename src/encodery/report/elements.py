"""HTML elements around text that is nobody's markup: what a page shows is escaped here."""

import re
from html import escape


def element(name: str, text: str, **attributes: str) -> str:
    """An element around text."""
    return wrapped(name, clean(text), **attributes)


def wrapped(name: str, markup: str, **attributes: str) -> str:
    """An element around markup that this package made."""
    written = "".join(f' {key}="{clean(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{markup}</{name}>"


def clean(text: str) -> str:
    """Text as HTML can hold it, between tags and in an attribute."""
    return escape(re.sub("[\x00\ud800-\udfff]", "\ufffd", text))
