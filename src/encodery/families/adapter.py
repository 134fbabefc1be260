"""Adapters as `peft` writes them: `adapter_config.json` and `adapter_model.safetensors`, by the family's names.

What stands on the encoder is trained whole and always saved with the adapter (`modules_to_save`). Files from outside
are untrusted: safetensors alone, every tensor accounted for, other mathematics refused by name.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, PositiveInt
from safetensors.torch import save_file
from torch import Tensor, nn

from encodery.config import Config, read_json, write_json
from encodery.errors import UserError
from encodery.families.family import Family, Head
from encodery.families.folder import ModelFolder, load_folder, refuse_links
from encodery.families.name_map import canonical_name, names
from encodery.families.stated import find_family, read_labels
from encodery.families.weights import open_weights
from encodery.model.heads import Model
from encodery.model.lora import LoraLinear, Parts, add_lora

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ALL_LINEAR: Literal["all-linear"] = "all-linear"
PREFIX = "base_model.model."
TASK_TYPES = {"sequence": "SEQ_CLS", "token": "TOKEN_CLS", "span": "QUESTION_ANS"}
HARMLESS = frozenset(
    {
        *("auto_mapping", "base_model_name_or_path", "exclude_modules", "inference_mode", "layers_pattern"),
        *("layers_to_transform", "lora_alpha", "lora_dropout", "megatron_core", "modules_to_save", "peft_type"),
        *("peft_version", "qalora_group_size", "r", "revision", "target_modules", "task_type", "use_rslora"),
    }
)
"""Keys of `adapter_config.json` that are understood, or say how training was done; any other must be off."""
AS_WRITTEN: Mapping[str, Collection[Any]] = {"bias": ("none",), "init_lora_weights": (True, False, "gaussian")}
"""Keys that may have these values: other ones change weights that are not in the adapter."""


class LoraTable(Config):
    """`lora` in a recipe: learn low-rank changes of the encoder's matrices in place of the matrices."""

    r: PositiveInt = 8
    """The rank of the change."""
    alpha: float = Field(default=16.0, gt=0.0)
    """The change is multiplied by alpha / r."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Of what the thin matrices read."""
    target_modules: Literal["all-linear"] | tuple[str, ...] = ALL_LINEAR
    """The layers to change, by the names that they have in `transformers` or endings of them ("query", "value");
    every linear layer of the encoder if not given."""


def attach_lora(folder: ModelFolder, table: LoraTable, seed: int, source: str) -> None:
    """Give the folder's model an adapter in place; what stands on the encoder is trained as before.

    Raises:
        UserError: no layer of the encoder has one of the names, which begins with `source`.
    """
    model = folder.model
    targets = find_targets(folder.family, model, table.target_modules, source)
    add_lora(model, targets, (model.encoder,), table.r, table.alpha, table.dropout, seed)


def find_targets(family: Family, model: Model, wanted: str | Collection[str], source: str) -> dict[str, Parts]:
    """Our name of each linear layer of the encoder that is wanted, and which of its parts are."""
    layers = dict(_linear_layers(family, model))
    every = {their for theirs in layers.values() for their in theirs}
    names_of = [wanted] if isinstance(wanted, str) else wanted
    for name in names_of:
        if name != ALL_LINEAR and not any(_fits(their, name) for their in every):
            endings = ", ".join(sorted({their.rpartition(".")[2] for their in every}))
            raise UserError(
                f"{source}.target_modules: {name!r:.80} is no linear layer of this {family.model_type}; "
                f'{endings} are, or "{ALL_LINEAR}"'
            )
    found = {}
    for ours, theirs in layers.items():
        chosen = [i for i, their in enumerate(theirs) if any(n == ALL_LINEAR or _fits(their, n) for n in names_of)]
        if chosen:
            found[ours] = Parts(tuple(chosen), len(theirs))
    return found


def _fits(module: str, name: str) -> bool:
    return module == name or module.endswith(f".{name}")


