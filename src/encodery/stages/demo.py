"""The embedded recipe and its data, laid out as a user's own would be."""

import filecmp
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

from encodery.demo import world
from encodery.errors import UserError
from encodery.tasks.metrics import translation_signature

DATA = "demo-data"
RECIPE = "demo.toml"


def prepare(output: Path) -> Path:
    """Write the demo's texts and recipe into `output`; what is there already and the same stays untouched.

    Raises:
        UserError: the folder cannot be written, or what scores its translation is not installed.
    """
    translation_signature(1)  # said now, not after minutes of training
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output) as temporary:
            fresh = Path(temporary) / DATA
            world.write(fresh)
            if not _same(fresh, output / DATA):
                shutil.rmtree(output / DATA, ignore_errors=True)
                fresh.rename(output / DATA)
        source = files("encodery.demo").joinpath("recipe.toml").read_text(encoding="utf-8")
        (output / RECIPE).write_text(source, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{output}: cannot be written ({error.strerror}); choose another folder with --output"
        ) from None
    return output / RECIPE


def _same(left: Path, right: Path) -> bool:
    names = [str(path.relative_to(left)) for path in sorted(left.rglob("*")) if path.is_file()]
    return right.is_dir() and filecmp.cmpfiles(left, right, names, shallow=False)[0] == names
