"""Adapters go to `peft` and come from it: the same logits over the same base, for every family with classes."""

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.adapter import (
    ADAPTER_WEIGHTS,
    LoraTable,
    attach_lora,
    find_targets,
    load_adapted,
    load_adapter,
    save_adapter,
    weight_files,
)
from encodery.families.folder import ModelFolder, load_folder, save_folder
from encodery.model.lora import LoraLinear, Parts, merge_lora
from encodery.serve.predictor import load
from encodery.text.tokenizer import Tokenizer
from tests.families.conftest import LABELS, Case, example_batch, save_theirs, their_inputs

# peft asks transformers 5 for a switch by its old name
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
SEQUENCE = frozenset({"sequence"})
NAMES = [name for name, family in FAMILIES.items() if SEQUENCE in family.architectures]
TABLE = LoraTable(r=3, alpha=5.0)


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(FAMILIES[request.param], SEQUENCE)


@pytest.fixture
def base(case: Case, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A random classifier, as `transformers` saves it."""
    return save_theirs(case.build(), tokenizer, tmp_path / "base")


@pytest.fixture
def bert_adapter(bert_folder: Path, tmp_path: Path) -> Path:
    """An adapter of BERT, as `peft` saves it."""
    _, path = theirs_adapted(bert_folder, tmp_path / "adapter", target_modules=["query", "value"])
    return path


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def shake(model: Any) -> None:
    """Give what is trained values far from those that adapters start with."""
    generator = torch.Generator().manual_seed(13)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(0.0, 0.3, generator=generator)


def ours_adapted(base: Path, path: Path, table: LoraTable = TABLE) -> ModelFolder:
    """A base with a random adapter of ours, which is also written to `path`."""
    folder = load_folder(base)
    attach_lora(folder, table, 3, "lora")
    shake(folder.model)
    save_adapter(path, folder, table, str(base))
    return folder


def theirs_adapted(base: Path, path: Path, **settings: Any) -> tuple[Any, Path]:
    """A base with a random adapter of `peft`, and where that was saved."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(base)
    config = {"task_type": "SEQ_CLS", "r": 3, "lora_alpha": 5, "target_modules": "all-linear", **settings}
    adapted = peft.get_peft_model(model, peft.LoraConfig(**config)).eval()
    shake(adapted)
    adapted.save_pretrained(str(path))
    return adapted, path


def their_logits(model: Any, folder: ModelFolder) -> Tensor:
    logits: Tensor = model.eval()(**their_inputs(folder.model.config, example_batch())).logits
    return logits


def our_logits(folder: ModelFolder) -> Tensor:
    return folder.model.eval().logits("sequence", example_batch())


def edit(path: Path, **changes: Any) -> None:
    file = path / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def refusal(path: Path, base: Path) -> str:
    with pytest.raises(UserError) as error:
        load_adapter(path, load_folder(base))
    return str(error.value)


@pytest.mark.parametrize("wanted", ["all-linear", "some"])
def test_peft_opens_ours(case: Case, base: Path, tmp_path: Path, wanted: str) -> None:
    """Some: the first part of a joined weight, or the whole where theirs is joined, too."""
    theirs = case.family.name_map["layers.{}.attention.qkv.weight"]
    first = theirs if isinstance(theirs, str) else theirs[0]
    table = {} if wanted == "all-linear" else {"target_modules": [first.split(".")[-2]]}
    folder = ours_adapted(base, tmp_path / "adapter", LoraTable.parse({"r": 3, "alpha": 5.0, **table}, "lora"))
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(base)
    before = their_logits(plain, folder)
    opened = peft.PeftModel.from_pretrained(plain, tmp_path / "adapter")
    found = their_logits(opened, folder)
    close(found, our_logits(folder))
    assert (found - before).abs().max() > 1e-2
    auto = peft.AutoPeftModelForSequenceClassification.from_pretrained(tmp_path / "adapter", num_labels=len(LABELS))
    close(their_logits(auto, folder), found)


def test_ours_opens_that_of_peft(case: Case, base: Path, tmp_path: Path) -> None:
    # peft adapts pre_classifier, too, which then is in the way of its own "classifier"
    with_dense = "pre_classifier.weight" in case.family.heads["sequence"].weights
    adapted, path = theirs_adapted(
        base, tmp_path / "adapter", **({"exclude_modules": ["pre_classifier"]} if with_dense else {})
    )
    folder = load_folder(base)
    before = our_logits(folder)
    found = our_logits(load_adapter(path, folder))
    close(found, their_logits(adapted, folder))
    assert (found - before).abs().max() > 1e-2


def test_ours_opens_ours(base: Path, tmp_path: Path) -> None:
    folder = ours_adapted(base, tmp_path / "adapter")
    close(
        our_logits(load_adapter(tmp_path / "adapter", load_folder(base))),
        our_logits(folder),
    )


def test_the_weights_are_those_of_the_base_too(base: Path, tmp_path: Path) -> None:
    ours_adapted(base, tmp_path / "adapter")
    files = weight_files(tmp_path / "adapter")
    assert {path.parent for path in files} == {tmp_path / "adapter", base}
    assert weight_files(base) == [path for path in files if path.parent == base]


def test_merged_weights_open_as_a_plain_model(base: Path, tmp_path: Path) -> None:
    folder = ours_adapted(base, tmp_path / "adapter")
    expected = our_logits(folder)
    merge_lora(folder.model)
    (tmp_path / "merged").mkdir()
    save_folder(tmp_path / "merged", folder)
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged")
    close(their_logits(plain, folder), expected)


@pytest.mark.parametrize(
    "settings", [{"use_rslora": True}, {"r": 7, "lora_alpha": 3}, {"init_lora_weights": "gaussian"}]
)
def test_scales_are_those_of_peft(bert_folder: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    adapted, path = theirs_adapted(bert_folder, tmp_path / "adapter", **settings)
    folder = load_adapter(path, load_folder(bert_folder))
    close(our_logits(folder), their_logits(adapted, folder))


def test_targets_are_found_through_the_names_of_the_family(bert_folder: Path) -> None:
    folder = load_folder(bert_folder)

    def found(*wanted: str) -> dict[str, Parts]:
        return find_targets(folder.family, folder.model, wanted, "lora")

    first = "encoder.layers.0"
    assert found("query", "value")[f"{first}.attention.qkv"] == Parts((0, 2), 3)
    assert found("attention.output.dense").keys() == {f"encoder.layers.{i}.attention.out" for i in (0, 1)}
    assert found("output.dense").keys() == {
        f"encoder.layers.{i}.{part}" for i in (0, 1) for part in ("attention.out", "mlp.down")
    }
    assert found("bert.encoder.layer.1.intermediate.dense") == {"encoder.layers.1.mlp.up": Parts((0,), 1)}
    every = find_targets(folder.family, folder.model, "all-linear", "lora")
    assert every.keys() == {
        f"encoder.layers.{i}.{part}"
        for i in (0, 1)
        for part in ("attention.qkv", "attention.out", "mlp.up", "mlp.down")
    }
    assert every[f"{first}.attention.qkv"] == Parts((0, 1, 2), 3)


def test_a_target_that_does_not_exist_is_refused(bert_folder: Path) -> None:
    with pytest.raises(UserError) as error:
        attach_lora(load_folder(bert_folder), LoraTable(target_modules=("query", "q_lin")), 1, "finetune.mood.lora")
    assert str(error.value) == (
        "finetune.mood.lora.target_modules: 'q_lin' is no linear layer of this bert; dense, key, query, value are, "
        'or "all-linear"'
    )


def test_the_head_is_always_in_the_file(bert_folder: Path, tmp_path: Path) -> None:
    folder = ours_adapted(bert_folder, tmp_path / "adapter")
    stored = load_file(tmp_path / "adapter" / ADAPTER_WEIGHTS)
    expected = folder.model.state_dict()
    assert torch.equal(stored["base_model.model.classifier.weight"], expected["heads.sequence.out.weight"])
    assert torch.equal(stored["base_model.model.bert.pooler.dense.bias"], expected["pooler.dense.bias"])
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["modules_to_save"] == ["classifier", "pooler"]
    assert config["task_type"] == "SEQ_CLS"
    assert sum(isinstance(layer, LoraLinear) for layer in folder.model.modules()) == 8
    assert len(stored) == 2 * 2 * 6 + 4


def test_a_folder_with_an_adapter_alone_predicts(bert_folder: Path, bert_adapter: Path) -> None:
    predictor = load(bert_adapter)
    assert predictor.folder.labels == LABELS
    adapted = load_adapter(bert_adapter, load_folder(bert_folder))
    assert torch.equal(our_logits(predictor.folder), our_logits(adapted))
    assert set(predictor.predict(["sun mare"])[0]["scores"]) == set(LABELS)


def test_other_classes_than_the_bases_are_numbered(
    bert: Case, bert_folder: Path, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    wider = save_theirs(bert.build(("a", "b", "c", "d", "e")), tokenizer, tmp_path / "wider")
    theirs_adapted(wider, tmp_path / "adapter", target_modules=["query"])
    edit(tmp_path / "adapter", base_model_name_or_path=str(bert_folder))
    assert load_adapted(tmp_path / "adapter").labels == tuple(f"LABEL_{index}" for index in range(5))


def test_a_base_that_is_not_here_is_named(bert_adapter: Path) -> None:
    for base in ("org/model", None, 7):
        edit(bert_adapter, base_model_name_or_path=base)
        with pytest.raises(UserError) as error:
            load(bert_adapter)
        assert str(error.value) == (
            f"{bert_adapter}/adapter_config.json: base_model_name_or_path = {base!r} is no folder here; "
            "write the folder of the base model there"
        )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"peft_type": "IA3"}, "peft_type = 'IA3' is not supported; only 'LORA' is"),
        ({"use_dora": True}, "use_dora = True is not supported; merge the adapter with peft and save"),
        ({"rank_pattern": {"query": 4}}, "rank_pattern = {'query': 4} is not supported"),
        ({"bias": "all"}, "bias = 'all' is not supported"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights = 'pissa' is not supported"),
        ({"from_the_future": 1}, "from_the_future = 1 is not supported"),
        ({"lora_alpha": "8"}, "lora_alpha = '8'; a number is needed"),
        ({"lora_alpha": float("inf")}, "lora_alpha = inf; a number is needed"),
    ],
)
def test_other_adapters_are_refused_by_name(
    bert_folder: Path, bert_adapter: Path, changes: dict[str, Any], why: str
) -> None:
    edit(bert_adapter, **changes)
    assert refusal(bert_adapter, bert_folder).startswith(f"{bert_adapter}/adapter_config.json: {why}")


