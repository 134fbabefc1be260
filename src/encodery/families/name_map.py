"""The engine that reads a family's weight names: what a checkpoint's tensors are here, and the way back.

A map goes from our name to theirs; a tuple on their side is joined along dimension 0 (query, key and value are one
product here). `{}` stands for a layer number on both sides.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from encodery.errors import UserError
from encodery.families.family import Family, NameMap
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model


def names(family: Family, config: EncoderConfig, heads: Collection[str], pooler: bool) -> dict[str, tuple[str, ...]]:
    """Our name → their names, layers written out, for a model with these heads."""
    merged: dict[str, str | tuple[str, ...]] = {f"encoder.{ours}": theirs for ours, theirs in family.name_map.items()}
    if pooler:
        merged |= {f"pooler.{ours}": theirs for ours, theirs in family.pooler_map.items()}
    for head in heads:
        merged |= {f"heads.{head}.{ours}": theirs for ours, theirs in family.heads[head].name_map.items()}
    return dict(_expand(merged, config.num_hidden_layers))


def _expand(name_map: NameMap, num_layers: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    for ours, theirs in name_map.items():
        parts = theirs if isinstance(theirs, tuple) else (theirs,)
        if "{}" not in ours:
            yield ours, parts
            continue
        for layer in range(num_layers):
            yield ours.format(layer), tuple(part.format(layer) for part in parts)


def state_to_theirs(family: Family, model: Model) -> dict[str, Tensor]:
    """The model's weights under the family's names; joined weights are split, tied copies are left out."""
    mapping = names(family, model.config, list(model.heads), model.pooler is not None)
    theirs: dict[str, Tensor] = {}
    for ours, tensor in model.state_dict().items():
        if ours not in mapping:
            continue  # a tied copy: the map names each storage once
        parts = mapping[ours]
        theirs |= zip(parts, (chunk.contiguous() for chunk in tensor.chunk(len(parts))), strict=True)
    return theirs


def canonical_name(family: Family, name: str) -> str:
    """A checkpoint's weight name with its prefix present and its old endings renewed."""
    for old, new in family.aliases.items():
        if name.endswith(old):
            name = name.removesuffix(old) + new
    roots = {part.split(".")[0] for part in _bare_encoder_names(family)}
    return f"{family.base_prefix}{name}" if name.split(".")[0] in roots else name


def has_pooler(family: Family, foreign: Collection[str]) -> bool:
    """Whether a checkpoint with these names brings a pooler."""
    theirs = set(family.pooler_map.values())
    return bool(theirs) and theirs <= {canonical_name(family, name) for name in foreign}


def _bare_encoder_names(family: Family) -> Iterator[str]:
    for theirs in (*family.name_map.values(), *family.pooler_map.values()):
        for part in theirs if isinstance(theirs, tuple) else (theirs,):
            yield part.removeprefix(family.base_prefix)


@dataclass(frozen=True)
class Assignment:
    """How a checkpoint fills a model: our name → (its name in the file, …); and what starts fresh."""

    sources: Mapping[str, tuple[str, ...]]
    fresh: tuple[str, ...]


def assign(
    family: Family,
    model: Model,
    foreign: Mapping[str, tuple[int, ...]],
    source: str,
    fresh_heads: Collection[str] = (),
    complete: bool = False,
) -> Assignment:
    """Plan the loading of weights with these names and shapes; every foreign name is accounted for exactly once.

    `fresh_heads` start fresh, and so do, unless the checkpoint must be `complete`, the pooler and the heads of which
    it holds nothing; heads that the model lacks are passed over. What a family's heads have in common (`common`) is
    taken wherever the checkpoint has it.

    Raises:
        UserError: weights missing, left over or of another shape; both sides are listed.
    """
    by_name = _by_canonical_name(family, foreign, source)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    num_layers = model.config.num_hidden_layers
    mapping = names(family, model.config, list(model.heads), model.pooler is not None)
    wanted = {ours: parts for ours, parts in mapping.items() if ours in shapes}
    known = names(family, model.config, list(family.heads), True)
    expected = set(family.tied)
    for ours, parts in known.items():
        if ours in shapes or not ours.startswith("encoder."):  # heads that the model lacks are passed over
            expected.update(parts)
    unknown = sorted(set(by_name) - expected - family.ignored)
    module = {ours: _module(family, ours) for ours in wanted}
    skipped = {f"heads.{head}" for head in fresh_heads}
    found = {
        ours: parts
        for ours, parts in wanted.items()
        if all(part in by_name for part in parts) and module[ours] not in skipped
    }
    needed = ({"encoder"} | {module[ours] for ours in (wanted if complete else found)}) - skipped
    lost = sorted(
        part for ours, parts in wanted.items() if module[ours] in needed for part in parts if part not in by_name
    )
    if unknown or lost:
        raise UserError(
            f"{source}: the weights do not fit a {family.model_type} of {num_layers} layers; "
            f"missing: {_some(lost)}; not known: {_some(unknown)}"
        )
    sources = {ours: tuple(by_name[part] for part in parts) for ours, parts in found.items()}
    _check_shapes(shapes, sources, foreign, source)
    return Assignment(sources, tuple(ours for ours in wanted if ours not in found))


