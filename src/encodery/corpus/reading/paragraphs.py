"""The form that the text of every page has: a paragraph a line, none of them blank."""


def paragraphs(text: str) -> str:
    """`text` with its lines stripped and without its blank lines; ends of lines of every kind are one "\\n"."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join([stripped for line in text.split("\n") if (stripped := line.strip())])
