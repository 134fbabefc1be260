"""When a run that learns to translate without pairs is stuck, and what to try: XLM's users know these ends by the
name "BLEU stays at 0"."""

from collections.abc import Mapping, Sequence
from typing import Any

from encodery.recipe.monolingual import ROUND_TRIP
from encodery.stages.round_trips import SEPARATOR

MOST = 0.5
"""Of the outputs, or of their words: if as much is wrong, nothing is learned from it."""
LEAST_BLEU = 1.0

Evaluation = Mapping[str, Any]
_ADVICE = {
    "empty": (
        "of the outputs are empty",
        "lower optimizer.lr or raise its warmup_steps, and let denoise weigh more at first, so that the decoder "
        "learns each language before it translates",
    ),
    "repeated": (
        "of the outputs are the same, or one word again and again",
        "pretrain longer (the decoder begins with those weights), lower optimizer.lr, and let denoise weigh more at "
        "first",
    ),
    "copied": (
        "of the output words are copied from the source, beyond those that both languages have",
        "start from a model pretrained on both languages with vectors of languages, learn one vocabulary over both, "
        "raise monolingual.noise.word_drop and word_blank (without noise denoising is copying), lower denoise early "
        "([[0, 1.0], [STEP, 0.0]]), or give some pairs in train",
    ),
}


def why_stuck(evaluations: Sequence[Evaluation], name: str, patience: int) -> str | None:
    """Why there is no use in going on, by the last `patience` evaluations; None if there is, or there are fewer."""
    last = evaluations[-patience:]
    if len(last) < patience:
        return None
    end = (
        f"; to go on all the same run the same command, which looks again at its next evaluation, or raise "
        f"{name}.monolingual.patience"
    )
    for fact, (what, advice) in _ADVICE.items():
        for key in (key for key in last[-1] if key.startswith(f"{fact}{SEPARATOR}")):
            values = [float(each.get(key) or 0.0) for each in last]
            if min(values) >= MOST:
                direction = key.removeprefix(f"{fact}{SEPARATOR}")
                return (
                    f"{name} is stuck: in {patience} evaluations in a row, {min(values):.0%} or more {what} "
                    f"({direction}); try: {advice}{end}"
                )
    metric = "bleu" if "bleu" in last[-1] else ROUND_TRIP
    if metric not in last[-1]:
        return None
    scores = [float(each.get(metric) or 0.0) for each in last]
    if max(scores) >= LEAST_BLEU:
        return None
    return (
        f"{name} is stuck: {metric} was below {LEAST_BLEU:.0f} in {patience} evaluations in a row "
        f"({', '.join(f'{score:.2f}' for score in scores)}); try: pretrain longer on text of one kind in both "
        f"languages, learn one vocabulary over both, give some pairs in train, or lower optimizer.lr{end}"
    )