def _by_canonical_name(family: Family, foreign: Collection[str], source: str) -> dict[str, str]:
    """Canonical name → name in the file; a tied copy stands in for an original that is not there."""
    by_name: dict[str, str] = {}
    for name in foreign:
        canonical = canonical_name(family, name)
        if canonical in by_name:
            raise UserError(f"{source}: {by_name[canonical]!r} and {name!r} are the same weight")
        by_name[canonical] = name
    for copy, original in family.tied.items():
        if original not in by_name and copy in by_name:
            by_name[original] = by_name.pop(copy)
    return by_name


def copies(family: Family, foreign: Collection[str]) -> list[tuple[str, str]]:
    """Names in the file that stand for one storage here: (copy, original). Their values must be the same."""
    by_name = {canonical_name(family, name): name for name in foreign}
    pairs = ((by_name.get(copy), by_name.get(original)) for copy, original in family.tied.items())
    return [(copy, original) for copy, original in pairs if copy and original]


def shared_heads(family: Family, first: Collection[str], second: Collection[str]) -> set[str]:
    """Those of the heads `first` that have a weight's name in common with one of the heads `second`."""
    taken = set().union(*(family.heads[head].weights for head in second))
    return {head for head in first if family.heads[head].weights & taken}


def _module(family: Family, ours: str) -> str:
    """What a weight of ours belongs to, and is found or lost with: `encoder`, `pooler`, a head or its common part."""
    first, *rest = ours.split(".")
    if first != "heads":
        return first
    return f"{first}.{rest[0]} in common" if rest[1] in family.common else f"{first}.{rest[0]}"


def _check_shapes(
    shapes: Mapping[str, tuple[int, ...]],
    sources: Mapping[str, tuple[str, ...]],
    foreign: Mapping[str, tuple[int, ...]],
    source: str,
) -> None:
    for ours, parts in sources.items():
        rows, *rest = shapes[ours]
        wanted = (rows // len(parts), *rest)  # joined weights are of one size
        for part in parts:
            if foreign[part] != wanted:
                raise UserError(f"{source}: {part} has shape {foreign[part]}, but config.json asks for {wanted}")


def fill(model: Model, assignment: Assignment, read: Callable[[Collection[str]], Mapping[str, Tensor]]) -> None:
    """Copy the planned weights into the model, which takes memory here if it was on the meta device.

    `read` gives tensors by their names in the file. It is asked for one layer, or one part that is not a layer, at a
    time, so that no more than this is ever there twice. They are copied though they might be kept as they are, in
    pages of the file: there they begin at any address, and products of matrices depend on that in their last bit.
    """
    state = model.state_dict(keep_vars=True)
    filled: dict[int, Tensor] = {}
    in_order = [ours for ours in state if ours in assignment.sources]  # layer after layer
    for _, members in groupby(in_order, key=_part):
        sources = {ours: assignment.sources[ours] for ours in members}
        tensors = read([part for parts in sources.values() for part in parts])
        for ours, parts in sources.items():
            filled[id(state[ours])] = _filled(state[ours], [tensors[part] for part in parts])
    for module in model.modules():  # a tied weight stands in several
        for name, old in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            setattr(module, name, filled.get(id(old), old))


def _part(ours: str) -> str:
    """`encoder.layers.N`, or the module or weight that stands elsewhere."""
    return ".".join(ours.split(".")[:3])


def _filled(weight: Tensor, parts: Sequence[Tensor]) -> Tensor:
    """A weight with the values of the parts, joined: itself, or a new one if it is on the meta device."""
    if weight.is_meta:
        empty = torch.empty(weight.shape, dtype=weight.dtype)
        weight = nn.Parameter(empty) if isinstance(weight, nn.Parameter) else empty
    with torch.no_grad():
        for target, part in zip(weight.chunk(len(parts)), parts, strict=True):
            target.copy_(part)
    return weight


def _some(found: list[str], limit: int = 8) -> str:
    shown = ", ".join(found[:limit]) or "nothing"
    return shown if len(found) <= limit else f"{shown} and {len(found) - limit} more"