def test_tensors_that_do_not_fit_are_refused(bert_folder: Path, bert_adapter: Path) -> None:
    file = bert_adapter / ADAPTER_WEIGHTS
    tensors = load_file(file)
    query = "base_model.model.bert.encoder.layer.0.attention.self.query"

    def with_(**changes: Tensor | None) -> str:
        names = {
            "a": f"{query}.lora_A.weight",
            "b": f"{query}.lora_B.weight",
            "head": "base_model.model.classifier.weight",
        }
        edited = tensors | {names.get(key, key): value for key, value in changes.items() if value is not None}
        edited = {name: value for name, value in edited.items() if changes.get(short(names, name), value) is not None}
        save_file(edited, file)
        return refusal(bert_adapter, bert_folder)

    def short(names: dict[str, str], name: str) -> str:
        return next((key for key, full in names.items() if full == name), name)

    module = "bert.encoder.layer.0.attention.self.query"
    assert with_(a=torch.ones(3, 41)) == (
        f"{file}: {module}: {{'lora_A': (3, 41), 'lora_B': (42, 3)}} do not fit a weight of (42, 42)"
    )
    assert with_(b=None) == f"{file}: {module}: {{'lora_A': (3, 42)}} do not fit a weight of (42, 42)"
    assert with_(head=torch.ones(3, 5)) == (
        f"{file}: base_model.model.classifier.weight has shape (3, 5), but the model asks for (3, 42)"
    )
    assert with_(**{"base_model.model.stranger": torch.ones(2)}) == (
        f"{file}: not known to this bert: base_model.model.stranger"
    )


def test_a_damaged_or_missing_file_is_named(bert_folder: Path, bert_adapter: Path) -> None:
    (bert_adapter / ADAPTER_WEIGHTS).write_bytes(b"PK\x03\x04")
    assert refusal(bert_adapter, bert_folder).startswith(f"{bert_adapter}/{ADAPTER_WEIGHTS}: not a whole safetensors")
    (bert_adapter / "adapter_config.json").unlink()
    assert refusal(bert_adapter, bert_folder) == f"{bert_adapter}/adapter_config.json: no such file"
