"""What a user may say of an export: options of the command, keys of a recipe's table."""

from typing import Literal

from pydantic import Field

from encodery.config import Config
from encodery.deploy.bundle import Dtype, EngineName
from encodery.deploy.quantize import COSINE


class ExportSettings(Config):
    """How a model is exported."""

    dtype: Dtype = "int8"
    engine: Literal["auto", "openvino", "onnxruntime"] = "auto"
    """`auto`: the fastest here of those that can compute `dtype`."""
    task: Literal["feature-extraction"] | None = None
    """Vectors in the place of what the model's head says."""
    max_metric_drop: float = Field(default=0.5, ge=0.0, le=100.0)
    """Points of the task's first metric that may be lost on the dev data."""
    min_cosine: float = Field(default=COSINE, ge=0.9, le=1.0)
    """Of the hidden states that the head reads with those of the model, the mean; for bf16 and int8."""

    @property
    def engines(self) -> tuple[EngineName, ...]:
        """Those to try."""
        if self.engine != "auto":
            return (self.engine,)
        return ("openvino",) if self.dtype == "bf16" else ("openvino", "onnxruntime")
