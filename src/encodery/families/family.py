"""A family as data: sizes, settings and names, beside ours. Behaviour is never keyed on a family's name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from encodery.errors import UserError
from encodery.families.layer_types import EveryNth
from encodery.model.config import EncoderConfig
from encodery.model.heads import HeadShape, Model

NameMap = Mapping[str, str | tuple[str, ...]]


def both(ours: str, theirs: str) -> dict[str, str]:
    """The weight and the bias of one module."""
    return {f"{ours}.{kind}": f"{theirs}.{kind}" for kind in ("weight", "bias")}


@dataclass(frozen=True)
class Head:
    """One head of a family: its weights' names and what it computes."""

    name_map: NameMap
    shape: HeadShape

    @property
    def weights(self) -> frozenset[str]:
        """Their names of all its weights."""
        values = self.name_map.values()
        return frozenset(part for theirs in values for part in ((theirs,) if isinstance(theirs, str) else theirs))


@dataclass(frozen=True)
class Coded:
    """A key of their config that says in values of its own what a field of ours says."""

    key: str
    values: Mapping[Any, Any]
    """Our value → theirs."""


@dataclass(frozen=True)
class Follows:
    """A field of ours that their config does not hold, because it follows from another: `times * field + plus`."""

    field: str
    times: int = 1
    plus: int = 0

    def value(self, config: EncoderConfig) -> int | float:
        """The one value that fits the rest of `config`."""
        base: int | float = getattr(config, self.field)
        return self.times * base + self.plus


@dataclass(frozen=True)
class DecoderSide:
    """What tells a family's decoder from its encoder."""

    name_map: NameMap
    """The weights of cross-attention, which the encoder does not have."""
    fixed: Mapping[str, Any]
    """Config keys that hold another value than the encoder's."""
    architecture: str
    """The class of the decoder with its head over the vocabulary."""
    head: str = "mlm"
    """That head."""
    in_transformers: bool = True
    """Whether `transformers` opens an encoder with this decoder."""


@dataclass(frozen=True)
class Family:
    """Everything that tells one published architecture from another."""

    model_type: str
    """The `model_type` of its `config.json`."""
    presets: Mapping[str, Mapping[str, Any]]
    """Published sizes by name, as `EncoderConfig` fields."""
    config_map: Mapping[str, str | Coded]
    """Our config field → theirs."""
    fixed: Mapping[str, Any]
    """Their config keys that must hold this value where present: anything else is mathematics we do not have.
    A dotted key is one in a table of theirs: checked, but not written."""
    base_prefix: str
    """Prefix of the encoder's weights in a checkpoint with heads; a bare encoder's file leaves it out."""
    name_map: NameMap
    pooler_map: NameMap
    heads: Mapping[str, Head]
    architectures: Mapping[frozenset[str], str]
    """Heads → the class name that `config.json` announces."""
    tied: Mapping[str, str]
    """Their names of copies that share storage with another of their weights."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Our fields whose value, where nothing is said, is not that of `EncoderConfig`."""
    follows: Mapping[str, Follows] = field(default_factory=dict)
    """Our fields that follow from others."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What a key of `fixed` asks for, where its name does not say it."""
    old_keys: Mapping[str, str] = field(default_factory=dict)
    """Config keys of early releases → today's."""
    new_keys: Mapping[str, str | EveryNth] = field(default_factory=dict)
    """Config keys of later releases, dotted where they are in tables → those of `config_map`, over which they win."""
    token_ids: Mapping[str, str] = field(default_factory=dict)
    """Config keys of special tokens → the tokenizer's attribute, where a folder's `kept` keys do not say them."""
    kept: tuple[str, ...] = ()
    """Their config keys that pass through a model folder as they are."""
    common: frozenset[str] = frozenset()
    """Modules that every head has under the same names: a new head takes them from the checkpoint's head."""
    ignored: frozenset[str] = frozenset()
    """Their buffers that hold no weight."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Old endings of their names → today's."""
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of the tokenizer that the family's papers use, as `TokenizerSpec` fields."""
    objective: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of its pretraining objective, as `ObjectiveConfig` fields."""
    decoder: DecoderSide | None = None
    """Its decoder, in the layout that `transformers` has for pairs of encoder and decoder."""
    alpha: float = 1.0
    """How its pretraining samples languages, where the text names any (`data.languages`)."""

    def their_key(self, name: str) -> str:
        """The key of `config.json` that holds this field of ours, if one does."""
        entry = self.config_map.get(name, name)
        return entry.key if isinstance(entry, Coded) else entry

    def preset(self, name: str, **changes: Any) -> dict[str, Any]:
        """The fields of a preset, some changed.

        Raises:
            UserError: no such preset.
        """
        if name not in self.presets:
            raise UserError(
                f"{self.model_type} has no preset {name!r}; choose one of {', '.join(self.presets)}, "
                "or give the sizes field by field"
            )
        return {**self.presets[name], **changes}

    def encoder(self, fields: Mapping[str, Any], source: str) -> EncoderConfig:
        """An encoder of this family: its defaults, these fields, and what follows from them.

        Raises:
            UserError: a field is wrong, or has a value that the family's `config.json` cannot express.
        """
        config = EncoderConfig.parse({**self.defaults, **fields}, source)
        followed = {name: rule.value(config) for name, rule in self.follows.items() if name not in fields}
        if followed:
            config = EncoderConfig.parse({**config.model_dump(), **followed}, source)
        self.check(config, source)
        return config

    def check(self, config: EncoderConfig, source: str) -> None:
        """Raises `UserError` if a field has a value that the family's `config.json` cannot express."""
        for name, info in EncoderConfig.model_fields.items():
            entry = self.config_map.get(name)
            if isinstance(entry, str):
                continue
            allowed: list[Any] = list(entry.values) if entry else [self.defaults.get(name, info.default)]
            if name in self.follows:
                allowed = [self.follows[name].value(config)]
            value = getattr(config, name)
            if value not in allowed:
                raise UserError(
                    f"{source}: {name} = {value!r} does not exist in {self.model_type}; "
                    f"{' or '.join(map(repr, allowed))} does"
                )

    def model(
        self, config: EncoderConfig, heads: Collection[str], num_labels: int = 0, pooler: bool = False
    ) -> Model:
        """A model with heads in the shapes that this family gives them.

        Raises:
            UserError: the family has no such head.
        """
        for name in heads:
            if name not in self.heads:
                raise UserError(f"{self.model_type} has no head {name!r}; it has {', '.join(self.heads)}")
        return Model(config, {name: self.heads[name].shape for name in heads}, num_labels, pooler)


