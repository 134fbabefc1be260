"""Plain paragraphs out of the markup of MediaWiki.

Our own, in one pass: mwparserfromhell and wikitextparser build a tree of all of it, at 1 MB/s and less, and what they
leave of links, tables and lists needs the same rules again. Templates are not run: what they would write is missing,
but for the few that only mark a text (`{{lang|fr|mot}}`).
"""

import html
import re

Namespaces = frozenset[str]
"""Names of namespaces in lower case."""

_MAX_DEPTH = 100
_DROPPED = "ref|gallery|timeline|math|chem|score|syntaxhighlight|source|templatestyles|imagemap|mapframe|graph|style"
_TOKENS = re.compile(
    r"[{}\[\]<|](?:(?<=\{)[{|]|(?<=\})\}|(?<=\|)\}(?!\})|(?<=\[)\[|(?<=\])\]"
    rf"|(?<=<)(?:(?P<open>{_DROPPED})\b[^<>]{{0,1000}}>|/(?P<close>{_DROPPED})\s*>))",
    re.I,
)
"""What opens and closes. All begins with one set of characters, by which the search passes over words quickly."""
_INDENT = 50
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_NOWIKI = re.compile(r"</?nowiki\s*/?>", re.I)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_BREAK = re.compile(r"<(?:br|hr|p|/p|/div|/li|/blockquote)\b[^<>]{0,200}>", re.I)
_EXTERNAL = re.compile(r"\[(?:https?:|ftp:|mailto:)?//?[^\s\]]{1,2000}(?:[ \t]+([^\[\]\n]{0,1000}))?\]")
_QUOTES = re.compile("'{2,5}")
_MAGIC = re.compile(r"__[A-Z]{3,40}__")
_VARIANT = re.compile(r"-\{([^{}\n]{0,500})\}-")
_HOLLOW = re.compile(r"[ \t]?[(（][\s,;:，；、]{0,20}[)）]")
_HEADING = re.compile(r"(={1,6})(.+?)\1\s*")
_LIST = re.compile(r"[*#:;]+\s*")
_SPACES = re.compile(r"[ \t\xa0]{2,}")
_MARKING = re.compile(r"\s*(?:lang|nowrap|nobr|lang-[a-z-]{2,12})\s*\|", re.I)
_INTERWIKI = re.compile(r"[a-z]{2,3}(?:-[a-z-]{2,12})?:")


def plain_text(markup: str, namespaces: Namespaces = frozenset()) -> str:
    """The paragraphs of an article, one a line; linear in its length, whatever it holds.

    Comments, references, templates, tables, pictures and categories are left out; of a link its words are kept; a
    heading stays if text follows it.

    Args:
        namespaces: those whose links are no text: files and categories in the wiki's own language.
    """
    text = _without_nested(_COMMENT.sub("", markup), namespaces)
    text = _BREAK.sub("\n", _NOWIKI.sub("", text))
    text = html.unescape(_TAG.sub("", text))
    text = _EXTERNAL.sub(lambda link: link[1] or "", _QUOTES.sub("", text))
    text = _HOLLOW.sub("", _VARIANT.sub(_first_variant, _MAGIC.sub("", text)))
    return "\n".join(_lines(text))


def _without_nested(text: str, namespaces: Namespaces) -> str:
    """What can lie in itself is taken out or replaced by its words. What has no end is left where it is."""
    out: list[str] = []
    open_: list[tuple[str, int]] = []
    at = 0
    for token in _TOKENS.finditer(text):
        out.append(text[at : token.start()])
        at = token.end()
        kind, is_end = _kind(token, text)
        if not is_end:
            if kind and len(open_) < _MAX_DEPTH:
                open_.append((kind, len(out)))
            continue
        index = next((index for index in reversed(range(len(open_))) if open_[index][0] == kind), None)
        if index is None:
            continue
        start = open_[index][1]
        out[start:] = [_replaced(kind, "".join(out[start:]), namespaces)]
        del open_[index:]
    out.append(text[at:])
    return "".join(out)


_MARKS = {"{{": ("{{", False), "}}": ("{{", True), "|}": ("{|", True), "[[": ("[[", False), "]]": ("[[", True)}


def _kind(token: re.Match[str], text: str) -> tuple[str, bool]:
    """What a token begins or ends, and whether it ends it; nothing for an element that is empty."""
    if (known := _MARKS.get(token[0])) is not None:
        return known
    if token["open"]:
        return ("" if token[0].endswith("/>") else token["open"].lower()), False
    if token["close"]:
        return token["close"].lower(), True
    before = text[max(token.start() - _INDENT, 0) : token.start()].rpartition("\n")[2]
    return "" if before.strip(" :") else "{|", False  # a table begins a line


def _replaced(kind: str, inside: str, namespaces: Namespaces) -> str:
    if kind == "[[":
        return _link(inside, namespaces)
    if kind == "{{" and _MARKING.match(inside):
        return inside.rpartition("|")[2]
    return ""


def _link(inside: str, namespaces: Namespaces) -> str:
    """The words of a link."""
    target, bar, label = inside.partition("|")
    space, colon, _ = target.partition(":")
    if colon and (space.strip().lower() in namespaces or (not bar and _INTERWIKI.match(target))):
        return ""
    return label if bar else target.lstrip(":")


def _first_variant(found: re.Match[str]) -> str:
    """One of the ways to write it that a wiki in several scripts offers."""
    inside = found[1].rpartition("|")[2]
    first = inside.partition(";")[0]
    return first.partition(":")[2] or first if ":" in first else inside


def _lines(text: str) -> list[str]:
    """Paragraphs, and the headings that have some."""
    lines: list[str] = []
    waiting: list[tuple[int, str]] = []
    for raw in text.split("\n"):
        line = _SPACES.sub(" ", raw).strip()
        if not line or line[0] in "|!" or line == "----":
            continue
        if heading := _HEADING.fullmatch(line):
            level = len(heading[1])
            waiting = [(above, title) for above, title in waiting if above < level]
            waiting.append((level, heading[2].strip()))
            continue
        if line := _LIST.sub("", line, count=1) if line[0] in "*#:;" else line:
            lines += [title for _, title in waiting]
            lines.append(line)
            waiting = []
    return lines
