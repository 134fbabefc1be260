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

LABELS = ("bad", "good", "neither")
LENGTHS = (5, 1, 29, 13)
PADDING = 2
HIDDEN = 42
"""Three heads of 14, an even number: rotary positions turn pairs."""
WEIGHTS = "model.safetensors"


def tiny(family: Family, **changes: Any) -> EncoderConfig:
    """A small encoder with every axis that the family's config.json knows away from its default."""
    published = next(iter(family.presets.values()))
    fields = {
        "vocab_size": 101,
        "hidden_size": HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 37,
        "max_position_embeddings": 29 + (PADDING + 1 if "position_offset" in family.follows else 0),
        "type_vocab_size": published.get("type_vocab_size", 2),
        "num_languages": 5,
        "layer_norm_eps": 1e-7,
        "norm_bias": True,
        "attention_bias": True,
        "mlp_bias": True,
        "global_attn_every_n_layers": 2,
        "attention_window": 7,
        "rope_theta": 101.0,
        "local_rope_theta": 7.0,
        "classifier_pooling": "mean",
        "classifier_activation": "tanh",
        "classifier_bias": True,
        "pad_token_id": PADDING,
        "start_n_top": 2,
        "end_n_top": 3,
    }
    fields = {name: value for name, value in fields.items() if name in family.config_map}
    return family.encoder({**fields, **changes}, family.model_type)


@dataclass(frozen=True)
class Case:
    """One architecture of one family."""

    family: Family
    heads: frozenset[str]

    @property
    def architecture(self) -> str:
        return self.family.architectures[self.heads]

    @property
    def config(self) -> EncoderConfig:
        return tiny(self.family)

    @property
    def has_labels(self) -> bool:
        return any(self.family.heads[head].shape.has_labels for head in self.heads)

    def build(self, labels: tuple[str, ...] = LABELS, seed: int = 3, **changes: Any) -> Any:
        """A model of `transformers` with random weights, biases and norms too."""
        values = config_to_theirs(self.family, self.config, self.heads) | changes
        config = transformers.AutoConfig.for_model(**values)
        if self.has_labels:
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
    """Random tokens, the second half of each sequence of type 1, each token in some language; no padding token."""
    generator = torch.Generator().manual_seed(11)
    draw = [torch.randint(PADDING + 1, 101, (length,), generator=generator).tolist() for length in LENGTHS]
    types = [[int(2 * place >= length) for place in range(length)] for length in LENGTHS]
    languages = [torch.randint(5, (length,), generator=generator).tolist() for length in LENGTHS]
    return pack([Sequence(*fields) for fields in zip(draw, types, [None] * len(draw), languages, strict=True)])


def their_inputs(config: EncoderConfig, batch: Batch) -> dict[str, Tensor]:
    """What this architecture takes in `transformers`; XLM would read token types as words."""
    inputs = batch.dense(pad_token_id=config.pad_token_id)
    if config.type_vocab_size < 2:
        inputs.pop("token_type_ids", None)
    if not config.has_language_embeddings:
        inputs.pop("langs", None)
    return inputs


def their_outputs(model: Any, case: Case, batch: Batch) -> dict[str, Tensor]:
    """Hidden states or logits by head, a row for each token or sequence, padding taken away; the model computes in
    float64 from here on."""
    model.double()
    inputs = their_inputs(case.config, batch)
    mask = inputs["attention_mask"].bool()
    if "choice" in case.heads:  # two questions of two choices
        inputs = {name: value.view(2, 2, -1) for name, value in inputs.items()}
    if "beam" in case.heads:
        padding = (~mask).to(next(model.parameters()).dtype)
        return without_padding(vars(model(**inputs, p_mask=padding, cls_index=mask.sum(-1) - 1)))
    output = model(**inputs)
    if not case.heads:
        return {"hidden": output.last_hidden_state[mask]}
    if "choice" in case.heads:
        return {"choice": output.logits.view(-1, 1)}
    if "span" in case.heads:
        return {"span": torch.stack([output.start_logits, output.end_logits], -1)[mask]}
    names = {"mlm": "prediction_logits", "nsp": "seq_relationship_logits"} if len(case.heads) > 1 else {}
    found = {head: output[names.get(head, "logits")] for head in case.heads}
    return {
        head: logits[mask] if case.family.heads[head].shape.reads == "tokens" else logits
        for head, logits in found.items()
    }


def our_outputs(model: Model, batch: Batch) -> dict[str, Tensor]:
    model.eval()
    if not len(model.heads):
        return {"hidden": model.encoder(batch)}
    if "beam" in model.heads:
        return without_padding(vars(model.beam(batch)))
    return {name: model.logits(name, batch) for name in model.heads}


def without_padding(beam: dict[str, Tensor]) -> dict[str, Tensor]:
    """The numbers of a beam; what follows a beginning of probability 0, beyond a short sequence, says nothing."""
    starts, ends = beam["start_top_log_probs"], beam["end_top_log_probs"]
    real = (starts > 0).repeat(1, ends.shape[1] // starts.shape[1])
    return {"start": starts, "end": torch.where(real, ends, 0), "answer": beam["cls_logits"]}


def assert_same_outputs(found: dict[str, Tensor], expected: dict[str, Tensor], atol: float = 1e-5) -> None:
    """Ours, of any precision, and what float64 gives; no error is allowed to grow with the numbers."""
    assert set(found) == set(expected)
    for name, tensor in found.items():
        assert tensor.shape == expected[name].shape
        assert expected[name].dtype == torch.float64
        torch.testing.assert_close(tensor.double(), expected[name], atol=atol, rtol=0.0, msg=name)


def edit_config(folder: Path, **changes: Any) -> None:
    """Change keys of config.json, dotted ones in its tables; None removes one."""
    path = folder / "config.json"
    values = json.loads(path.read_text())
    for key, value in changes.items():
        *tables, last = key.split(".")
        table = values
        for name in tables:
            table = table.setdefault(name, {})
        table[last] = value
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
