"""What is compared with what: every case of `encodery bench train`, as data.

Both sides of a case are one `Job` that differs in the engine, and in the precision where ours is not the peer's: the
model, the text and the tokens per step are the same because they are the same fields.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import PositiveInt

from encodery.bench.text import Layout, Text
from encodery.config import Config

Engine = Literal["encodery", "transformers"]


class Job(Config):
    """What one worker process does, over and over."""

    engine: Engine
    work: Literal["train", "collate"] = "train"
    """Whole training steps, or only the making of their batches."""
    layout: Layout
    precision: Literal["fp32", "bf16"] = "bf16"
    device: Literal["cpu", "cuda"] = "cpu"
    preset: str = "mini"
    """A preset of the BERT family."""
    sequences_per_batch: PositiveInt
    accumulation: PositiveInt = 1
    """Batches per step for the peer; ours needs no such thing."""

    def tokens_per_step(self, text: Text) -> int:
        """Tokens of one optimizer step, special tokens included, padding not."""
        return round(self.sequences_per_batch * self.accumulation * text.mean_tokens(self.layout))


@dataclass(frozen=True)
class Figure:
    """One number of a case, that becomes one line of output."""

    case: str
    unit: str
    target_ratio: float | None = None
    """Ours must be better than the peer by this factor."""
    target_ours: float | None = None
    """Ours must be below this, whatever the peer does."""


@dataclass(frozen=True)
class Case:
    """Two engines that run in turn, and what is read off them."""

    figures: tuple[Figure, ...]
    peer: Job
    peer_name: str

    @property
    def ours(self) -> Job:
        """The same job, done by us in our best setting."""
        return self.peer.model_copy(update={"engine": "encodery", "precision": "bf16"})


def cases_for(device: str) -> tuple[Case, ...]:
    """All cases for "cpu" or "cuda"."""
    return _cuda_cases() if device == "cuda" else _cpu_cases()


def _cpu_cases() -> tuple[Case, ...]:
    """Small: 4,096 tokens per step. Base: 1,024. Trainer with natural lengths: 3 batches of 28 texts make 4,096."""
    small_natural = Job(
        engine="transformers", layout="natural", precision="fp32", sequences_per_batch=28, accumulation=3
    )
    small = Job(engine="transformers", layout="packed", sequences_per_batch=32)
    base = small.model_copy(update={"preset": "base", "sequences_per_batch": 8})
    fp32 = {"precision": "fp32"}
    collate = {"work": "collate", "accumulation": 1}
    return (
        Case(
            (_speed("small/natural-fp32", 10.0), _memory("small/memory-natural-fp32")),
            small_natural,
            "transformers Trainer, natural lengths, fp32",
        ),
        Case(
            (_speed("small/packed-fp32", 5.0),),
            small.model_copy(update=fp32),
            "transformers Trainer, packed blocks, fp32",
        ),
        Case(
            (_speed("small/packed-bf16", 3.5), _memory("small/memory-packed-bf16")),
            small,
            "transformers Trainer, packed blocks, bf16",
        ),
        Case((_speed("base/packed-bf16", 1.5),), base, "transformers Trainer, packed blocks, bf16"),
        Case(
            (_speed("base/packed-fp32", 3.5),),
            base.model_copy(update=fp32),
            "transformers Trainer, packed blocks, fp32",
        ),
        Case(
            (_collate("collate/packed"),),
            small.model_copy(update=collate),
            "transformers DataCollatorForLanguageModeling, packed blocks",
        ),
        Case(
            (_collate("collate/natural"),),
            small_natural.model_copy(update=collate),
            "transformers DataCollatorForLanguageModeling, ragged texts",
        ),
    )


def _cuda_cases() -> tuple[Case, ...]:
    """65,536 tokens per step; the Trainer gets there by accumulation, for its logits would not fit otherwise."""
    cases = []
    for size, preset in (("small", "mini"), ("base", "base")):
        for layout, sequences, accumulation in (("natural", 168, 8), ("packed", 128, 4)):
            job = Job.model_validate(
                {
                    "engine": "transformers",
                    "layout": layout,
                    "device": "cuda",
                    "preset": preset,
                    "sequences_per_batch": sequences,
                    "accumulation": accumulation,
                }
            )
            name = f"{layout}-bf16"
            figures = (Figure(f"{size}/{name}", "tokens/s"), Figure(f"{size}/memory-{name}", "MB"))
            cases.append(Case(figures, job, f"transformers Trainer, {layout}, bf16, sdpa"))
    return tuple(cases)


def _speed(case: str, target_ratio: float) -> Figure:
    return Figure(case, "tokens/s", target_ratio=target_ratio)


def _memory(case: str) -> Figure:
    return Figure(case, "MB", target_ratio=2.0)


def _collate(case: str) -> Figure:
    return Figure(case, "ns/token", target_ours=50.0)
