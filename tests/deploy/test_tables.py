"""Tables of embeddings: as exact as their type allows, and refused where they are another model's."""

from pathlib import Path

import pytest
import torch

from encodery.deploy.tables import TABLES, TableType, load_tables, save_tables
from encodery.errors import UserError
from encodery.families import FAMILIES
from tests.deploy.conftest import make_batch, make_model
from tests.families.conftest import tiny


@pytest.mark.parametrize(("dtype", "bound"), [("fp32", 0.0), ("bf16", 2**-7), ("int8", 1 / 127)])
def test_words_are_as_exact_as_their_type(dtype: TableType, bound: float, tmp_path: Path) -> None:
    model = make_model(FAMILIES["xlm"], None)
    save_tables(tmp_path, model.encoder.embeddings, dtype)
    batch = make_batch(model)
    wanted = model.encoder.embeddings.total(batch).detach()
    found = torch.empty_like(wanted)
    load_tables(tmp_path, model.config).add_up(batch, found.numpy())
    words = model.encoder.embeddings.word(batch.input_ids)
    assert ((found - wanted).abs() <= bound * words.abs().amax(1, keepdim=True) / 2 + 1e-6).all()


def test_int8_is_a_quarter_of_the_size(tmp_path: Path) -> None:
    model = make_model(FAMILIES["bert"], None)
    sizes = {}
    for dtype in ("fp32", "int8"):
        save_tables(tmp_path, model.encoder.embeddings, dtype)
        sizes[dtype] = load_tables(tmp_path, model.config).word.nbytes
    assert sizes["fp32"] == 4 * sizes["int8"]


def test_tables_of_another_model_are_refused(tmp_path: Path) -> None:
    save_tables(tmp_path, make_model(FAMILIES["bert"], None).encoder.embeddings, "fp32")
    with pytest.raises(UserError, match=r"embeddings\.safetensors: word\.weight is not as config\.json has it"):
        load_tables(tmp_path, tiny(FAMILIES["bert"], vocab_size=103))


def test_a_missing_and_a_damaged_file(tmp_path: Path) -> None:
    config = tiny(FAMILIES["bert"])
    with pytest.raises(UserError, match="no such file; export the model again"):
        load_tables(tmp_path, config)
    (tmp_path / TABLES).write_bytes(b"\xff" * 64)
    with pytest.raises(UserError, match="damaged"):
        load_tables(tmp_path, config)
