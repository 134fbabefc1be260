"""Token shards that were written elsewhere (`corpus.shards`): the artifact says where, and keeps their tables."""

import json
from pathlib import Path
from typing import Any

from encodery.artifact import MANIFEST
from encodery.corpus.remote import RemoteFile, remote_files
from encodery.data.remote_shards import REMOTE, ShardsTable
from encodery.data.shard_cache import ShardCache
from encodery.data.shard_format import MANIFEST as SHARDS_MANIFEST
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.files.streams import reading
from encodery.recipe import PRETRAIN, PretrainTable
from encodery.recipe.reading_table import ReadingTable
from encodery.recipe.teaching import DISTILL
from encodery.stages.engine import Metrics, Run
from encodery.text.tokenizer import Tokenizer

SPLITS = ("train", "valid")
_MAX_TABLE_BYTES = 1 << 28
_COPIED = ("characters", "unigram_entropy")
"""What is known of the text where it was written, and would have to be counted here."""


def given_files(table: ShardsTable, base: Path) -> list[Path | RemoteFile]:
    """The tables of the shards: they hold the hash of every file.

    Raises:
        UserError: one is missing.
    """
    found: list[Path | RemoteFile] = []
    for split in SPLITS:
        name = f"{split}/{SHARDS_MANIFEST}"
        if not table.is_remote:
            found.append(base / table.path / name)
            continue
        with reading(f"{table.path}/{name}"):
            found += remote_files(f"{table.address(base)}/{name}")[0]
    return found


def given_tokenizer(run: Run) -> Tokenizer:
    """The tokenizer that the shards were written with."""
    table = _table(run)
    assert table.tokenizer is not None
    return Tokenizer.load(run.base / table.tokenizer)


def build_given_tokenizer(run: Run, into: Path, work: Path) -> Metrics:
    """The `tokenizer` stage: a copy of the one that the shards were written with."""
    tokenizer = given_tokenizer(run)
    tokenizer.save(into)
    return {"vocab_size": tokenizer.vocab_size}


def build_given_shards(run: Run, into: Path, work: Path) -> Metrics:
    """The `shards` stage: for each part its table, and where its files are."""
    table = _table(run)
    known = _known(table, run.base)
    metrics: dict[str, dict[str, Any]] = {}
    for split, file in zip(SPLITS, given_files(table, run.base), strict=True):
        folder = into / split
        folder.mkdir()
        (folder / SHARDS_MANIFEST).write_bytes(_content(file))
        (folder / REMOTE).write_text(json.dumps({"path": f"{table.address(run.base)}/{split}"}) + "\n")
        shards = Shards.open(folder, cache=cache_of(run))
        if not shards.num_documents:
            raise UserError(f"corpus.shards: the {split} part in {table.path} holds no document; write it again")
        metrics[split] = {
            "documents": shards.num_documents,
            "sentences": shards.num_sentences,
            "tokens": shards.num_tokens,
            **known.get(split, {}),
        }
        if split == "valid" and "unigram_entropy" not in metrics[split]:
            metrics[split]["unigram_entropy"] = shards.unigram_entropy()
    return metrics


def cache_of(run: Run) -> ShardCache | None:
    """Where files of shards are kept that lie elsewhere; None where they are read in their place."""
    corpus = run.recipe.corpus
    table = corpus.shards if corpus else None
    if table is None or not (table.is_remote or table.cache):
        return None
    return ShardCache(run.base / table.cache if table.cache else None, table.cache_bytes)


def check_room(run: Run, table: ReadingTable | None, folder: Path) -> None:
    """Whether what is read of the corpus can be read through the cache at all.

    Raises:
        UserError: the cache is smaller than the shards, and windows are not shuffled in blocks or next sentences are
            drawn from all of them.
    """
    cache, nsp = cache_of(run), isinstance(table, PretrainTable) and table.objective.nsp
    if cache is None or table is None or (table.shuffle is not None and not nsp):
        return
    size = Shards.size(folder)
    if size > cache.max_bytes and table.shuffle is not None:
        raise UserError(
            f"corpus.shards: the shards have {size:,} bytes, the cache holds {cache.max_bytes:,}, and next sentence "
            "prediction draws from anywhere in them; set pretrain.objective.nsp = false, or raise "
            "corpus.shards.cache_bytes"
        )
    key = PRETRAIN if isinstance(table, PretrainTable) else DISTILL
    if size > cache.max_bytes:
        raise UserError(
            f"corpus.shards: the shards have {size:,} bytes, the cache holds {cache.max_bytes:,}, and a step reads "
            f"from anywhere in them; set {key}.shuffle = {{}} to read in blocks, or raise corpus.shards.cache_bytes"
        )


def _table(run: Run) -> ShardsTable:
    assert run.recipe.corpus is not None
    assert run.recipe.corpus.shards is not None
    return run.recipe.corpus.shards


def _known(table: ShardsTable, base: Path) -> dict[str, dict[str, float]]:
    """What the manifest of the stage that wrote the shards says, where there is one."""
    place = f"{table.address(base)}/{MANIFEST}"
    try:
        file = remote_files(place)[0][0] if table.is_remote else Path(place)
        metrics = json.loads(_content(file))["metrics"]
        return {
            split: {key: float(metrics[split][key]) for key in _COPIED if key in metrics[split]} for split in SPLITS
        }
    except (UserError, ValueError, KeyError, TypeError):
        return {}  # shards that came from another tool have none


def _content(file: Path | RemoteFile) -> bytes:
    """A small file, whole."""
    with reading(str(file)), file.open("rb") as stream:
        content: bytes = stream.read(_MAX_TABLE_BYTES + 1)
    if len(content) > _MAX_TABLE_BYTES:
        raise UserError(f"{file}: over {_MAX_TABLE_BYTES >> 20} MiB; this is no table of token shards")
    return content
