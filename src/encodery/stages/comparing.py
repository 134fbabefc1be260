"""`encodery compare`: schemes under several seeds at equal budget, and one table of what came of it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from encodery.artifact.disk import explained, fsync_path, write_bytes
from encodery.config import read_json, write_json
from encodery.errors import UserError
from encodery.report.tables import grid
from encodery.stages.alike import check_alike
from encodery.stages.comparison import Comparison, compared, to_json
from encodery.stages.comparison_page import comparison_page
from encodery.stages.comparison_tables import tables, to_markdown
from encodery.stages.engine import RUN_FILE, lock, run
from encodery.stages.fairness import BUDGETS, check_fair
from encodery.stages.figures import outcome
from encodery.stages.schemes import Scheme, Seeded, load_schemes, seeded
from encodery.train.distributed import joined_ranks

NAME = "comparison"
VERSUS = " vs "
MAX_FOLDER_LENGTH = 100


def run_comparison(
    console: Console,
    recipes: Sequence[Path],
    num_seeds: int,
    overrides: Sequence[str] = (),
    output: Path | None = None,
    budget: str = BUDGETS[0],
    unequal: bool = False,
) -> Path:
    """Run every recipe with the seeds 1 to `num_seeds` and write `comparison.json`, `.md` and `.html`; returns the
    folder. What is done already is not done again, what was killed continues. Several ranks train together, as in
    `encodery run`.

    Raises:
        UserError: as `load_schemes`, `check_fair` and the stages (then with scheme and seed); there are no seeds, the
            folder is another's, or ranks were not started alike.
        Interrupted: a stage was asked to stop and saved its state.
    """
    if num_seeds < 1:
        raise UserError(f"--seeds {num_seeds}: one or more is needed, three or more for intervals over seeds")
    if budget not in BUDGETS:
        raise UserError(f"--budget {budget:.80}: one of {', '.join(BUDGETS)} is allowed")
    with joined_ranks() as ranks:
        names = [str(path) for path in recipes]
        check_alike(
            ranks, {"recipes": names, "seeds": num_seeds, "overrides": list(overrides), "output": str(output)}
        )
        schemes = load_schemes(recipes, overrides)
        notes = check_fair(schemes, budget, unequal)
        folder = output or default_folder(schemes)
        seeds = range(1, num_seeds + 1)
        runs = seeded(schemes, seeds, folder, console, ranks)
        if ranks.is_first:
            _compare(console, schemes, seeds, runs, notes, budget, folder)
        else:
            for one in runs:
                _run(one)
    return folder


def _compare(
    console: Console,
    schemes: Sequence[Scheme],
    seeds: Sequence[int],
    runs: Sequence[Seeded],
    notes: Sequence[str],
    budget: str,
    folder: Path,
) -> None:
    """What the first rank does: all but its share of the trainings."""
    _claim(folder)
    with lock(folder, "compare"):
        for note in notes:
            console.print(note, style="yellow", soft_wrap=True, markup=False)
        for one in runs:
            console.print(f"[bold]{one.scheme.name}, seed {one.seed}[/]")
            _run(one)
        comparison = compared(schemes, seeds, [outcome(one) for one in runs], notes, budget)
        _write(folder, comparison)
    _show(console, comparison, folder, len(notes))


def default_folder(schemes: Sequence[Scheme]) -> Path:
    """Beside the runs of the first recipe, named after all."""
    name = "-vs-".join(scheme.name for scheme in schemes)
    return Path(schemes[0].recipe.output) / name[:MAX_FOLDER_LENGTH]


def _run(one: Seeded) -> None:
    where = f"{one.scheme.name}, seed {one.seed}: "
    try:
        run(one.run, one.stages)
    except UserError as error:  # one of another rank says where already
        raise UserError(f"{where}{str(error).removeprefix(where)}") from None


def _claim(folder: Path) -> None:
    """Make the folder and note what it is.

    Raises:
        UserError: it cannot be written, or holds something else.
    """
    mark = folder / RUN_FILE
    if folder.is_file() or (folder.exists() and any(folder.iterdir()) and not _is_comparison(mark)):
        raise UserError(f"{folder}: exists and is no comparison of Encodery; choose another --output")
    with explained("save", folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists():
            write_json(mark, {"recipe": None, NAME: True})


def _is_comparison(mark: Path) -> bool:
    return mark.is_file() and read_json(mark).get(NAME) is True


def _write(folder: Path, comparison: Comparison) -> None:
    """The three files, each there whole or as it was before."""
    title = VERSUS.join(comparison.names)
    contents = {
        "json": to_json(comparison),
        "md": to_markdown(comparison, title),
        "html": comparison_page(comparison, title),
    }
    for suffix, content in contents.items():
        path = folder / f"{NAME}.{suffix}"
        beside = folder / f".{path.name}.part"
        with explained("save", path):
            write_bytes(beside, content.encode())
            fsync_path(beside)
            beside.replace(path)


def _show(console: Console, comparison: Comparison, folder: Path, said: int) -> None:
    for table in tables(comparison):
        console.print()
        console.print(grid(table))
    console.print()
    for note in comparison.notes[said:]:
        console.print(note, style="yellow", soft_wrap=True, markup=False)
    console.print(f"comparison {(folder / NAME).resolve()}.html", soft_wrap=True, markup=False)
