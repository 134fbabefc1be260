"""Checks of words and their tags."""

from collections.abc import Iterator

from encodery.data.validation.check import Found, check
from encodery.data.validation.rows import Kind, Row
from encodery.data.validation.schemes import PREFIXES, orphans, unknown_tags
from encodery.data.validation.survey import Survey

TOKENS: tuple[Kind, ...] = ("token-classification",)


@check(
    "B001",
    "warning",
    what="a tag that continues an entity that has not begun (I- without B-), or an entity without its end",
    why="what is meant is anyone's guess: scorers differ in what they count here",
    fix="begin the entity with B- (--fix does, where tags are IOB2)",
    kinds=TOKENS,
)
def orphan_tag(row: Row, survey: Survey) -> Iterator[Found]:
    tags = row.tags or ()
    for index in orphans(tags, survey.scheme):
        before = repr(tags[index - 1])[:40] if index else "the beginning"
        yield Found(f"tags[{index}] = {tags[index]!r:.40} after {before}; tags are {survey.scheme}", row.token(index))


@check(
    "B002",
    "error",
    what="a tag that is none of the scheme's",
    why="it cannot be read as part of an entity",
    fix="write O, or a prefix of the scheme, a hyphen and the type: B-PER",
    kinds=TOKENS,
)
def unknown_tag(row: Row, survey: Survey) -> Iterator[Found]:
    tags = row.tags or ()
    for index in unknown_tags(tags, survey.scheme):
        allowed = ", ".join(f"{prefix}-" for prefix in PREFIXES[survey.scheme])
        hint = f"O and tags with {allowed}" if allowed else "any text but an empty one"
        yield Found(f"tags[{index}] = {tags[index]!r:.40}; {survey.scheme} has {hint}", row.token(index))


@check(
    "B003",
    "error",
    what="more or fewer tags than tokens",
    why="from some word on, every tag is another word's",
    fix="give every token its tag",
    kinds=TOKENS,
)
def lengths_differ(row: Row, survey: Survey) -> Iterator[Found]:
    if row.tokens is not None and row.tags is not None and len(row.tokens) != len(row.tags):
        place = row.token(min(len(row.tokens), len(row.tags)))
        yield Found(f"{len(row.tokens)} tokens and {len(row.tags)} tags", place)


@check(
    "B004",
    "error",
    what="an empty or blank token",
    why="the tokenizer makes nothing of it, so that its tag has no place",
    fix="remove the token and its tag",
    kinds=TOKENS,
)
def blank_token(row: Row, survey: Survey) -> Iterator[Found]:
    for index, token in enumerate(row.tokens or ()):
        if not token.strip():
            yield Found(f"tokens[{index}] = {token!r:.40}", row.token(index))
