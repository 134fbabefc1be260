"""Fine-tuning by an adapter: what `lora` in a recipe adds before training and leaves behind."""

from pathlib import Path
from typing import Any

from encodery.families.adapter import attach_lora, save_adapter
from encodery.families.folder import ModelFolder
from encodery.model.lora import merge_lora
from encodery.recipe import FinetuneTable
from encodery.stages.engine import Run, base_folder

ADAPTER = "adapter"


def begin_adapter(run: Run, table: FinetuneTable, start: ModelFolder, seed: int, name: str) -> None:
    """Give the model its adapter, where the recipe asks for one, and say how much is trained."""
    if table.lora is None:
        return
    whole = sum(parameter.numel() for parameter in start.model.parameters())
    attach_lora(start, table.lora, seed, f"{name}.lora")
    trained = _trained(start)
    run.note(f"LoRA: {trained:,} of {whole:,} parameters are trained ({trained / whole:.2%})")


def finish_adapter(run: Run, table: FinetuneTable, start: ModelFolder, into: Path) -> dict[str, Any]:
    """Write the adapter beside the model and merge it into its weights; the sizes of both."""
    if table.lora is None:
        return {}
    trained = _trained(start)
    save_adapter(into / ADAPTER, start, table.lora, str(base_folder(run, table.source)))
    merge_lora(start.model)
    return {"trained_parameters": trained, "parameters": sum(p.numel() for p in start.model.parameters())}


def _trained(start: ModelFolder) -> int:
    return sum(parameter.numel() for parameter in start.model.parameters() if parameter.requires_grad)
