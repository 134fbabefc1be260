"""A recipe's stages: functions from artifacts to an artifact on disk, skipped when fresh, resumable when killed."""

from encodery.stages.engine import Planned, Run, Stage, open_run, plan, run

__all__ = ["Planned", "Run", "Stage", "open_run", "plan", "run"]
