"""CCNet's rules, word for word and slowly: what the vectorised ones are compared with.

Written after facebookresearch/cc_net at its last commit: `text_normalizer.normalize_for_dedup`, in `dedup`
`compute_hashes`, `HashesCollector`, `DuplicatesRemover`, `finalize_doc`; `flat_hash_set.AbstractDedupHashSet`.
"""

import hashlib
import re

import numpy as np

PUNCTUATION = "，。、„”“«»１」「《》´∶：？！（）；–—．～’…━〈〉【】％►"
_DIGIT = re.compile(r"\d")
_TAKEN_OUT = re.compile(f"[{PUNCTUATION}{''.join(map(chr, [*range(32), *range(127, 160)]))}]")


def normal_form(line: str) -> str:
    line = line.strip()
    line = line.lower()
    line = _DIGIT.sub("0", line)
    return _TAKEN_OUT.sub("", line)


def line_hash(line: str) -> int:
    digest = hashlib.sha1(normal_form(line).encode()).digest()
    return int(np.frombuffer(digest[:8], np.uint64)[0])


def left_by_two_passes(documents: list[list[str]]) -> list[list[str]]:
    """`deduplicate_two_pass`, "what is done in the paper": the first pass collects, the second removes every copy."""
    flags: dict[int, bool] = {}
    for lines in documents:
        # `add` looks all lines of a document up before it sets any of them.
        known = {line_hash(line): line_hash(line) in flags for line in lines}
        flags.update(known)
    return [_finalized(lines, [flags[line_hash(line)] for line in lines]) for lines in documents]


def left_by_one_pass(documents: list[list[str]]) -> list[list[str]]:
    """`deduplicate`: a line goes if a document before has it."""
    seen: set[int] = set()
    left = []
    for lines in documents:
        left.append(_finalized(lines, [line_hash(line) in seen for line in lines]))
        seen.update(line_hash(line) for line in lines)
    return left


def _finalized(lines: list[str], flagged: list[bool]) -> list[str]:
    kept, seen = [], set()
    for line, goes in zip(lines, flagged, strict=True):
        h = 0 if goes else line_hash(line)
        if h not in seen and h != 0:
            kept.append(line)
        seen.add(h)
    return kept
