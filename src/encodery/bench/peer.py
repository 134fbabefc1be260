"""The peer: the Trainer of `transformers` with its MLM collator, everything not named here at its default.

So the attention is sdpa and the optimizer fused AdamW. Examples carry no `special_tokens_mask`: the collator is 7 to
11 % faster when it finds the special tokens itself (transformers 5.23), and the peer shall run at its best.
"""

from collections import deque
from itertools import cycle
from pathlib import Path
from typing import Any

import transformers

from encodery.bench.gate import Steps
from encodery.bench.jobs import Job
from encodery.bench.ours import encoder_config
from encodery.bench.text import CLS_TOKEN_ID, SEP_TOKEN_ID, Text, vocabulary_file
from encodery.families import FAMILIES
from encodery.families.family import config_to_theirs

_ENDLESS = 1_000_000
_COLLATED_BATCHES = 64

Example = dict[str, list[int]]


class Examples:
    """The texts as the Trainer reads them; ids are kept as an array and become lists when asked for."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._sequences = Text.load(folder).sequences(job.layout)

    def __len__(self) -> int:
        return len(self._sequences)

    def __getitem__(self, index: int) -> Example:
        ids = self._sequences[index].tolist()
        return {"input_ids": [CLS_TOKEN_ID, *ids, SEP_TOKEN_ID]}


class CountingCollator:
    """The collator, and how many tokens went into each batch it made."""

    def __init__(self, collator: Any) -> None:
        self._collator = collator
        self.tokens: deque[int] = deque()

    def __call__(self, examples: list[Example]) -> Any:
        self.tokens.append(sum(len(example["input_ids"]) for example in examples))
        return self._collator(examples)


def build_collator(folder: Path) -> Any:
    """Masking 15 % and padding to the longest, over the benchmark's vocabulary."""
    lines = vocabulary_file(folder).read_text(encoding="utf-8").split()
    tokenizer = transformers.BertTokenizerFast(vocab={token: number for number, token in enumerate(lines)})
    return transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)


def build_model(job: Job) -> Any:
    """The same model as ours, from the `config.json` that we would write."""
    theirs = config_to_theirs(FAMILIES["bert"], encoder_config(job.preset), ("mlm",))
    fields = {key: value for key, value in theirs.items() if key not in ("model_type", "architectures")}
    return transformers.BertForMaskedLM(transformers.BertConfig(**fields))


def train(job: Job, folder: Path, work: Path, steps: Steps, model: Any) -> None:
    """Train until `steps` ends it."""
    collator = CountingCollator(build_collator(folder))

    class Watch(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            steps.arrive()
            steps.add(sum(collator.tokens.popleft() for _ in range(job.accumulation)))

    arguments = transformers.TrainingArguments(
        str(work),
        per_device_train_batch_size=job.sequences_per_batch,
        gradient_accumulation_steps=job.accumulation,
        max_steps=_ENDLESS,
        bf16=job.precision == "bf16",
        use_cpu=job.device == "cpu",
        dataloader_drop_last=True,
        dataloader_pin_memory=job.device == "cuda",
        save_strategy="no",
        logging_steps=500,
        report_to=[],
        disable_tqdm=True,
    )
    transformers.Trainer(
        model, arguments, train_dataset=Examples(job, folder), data_collator=collator, callbacks=[Watch()]
    ).train()


def make_batches(job: Job, folder: Path, steps: Steps) -> None:
    """Collate batches of examples that are already lists of numbers, until `steps` ends it."""
    collator = build_collator(folder)
    examples, size = Examples(job, folder), job.sequences_per_batch
    batches = [
        [examples[i] for i in range(start, start + size)] for start in range(0, _COLLATED_BATCHES * size, size)
    ]
    for batch in cycle(batches):
        steps.arrive()
        collator(batch)
        steps.add(sum(len(example["input_ids"]) for example in batch))
