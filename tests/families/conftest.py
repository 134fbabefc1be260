"""Every architecture of every registered family, tiny and random, as `transformers` makes it and saves it."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from encodery.batch import Batch, Sequence, pack
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import Family, config_to_theirs
from encodery.families.folder import load_folder
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from encodery.text.wordpiece import WordPieceSpec

TINY = EncoderConfig(
    vocab_size=101,
    hidden_size=33,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=37,
    max_position_embeddings=29,
    layer_norm_eps=1e-7,
)
LABELS = ("bad", "good", "neither")
LENGTHS = (5, 1, 29, 13)
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Case:
    """One architecture of one family."""

    family: Family
    heads: frozenset[str]

    @property
    def architecture(self) -> str:
        return self.family.architectures[self.heads]

    def build(self, labels: tuple[str, ...] = LABELS, seed: int = 3, **changes: Any) -> Any:
        """A model of `transformers` with random weights, biases and norms too."""
        values = config_to_theirs(self.family, TINY, self.heads) | changes
        config = transformers.AutoConfig.for_model(**values)
        if "sequence" in self.heads:
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: index for index, label in enumerate(labels)}
        model = getattr(transformers, self.architecture)(config).eval()
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0.0, 0.3, generator=generator)
        return model


CASES = [Case(family, heads) for family in FAMILIES.values() for heads in family.architectures]


def by_heads(case: Case) -> str:
    return case.architecture


@pytest.fixture(params=CASES, ids=by_heads)
def case(request: pytest.FixtureRequest) -> Case:
    assert isinstance(request.param, Case)
    return request.param


@pytest.fixture
def bert() -> Case:
    """One architecture, for what does not depend on it."""
    return Case(FAMILIES["bert"], frozenset({"sequence"}))


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    draw = random.Random(5)
    words = ["".join(draw.choices("aeioulmnrst", k=draw.randint(2, 7))) for _ in range(211)]
    texts = [" ".join(draw.choices(words, k=13)) for _ in range(101)]
    return train_tokenizer(WordPieceSpec(vocab_size=97, min_frequency=1), texts)


@pytest.fixture
def folder(case: Case, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A folder as `transformers` writes it."""
    return save_theirs(case.build(), tokenizer, tmp_path / "theirs")


@pytest.fixture
def bert_folder(bert: Case, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    return save_theirs(bert.build(), tokenizer, tmp_path / "theirs")


def save_theirs(model: Any, tokenizer: Tokenizer, path: Path, **options: Any) -> Path:
    model.save_pretrained(path, **options)
    tokenizer.save(path)
    return path


def example_batch() -> Batch:
    """Random tokens, the second half of each sequence of type 1."""
    generator = torch.Generator().manual_seed(11)
    ids = [torch.randint(TINY.vocab_size, (length,), generator=generator).tolist() for length in LENGTHS]
    return pack([Sequence(i, [int(2 * place >= len(i)) for place in range(len(i))]) for i in ids])


@torch.no_grad()
def their_outputs(model: Any, heads: frozenset[str], batch: Batch) -> dict[str, Tensor]:
    """Hidden states or logits by head, padding taken away."""
    inputs = batch.dense(pad_token_id=0)
    output = model(**inputs)
    mask = inputs["attention_mask"].bool()
    if not heads:
        return {"hidden": output.last_hidden_state[mask]}
    names = {"mlm": "prediction_logits", "nsp": "seq_relationship_logits"} if len(heads) > 1 else {}
    found = {head: output[names.get(head, "logits")] for head in heads}
    return {head: logits[mask] if head == "mlm" else logits for head, logits in found.items()}


@torch.no_grad()
def our_outputs(model: Model, batch: Batch) -> dict[str, Tensor]:
    model.eval()
    hidden = model.encoder(batch)
    if not len(model.heads):
        return {"hidden": hidden}
    inputs = {name: hidden if name == "mlm" else model.pool(hidden[batch.first_tokens]) for name in model.heads}
    return {name: head(inputs[name]) for name, head in model.heads.items()}


def assert_same_outputs(found: dict[str, Tensor], expected: dict[str, Tensor], atol: float = 1e-5) -> None:
    assert set(found) == set(expected)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, expected[name], atol=atol, rtol=1e-5, msg=name)


def edit_config(folder: Path, **changes: Any) -> None:
    """Change keys of config.json; None removes one."""
    path = folder / "config.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


def edit_weights(folder: Path, change: Callable[[dict[str, Tensor]], Mapping[str, Tensor]]) -> None:
    path = folder / WEIGHTS
    state = load_file(path)
    save_file({name: tensor.contiguous() for name, tensor in change(state).items()}, path, metadata={"format": "pt"})


def complaint(folder: Path, **options: Any) -> str:
    with pytest.raises(UserError) as error:
        load_folder(folder, **options)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(folder), "FOLDER")
