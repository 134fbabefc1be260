"""`encodery import`, as a person types it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForPreTraining, AutoTokenizer, BertConfig, BertForPreTraining

from encodery.errors import UserError
from encodery.originals.importing import import_original
from tests.originals.test_bert import SIZES, TOKENS, write_original


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("google") / "uncased_L-3_H-14"
    torch.manual_seed(11)
    write_original(folder, BertForPreTraining(BertConfig(**SIZES)), TOKENS)
    return folder


def test_transformers_opens_what_was_imported(released: Path, tmp_path: Path) -> None:
    folder = import_original(released, "bert", tmp_path / "model")
    theirs = AutoModelForPreTraining.from_pretrained(tmp_path / "model")
    word = theirs.get_input_embeddings().weight
    assert torch.equal(word, folder.model.encoder.embeddings.word.weight)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer("The sea")["input_ids"] == folder.tokenizer.encode("The sea").input_ids


def test_the_verb_shows_what_it_wrote(
    released: Path, tmp_path: Path, encodery: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = encodery("import", str(released), "--family", "bert", "--to", str(tmp_path / "m"))
    assert (code, err) == (0, "")
    assert "BertForPreTraining" in out or "bert" in out
    assert (tmp_path / "m" / "model.safetensors").is_file()


def test_an_existing_folder_stays(released: Path, tmp_path: Path) -> None:
    import_original(released, "bert", tmp_path / "m")
    before = (tmp_path / "m" / "manifest.json").read_bytes()
    with pytest.raises(UserError, match="exists already; choose another folder or remove it"):
        import_original(released, "bert", tmp_path / "m")
    assert (tmp_path / "m" / "manifest.json").read_bytes() == before


def test_nothing_is_left_of_an_import_that_fails(released: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(released, tmp_path / "broken")
    (broken / "vocab.txt").unlink()
    with pytest.raises(UserError, match=r"vocab\.txt: no such file; BERT's vocabulary lies beside"):
        import_original(broken, "bert", tmp_path / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


@pytest.mark.parametrize(
    ("path", "family", "message"),
    [
        (
            ".",
            "gpt2",
            "--family gpt2: its originals cannot be read; "
            "one of bert, roberta, xlm, xlm-roberta, xlm-roberta-xl is allowed",
        ),
        (".", "bert", "no original checkpoint of bert there"),
        ("nowhere/at/all", "bert", "no such file or folder"),
    ],
)
def test_what_cannot_be_imported(tmp_path: Path, path: str, family: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        import_original(tmp_path / path, family, tmp_path / "m")