def _linear_layers(family: Family, model: Model) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Our name of each linear layer of the encoder, and theirs of its parts."""
    for ours, theirs in names(family, model.config, (), False).items():
        module = ours.removesuffix(".weight")
        if module != ours and isinstance(model.get_submodule(module), nn.Linear):
            yield module, tuple(their.removesuffix(".weight") for their in theirs)


def save_adapter(path: Path, folder: ModelFolder, table: LoraTable, base: str) -> None:
    """Write the adapter of the folder's model, before it is merged, into a new folder."""
    family, model = folder.family, folder.model
    mapping = names(family, model.config, list(model.heads), model.pooler is not None)
    state: dict[str, Tensor] = {}
    targets: list[str] = []
    for ours, layer in model.named_modules():
        if not isinstance(layer, LoraLinear):
            continue
        theirs = [name.removesuffix(".weight") for name in mapping[f"{ours}.weight"]]
        for part, a, b in zip(layer.parts.chosen, layer.lora_a, layer.lora_b, strict=True):
            targets.append(theirs[part])
            state[f"{PREFIX}{theirs[part]}.lora_A.weight"] = a.detach().contiguous()
            state[f"{PREFIX}{theirs[part]}.lora_B.weight"] = b.detach().contiguous()
    whole: dict[str, Tensor] = {}
    for ours, tensor in model.state_dict().items():
        if ours in mapping and not ours.startswith("encoder."):
            whole |= zip(mapping[ours], (c.contiguous() for c in tensor.chunk(len(mapping[ours]))), strict=True)
    modules = {name.removeprefix(family.base_prefix).split(".")[0] for name in whole}
    path.mkdir()
    write_json(
        path / ADAPTER_CONFIG,
        {
            "peft_type": "LORA",
            "task_type": next((TASK_TYPES[head] for head in model.heads if head in TASK_TYPES), None),
            "base_model_name_or_path": base,
            "r": table.r,
            "lora_alpha": table.alpha,
            "lora_dropout": table.dropout,
            "target_modules": targets,
            "modules_to_save": sorted(modules),
            "bias": "none",
            "fan_in_fan_out": False,
            "inference_mode": True,
        },
    )
    save_file(state | {f"{PREFIX}{name}": tensor for name, tensor in whole.items()}, path / ADAPTER_WEIGHTS)


def load_adapter(path: Path, base: ModelFolder) -> ModelFolder:
    """The model of `base`, changed in place by an adapter of `peft` or of ours, merged.

    Raises:
        UserError: a file is missing or damaged, the adapter is of another kind or does not fit the model.
    """
    scale = _read_scale(path)
    source = path / ADAPTER_WEIGHTS
    handle = open_weights(source)
    places = _places(base)
    left = set(handle.keys())
    thin: dict[str, dict[str, Tensor]] = {}
    with torch.no_grad():
        for key in sorted(left):
            name = canonical_name(base.family, key.removeprefix(PREFIX))
            module, _, kind = name.removesuffix(".weight").rpartition(".")
            if name in places:
                _same_shape(handle.get_slice(key).get_shape(), places[name], key, source)
                places[name].copy_(handle.get_tensor(key))
            elif kind in ("lora_A", "lora_B") and f"{module}.weight" in places:
                thin.setdefault(module, {})[kind] = handle.get_tensor(key)
            else:
                continue
            left.discard(key)
        for module, pair in thin.items():
            _add(places[f"{module}.weight"], pair, scale, module, source)
    if left:
        raise UserError(f"{source}: not known to this {base.family.model_type}: {', '.join(sorted(left)[:8])}")
    return base


def _places(base: ModelFolder) -> dict[str, Tensor]:
    """Their name of every weight of the model → the part of ours that it is."""
    model = base.model
    mapping = names(base.family, model.config, list(model.heads), model.pooler is not None)
    state = model.state_dict()
    pairs = ((mapping[ours], tensor) for ours, tensor in state.items() if ours in mapping)
    return {
        their: part for theirs, whole in pairs for their, part in zip(theirs, whole.chunk(len(theirs)), strict=True)
    }


