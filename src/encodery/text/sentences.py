"""Sentences by conservative rules: the units that next sentence prediction joins and tells apart.

A wrong split costs more than a missed one (half a sentence is no sentence), so doubtful points do not split.
"""

import re

# A run of marks; if a sentence may end there, also (group 1) what closes behind it and the white space. Chinese and
# Japanese (group 2) need none. Possessive, and a run is always consumed whole: linear in any text.
_MARKS = re.compile(
    r"""[.!?…।؟]++(["'”’»«›“)\]}]*+\s++(?=\S))?"""
    r"""|[。！？]++([」』”’）】》]*+\s*+(?=\S))?"""
)
# "U.S", "z.B", "e.g": the last dot belongs to the word
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_LONGEST_WORD = 32
_OPENING = " \"'“”„‘‚«»‹›([{¿¡-–—*"
# Languages share the list: a word that is an abbreviation in one is rarely the last of a sentence in another.
_ABBREVIATION_LIST = """
    mr mrs ms messrs dr prof rev hon gen col capt lt sgt maj adm cmdr gov sen rep pres st sr jr esq mt ft
    vs cf al ed eds vol vols chap ch fig figs no nos pp pg sec ca approx est dept univ inc ltd co corp bros
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat viz resp
    hr fr frl nr str bzw usw vgl evtl ggf bspw sog geb gest jh jhd inkl zzgl mio mrd tel abs art bd hrsg
    mme mlle mm me mgr av env
    sra srta dña ud uds pág núm tel avda
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_LIST.split())


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, in order, stripped and never empty; a line never shares a sentence with the next.

    Lossless: joined, they are the text but for white space.
    """
    return [sentence for line in text.splitlines() for sentence in _split_line(line)]


def _split_line(line: str) -> list[str]:
    sentences = []
    start = 0
    for match in _MARKS.finditer(line):
        if match[2] is not None or (match[1] is not None and _ends(line, start, match)):
            sentences.append(line[start : match.end()].strip())
            start = match.end()
    rest = line[start:].strip()
    if rest:
        sentences.append(rest)
    return sentences


def _ends(line: str, start: int, match: re.Match[str]) -> bool:
    """Whether marks followed by white space end the sentence that began at `start`."""
    if line[match.end() : match.end() + 4].lstrip(_OPENING)[:1].islower():
        return False
    if match.start(1) - match.start() > 1 or line[match.start()] != ".":
        return True
    before = line[max(start, match.start() - _LONGEST_WORD) : match.start()].split()
    word = before[-1].lstrip(_OPENING) if before else ""
    if len(word) == 1 and word.isalpha():
        return not (word.isupper() or word.islower())  # an initial, in scripts that have capitals
    if word.isdigit():
        return len(word) > 3  # "3. Oktober", "1. First" and page numbers; a year may end a sentence
    return word.lower() not in _ABBREVIATIONS and not _DOTTED.fullmatch(word)
