"""When a run that learns to translate is stuck, and what to try: XLM's users know these ends by the name "BLEU stays
at 0"."""

from collections.abc import Mapping, Sequence
from typing import Any

from encodery.recipe.monolingual import ROUND_TRIP
from encodery.stages.by_direction import SEPARATOR

LOOK_EVERY = 500
"""Steps between evaluations, at most, where the recipe does not say it: a long run is not to be stuck for a tenth of
its length before anybody looks."""
MOST = 0.5
"""Of the outputs, or of their words: if as much is wrong, nothing is learned from it."""
LEAST_BLEU = 1.0

Evaluation = Mapping[str, Any]
_ADVICE = {
    "empty": (
        "of the outputs are empty",
        "lower optimizer.lr or raise its warmup_steps",
        "let denoise weigh more at first, so that the decoder learns each language before it translates",
    ),
    "repeated": (
        "of the outputs are the same, or one word again and again",
        "pretrain longer (the decoder begins with those weights), or lower optimizer.lr",
        "let denoise weigh more at first",
    ),
    "copied": (
        "of the output words are copied from the source, beyond those that both languages have",
        "learn one vocabulary over both languages, and start from a model pretrained on both with vectors of "
        "languages",
        "raise monolingual.noise.word_drop and word_blank (without noise denoising is copying), lower denoise early "
        "([[0, 1.0], [STEP, 0.0]]), or give some pairs in train",
    ),
}
"""Of each fact what was seen, what to try, and what else where text is learned from without pairs."""
_LOW = (
    "look whether the lines of train belong to each other, pretrain longer, or lower optimizer.lr or raise its "
    "warmup_steps",
    "pretrain longer on text of one kind in both languages, learn one vocabulary over both, give some pairs in "
    "train, or lower optimizer.lr",
)
"""What to try where BLEU stays low, with pairs and without."""


def why_stuck(
    evaluations: Sequence[Evaluation], name: str, patience: int, after: int = 0, monolingual: bool = True
) -> str | None:
    """Why there is no use in going on, by the last `patience` evaluations; None if there is, or there are fewer since
    step `after`. Each direction is judged by itself."""
    last = [each for each in evaluations if each["step"] >= after][-patience:]
    if len(last) < patience:
        return None
    if (found := _wrong_outputs(last, monolingual) or _low_bleu(last, monolingual)) is None:
        return None
    seen, advice = found
    return (
        f"{name} is stuck: {seen}; try: {advice}; to go on all the same run the same command, which looks again at "
        f"its next evaluation, or with a larger {name}.stuck.patience"
    )


def _wrong_outputs(last: Sequence[Evaluation], monolingual: bool) -> tuple[str, str] | None:
    for fact, (what, advice, more) in _ADVICE.items():
        for key, direction in _directions(last[-1], fact):
            least = min(float(each.get(key) or 0.0) for each in last)
            if least >= MOST:
                seen = f"in {len(last)} evaluations in a row, {least:.0%} or more {what} ({direction})"
                return seen, f"{advice}; {more}" if monolingual else advice
    return None


def _low_bleu(last: Sequence[Evaluation], monolingual: bool) -> tuple[str, str] | None:
    """By pairs where a direction has some, else by text that goes there and back."""
    keys = {direction: (key, ROUND_TRIP) for key, direction in _directions(last[-1], ROUND_TRIP)}
    keys |= {direction: (key, "bleu") for key, direction in _directions(last[-1], "bleu")}
    for direction, (key, metric) in keys.items():
        scores = [float(each.get(key) or 0.0) for each in last]
        if max(scores) < LEAST_BLEU:
            shown = ", ".join(f"{score:.2f}" for score in scores)
            seen = f"{metric} was below {LEAST_BLEU:.0f} in {len(last)} evaluations in a row ({direction}: {shown})"
            return seen, _LOW[monolingual]
    return None


def _directions(evaluation: Evaluation, name: str) -> list[tuple[str, str]]:
    """The keys of a fact, each with its direction."""
    start = f"{name}{SEPARATOR}"
    return [(key, key.removeprefix(start)) for key in evaluation if key.startswith(start)]