def _add(weight: Tensor, pair: Mapping[str, Tensor], scale: tuple[float, float], module: str, source: Path) -> None:
    """Add B A, scaled; the rank is that of the tensors."""
    a, b = pair.get("lora_A"), pair.get("lora_B")
    fits = a is not None and b is not None and a.ndim == b.ndim == 2 and a.shape[0] == b.shape[1]
    if a is None or b is None or not fits or (b.shape[0], a.shape[1]) != tuple(weight.shape):
        shapes = {kind: tuple(tensor.shape) for kind, tensor in pair.items()}
        raise UserError(f"{source}: {module}: {shapes} do not fit a weight of {tuple(weight.shape)}")
    alpha, power = scale
    weight.add_((b.float() @ a.float()).to(weight.dtype), alpha=alpha / max(1, a.shape[0]) ** power)


def _same_shape(shape: Collection[int], weight: Tensor, key: str, source: Path) -> None:
    if tuple(shape) != tuple(weight.shape):
        raise UserError(f"{source}: {key} has shape {tuple(shape)}, but the model asks for {tuple(weight.shape)}")


def _read_scale(path: Path) -> tuple[float, float]:
    """`lora_alpha`, and the power of the rank that it is divided by (a half where `use_rslora` says so).

    Raises:
        UserError: no adapter, or one of another kind.
    """
    config = read_json(path / ADAPTER_CONFIG)
    source = path / ADAPTER_CONFIG
    if config.get("peft_type") != "LORA":
        raise UserError(f"{source}: peft_type = {config.get('peft_type')!r:.80} is not supported; only 'LORA' is")
    for key, value in config.items():
        allowed = AS_WRITTEN.get(key)
        if value not in allowed if allowed else value and key not in HARMLESS:
            raise UserError(f"{source}: {key} = {value!r:.80} is not supported; merge the adapter with peft and save")
    alpha = config.get("lora_alpha", 8)
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not abs(alpha) < float("inf"):
        raise UserError(f"{source}: lora_alpha = {alpha!r:.80}; a number is needed")
    return float(alpha), 0.5 if config.get("use_rslora") else 1.0


def is_adapter(path: Path) -> bool:
    """Whether a folder holds an adapter and no model."""
    return (path / ADAPTER_CONFIG).is_file() and not (path / "config.json").is_file()


def weight_files(path: Path) -> list[Path]:
    """What a folder's weights are read from: its own files, and for an adapter those of the base, too."""
    files = sorted(path.glob("*.safetensors"))
    if is_adapter(path):
        files += sorted(Path(read_json(path / ADAPTER_CONFIG)["base_model_name_or_path"]).glob("*.safetensors"))
    return files


def load_adapted(path: Path) -> ModelFolder:
    """The model that an adapter names as its base, with the adapter merged; the labels are the base's if as many.

    Raises:
        UserError: the base is no folder here, or anything that `load_folder` and `load_adapter` refuse.
    """
    refuse_links(path)
    config = read_json(path / ADAPTER_CONFIG)
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str) or not Path(base).is_dir():
        raise UserError(
            f"{path / ADAPTER_CONFIG}: base_model_name_or_path = {base!r:.80} is no folder here; "
            "write the folder of the base model there"
        )
    family = find_family(read_json(Path(base) / "config.json"), str(Path(base) / "config.json"))
    head = next((head for head, task in TASK_TYPES.items() if task == config.get("task_type")), None)
    if head is None or head not in family.heads:
        return load_adapter(path, load_folder(Path(base)))
    labels = None
    if family.heads[head].shape.has_labels:
        labels = _labels(path, Path(base), family.heads[head])
    return replace(load_adapter(path, load_folder(Path(base), (head,), labels)), info={})


def _labels(path: Path, base: Path, head: Head) -> tuple[str, ...]:
    """The base's labels if the adapter's head has as many, else numbered ones: an adapter does not name them."""
    handle = open_weights(path / ADAPTER_WEIGHTS)
    key = f"{PREFIX}{head.name_map['out.weight']}"
    if key not in handle.keys():  # noqa: SIM118 (a safetensors handle is not iterable)
        raise UserError(f"{path / ADAPTER_WEIGHTS}: holds no {key}: the head was not saved with the adapter")
    count = int(handle.get_slice(key).get_shape()[0])
    stored = read_labels(read_json(base / "config.json"), str(base / "config.json"))
    return stored if len(stored) == count else tuple(f"LABEL_{index}" for index in range(count))
