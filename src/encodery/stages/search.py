"""The `search` stage: fine-tune again and again with other values, and tell which did best on the dev data.

Each trial is a function of the seed and of the trials before it: the sampler is made anew from them. A finished trial
is one file, written whole; one that was killed has none, so it is suggested and trained again, from its checkpoint.
"""

import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from encodery.artifact import artifact_key
from encodery.artifact.disk import explained, fsync_path
from encodery.config import read_json, write_json
from encodery.errors import Hopeless, UserError
from encodery.recipe import FinetuneTable
from encodery.stages.engine import TRIALS, Metrics, Run
from encodery.stages.finetuning import build_finetune
from encodery.train.device import step_seed
from encodery.train.selection import chosen_metric, lower_is_better
from encodery.train.space import Range, SearchTable

SEARCH = "search"
TABLE, BEST = "trials.jsonl", "best.toml"
Trial = Mapping[str, Any]
"""`trial` (from 1), `values` by key; then `metric`, `value` and `dev` of its model, or the `error` that ended it."""


def build_search(run: Run, into: Path, work: Path) -> Metrics:
    """All trials as `trials.jsonl`, and the best values as lines for the recipe, `best.toml`.

    Raises:
        UserError: Optuna is not installed, or every trial failed.
        Interrupted: asked to stop; the same command continues with this trial.
    """
    search = run.recipe.search
    assert search is not None
    _require_optuna()
    done = list(_finished(work / TRIALS, search.trials))
    while len(done) < search.trials:
        number = len(done) + 1
        values = suggest(search, done, run.recipe.seed)
        run.note(f"search: trial {number} of {search.trials}: {_shown(values)}")
        trial = {"trial": number, "values": values, **_train(run, search, values, work)}
        _finish(work / TRIALS, trial)
        done.append(trial)
        run.note(f"search: {_result(trial)}")
    best = best_of(done)
    if best is None:
        raise UserError(f"search: every trial failed, the last one with: {done[-1]['error']}")
    (into / TABLE).write_text("".join(json.dumps(trial, ensure_ascii=False) + "\n" for trial in done))
    (into / BEST).write_text(snippet(search, best, len(done)))
    run.note(f"search: best is {_result(best)}: {_shown(best['values'])}")
    return {"trials": len(done), "best": best}


def suggest(search: SearchTable, done: Sequence[Trial], seed: int) -> dict[str, Any]:
    """The values of the next trial: the tree-structured Parzen estimator (Bergstra et al. 2011, section 4) over the
    finished ones; those that failed count as worse than any other."""
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    axes = {key: _distribution(axis) for key, axis in search.space.items()}
    lower = any(lower_is_better(trial["metric"]) for trial in done if "metric" in trial)
    sampler = optuna.samplers.TPESampler(seed=step_seed(seed, len(done)) % 2**32)
    study = optuna.create_study(direction="minimize" if lower else "maximize", sampler=sampler)
    for trial in done:
        state = TrialState.COMPLETE if "value" in trial else TrialState.PRUNED
        study.add_trial(
            optuna.trial.create_trial(
                state=state, params=dict(trial["values"]), distributions=axes, value=trial.get("value")
            )
        )
    return dict(study.ask(axes).params)


def _distribution(axis: Any) -> Any:
    from optuna import distributions

    if not isinstance(axis, Range):
        return distributions.CategoricalDistribution(axis)
    if axis.is_whole:
        return distributions.IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return distributions.FloatDistribution(float(axis.low), float(axis.high), log=axis.log)


def _train(run: Run, search: SearchTable, values: Mapping[str, Any], work: Path) -> dict[str, Any]:
    """What came of a trial. Its checkpoints lie under the hash of its values: no other trial can take them up."""
    table = run.recipe.finetune[search.finetune].with_values({**values, "test": None})
    recipe = run.recipe.model_copy(update={"finetune": {search.finetune: table}})
    place = work / f"trial-{artifact_key(dict(values), {})[:12]}"
    into = place / "model"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    try:
        metrics = build_finetune(replace(run, recipe=recipe), into, place, search.finetune, table.seeds[0])
    except (UserError, Hopeless) as error:  # of this trial: its rate was too high, say
        return {"error": str(error)}
    finally:
        shutil.rmtree(into, ignore_errors=True)
    shutil.rmtree(place / "checkpoints", ignore_errors=True)
    return _scored(table, metrics)


def _scored(table: FinetuneTable, metrics: Metrics) -> dict[str, Any]:
    dev = metrics["dev"]
    metric = chosen_metric(dev, table.best_metric)
    if not math.isfinite(dev[metric]):
        return {"error": f"dev {metric} is not a finite number"}
    return {"metric": metric, "value": dev[metric], "dev": dev, "steps": metrics["steps"]}


def best_of(done: Sequence[Trial]) -> Trial | None:
    """The trial that did best, the first of equal ones; None if all failed."""
    scored = [trial for trial in done if "value" in trial]
    return max(scored, key=lambda t: -t["value"] if lower_is_better(t["metric"]) else t["value"], default=None)


def snippet(search: SearchTable, best: Trial, trials: int) -> str:
    """The best values as TOML for the recipe."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in best["values"].items()]
    title = f"# Trial {best['trial']} of {trials}: dev {best['metric']} {best['value']:.4f}."
    return "\n".join(
        [title, "# Put these lines into the recipe's table:", f"[finetune.{search.finetune}]", *lines, ""]
    )


def _finished(folder: Path, most: int) -> Iterator[Trial]:
    """The trials that are done, in order."""
    for number in range(1, most + 1):
        if not (folder / _name(number)).is_file():
            return
        yield read_json(folder / _name(number))


def _finish(folder: Path, trial: Trial) -> None:
    """Write a trial's file: whole, under its name, or not at all."""
    with explained("save", folder):
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / ".part"
        write_json(beside, trial)
        fsync_path(beside)
        beside.replace(folder / _name(trial["trial"]))
        fsync_path(folder)


def _name(number: int) -> str:
    return f"{number:05d}.json"


def _shown(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {v:.3g}" if isinstance(v, float) else f"{key} = {v}" for key, v in values.items())


def _result(trial: Trial) -> str:
    if "error" in trial:
        return f"trial {trial['trial']} failed: {trial['error']}"
    return f"trial {trial['trial']}, dev {trial['metric']} {trial['value']:.4f}"


def _require_optuna() -> None:
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise UserError("[search] needs Optuna; try: pip install 'encodery[search]'") from None
