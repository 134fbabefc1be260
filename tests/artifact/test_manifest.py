import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.artifact import Manifest, artifact_key, canonical_json
from encodery.errors import UserError

PATH = Path("run/pretrain/manifest.json")
HASH = "0123456789abcdef" * 4
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=7,
)
tables = st.dictionaries(st.text(), plain, max_size=5)


def manifest(**fields: Any) -> Manifest:
    return Manifest(**{"stage": "pretrain", "key": "k", **fields})


def test_canonical_json_is_one_spelling() -> None:
    assert canonical_json({"b": (1, 2.5), "a": None, "ü": True}) == b'{"a":null,"b":[1,2.5],"\\u00fc":true}'


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_canonical_json_has_no_spelling_for(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"loss": number})


def test_artifact_key_is_a_known_hash() -> None:
    # printf '{"config":{"lr":0.001},"parents":{"corpus":"c"}}' | sha256sum
    key = "1b4faad54cf6c756647bf26960b41cdd993ad8786720511b3ea216d4f405ce1b"
    assert artifact_key({"lr": 0.001}, {"corpus": "c"}) == key


@settings(max_examples=40)
@given(tables)
def test_artifact_key_does_not_depend_on_order(config: dict[str, Any]) -> None:
    assert artifact_key(dict(reversed(config.items())), {}) == artifact_key(config, {})


@settings(max_examples=40)
@given(tables, tables)
def test_artifact_key_tells_configs_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (artifact_key(one, {}) == artifact_key(other, {})) == (canonical_json(one) == canonical_json(other))


def test_artifact_key_tells_what_json_tells_apart() -> None:
    keys = {artifact_key({"a": value}, {}) for value in (1, 1.0, True, "1", [1], None)}
    assert len(keys) == 6
    assert artifact_key({"a": "x"}, {}) != artifact_key({}, {"a": "x"})


@settings(max_examples=40)
@given(tables, tables)
def test_manifest_round_trip(config: dict[str, Any], metrics: dict[str, Any]) -> None:
    files = {"model.safetensors": {"sha256": HASH, "size": 7}, "shards/000.bin": {"sha256": HASH, "size": 0}}
    written = manifest(config=config, metrics=metrics, parents={"corpus": "c"}, files=files, created="2026-01-02")
    assert Manifest.from_bytes(written.to_bytes(), PATH) == written


def test_manifest_reads_what_was_hashed() -> None:
    written = manifest(config={"sizes": (2, 3), "path": Path("a/b")})
    read = Manifest.from_bytes(written.to_bytes(), PATH)
    assert read.config == {"sizes": [2, 3], "path": "a/b"}


def test_every_changed_byte_of_a_manifest_is_noticed() -> None:
    content = manifest(
        files={"a.bin": {"sha256": HASH, "size": 5}}, metrics={"loss": 0.5}, config={"lr": 1e-3}
    ).to_bytes()
    for offset in range(len(content)):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128):
            damaged = bytearray(content)
            damaged[offset] ^= flip
            with pytest.raises(UserError, match=r"^run/pretrain/manifest\.json: damaged, it does not match its own"):
                Manifest.from_bytes(bytes(damaged), PATH)


def test_every_truncation_of_a_manifest_is_noticed() -> None:
    content = manifest().to_bytes()
    for length in range(len(content) - 1):  # without the final line feed it is still whole
        with pytest.raises(UserError, match="damaged"):
            Manifest.from_bytes(content[:length], PATH)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"7", b"{}", b"[" * 100_000, b'{"sha256": NaN}', b"\xff"])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(UserError, match="damaged"):
        Manifest.from_bytes(content, PATH)


def resealed(**changes: Any) -> bytes:
    """A manifest that someone changed by hand, its own hash made to fit."""
    values = json.loads(manifest().to_bytes())
    del values["sha256"]
    values.update(changes)
    return json.dumps({**values, "sha256": hashlib.sha256(canonical_json(values)).hexdigest()}).encode()


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../other", "a/../../b", "a/./b", "a//b", "", ".", "..", "a/", "C:x", "a\\b", "..\\b", "a\0b"],
)
def test_a_manifest_cannot_name_a_file_outside(name: str) -> None:
    content = resealed(files={name: {"sha256": HASH, "size": 1}})
    with pytest.raises(UserError, match="is not a relative path inside the folder") as caught:
        Manifest.from_bytes(content, PATH)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["a", "a.b", "a/b/c", "..a", "a..", ".hidden", "ü b"])
def test_a_manifest_can_name_a_file_inside(name: str) -> None:
    content = resealed(files={name: {"sha256": HASH, "size": 1}})
    assert list(Manifest.from_bytes(content, PATH).files) == [name]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"sha256": HASH[1:], "size": 1}, "files.a.sha256"),
        ({"sha256": HASH + "\n", "size": 1}, "files.a.sha256"),
        ({"sha256": HASH, "size": -1}, "files.a.size = -1"),
        ({"sha256": HASH}, "missing key 'files.a.size'"),
    ],
)
def test_a_file_record_is_checked(record: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        Manifest.from_bytes(resealed(files={"a": record}), PATH)
    assert str(caught.value).startswith(f"{PATH}: ")
    assert message in str(caught.value)


def test_a_field_of_a_later_version_is_named() -> None:
    with pytest.raises(UserError, match="unknown key 'metric'; did you mean 'metrics'"):
        Manifest.from_bytes(resealed(metric={}), PATH)