def config_from_theirs(family: Family, theirs: Mapping[str, Any], source: str) -> EncoderConfig:
    """Read a `config.json`.

    Raises:
        UserError: a size is missing or impossible, or a setting asks for mathematics that is not implemented.
    """
    for key, value in family.fixed.items():
        for found in _stated(theirs, key):
            if found != value:
                meaning = f" ({family.meanings[key]})" if key in family.meanings else ""
                raise UserError(f"{source}: {key} = {found!r}{meaning} is not supported; only {value!r} is")
    theirs = {today: theirs[old] for old, today in family.old_keys.items() if old in theirs} | dict(theirs)
    theirs |= _renamed(family, theirs, source)
    fields = {}
    for name, entry in family.config_map.items():
        if (key := family.their_key(name)) in theirs:
            fields[name] = _decode(entry, theirs[key], source) if isinstance(entry, Coded) else theirs[key]
    return family.encoder(fields, source)


def _stated(theirs: Mapping[str, Any], path: str) -> list[Any]:
    """The value of a dotted key, if there is one."""
    table, _, rest = path.partition(".")
    if not rest:
        return [theirs[path]] if path in theirs else []
    inner = theirs.get(table)
    return _stated(inner, rest) if isinstance(inner, Mapping) else []


def _renamed(family: Family, theirs: Mapping[str, Any], source: str) -> dict[str, Any]:
    """What the keys of later releases say, under the keys of the map."""
    renamed: dict[str, Any] = {}
    for path, entry in family.new_keys.items():
        for value in _stated(theirs, path):
            if isinstance(entry, str):
                renamed[entry] = value
            elif value is not None:
                renamed[entry.key] = entry.number(value, theirs.get(entry.key))
                if renamed[entry.key] is None:
                    raise UserError(
                        f"{source}: {path} = {value!r:.80} is not supported; only {entry.first!r} at the first and "
                        f"every n-th layer and {entry.other!r} at all others is"
                    )
    return renamed


def _decode(entry: Coded, value: Any, source: str) -> Any:
    for ours, theirs in entry.values.items():
        if theirs == value:
            return ours
    allowed = " or ".join(map(repr, entry.values.values()))
    raise UserError(f"{source}: {entry.key} = {value!r} is not supported; only {allowed} is")


def config_to_theirs(family: Family, config: EncoderConfig, heads: Collection[str]) -> dict[str, Any]:
    """Write a `config.json`, as a dictionary.

    Raises:
        UserError: no published class has these heads, or a field cannot be expressed.
    """
    family.check(config, family.model_type)
    if frozenset(heads) not in family.architectures:
        sets = ", ".join("+".join(sorted(known)) or "none" for known in family.architectures)
        raise UserError(
            f"{family.model_type} has no class with the heads {'+'.join(sorted(heads))}; there are {sets}"
        )
    written = {}
    for name, entry in family.config_map.items():
        value = getattr(config, name)
        written[family.their_key(name)] = entry.values[value] if isinstance(entry, Coded) else value
    return {
        "model_type": family.model_type,
        "architectures": [family.architectures[frozenset(heads)]],
        **written,
        **{key: value for key, value in family.fixed.items() if "." not in key},
    }
