"""`encodery import`: an original checkpoint → a published model folder."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from encodery.artifact import artifact_key, publish
from encodery.errors import UserError
from encodery.families.folder import ModelFolder, save_folder
from encodery.originals import bert, fairseq, xlm
from encodery.originals.original import Original, to_folder

READERS: Mapping[str, Callable[[Path], Original | None]] = {
    "bert": bert.find,
    "roberta": partial(fairseq.find, family="roberta", read_vocabulary=fairseq.byte_bpe),
    "xlm": xlm.find,
    "xlm-roberta": partial(fairseq.find, family="xlm-roberta", read_vocabulary=fairseq.unigram),
    "xlm-roberta-xl": partial(
        fairseq.find, family="xlm-roberta-xl", read_vocabulary=fairseq.unigram, may_spare_rows=True
    ),
}
"""Family → what finds its original checkpoint at a path."""


def import_original(path: Path, family: str, to: Path) -> ModelFolder:
    """Read the original checkpoint at `path` and publish it as the model folder `to`.

    Raises:
        UserError: the family's originals cannot be read, `path` holds none, it is damaged, or `to` is taken.
    """
    if family not in READERS:
        raise UserError(f"--family {family}: its originals cannot be read; one of {', '.join(READERS)} is allowed")
    if not path.exists() and not path.parent.is_dir():
        raise UserError(f"{path}: no such file or folder")
    original = READERS[family](path)
    if original is None:
        raise UserError(
            f"{path}: no original checkpoint of {family} there; name its file or the folder that holds it"
        )
    folder = to_folder(original)
    settings = {"import": family, "source": original.source}
    metrics = {"parameters": sum(parameter.numel() for parameter in folder.model.parameters())}
    manifest = {"stage": "import", "key": artifact_key(settings, {}), "config": settings, "metrics": metrics}
    with publish(to, manifest, replace=False) as into:
        save_folder(into, folder)
    return folder
