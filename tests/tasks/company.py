"""Predictions of a record among others, among the same in reverse, and alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder
from encodery.model.heads import Model
from encodery.serve.predictor import Predictor
from encodery.tasks.task import Task
from tests.tasks.conftest import CONFIG, make_tokenizer

Prediction = dict[str, Any]


def random_model(head: str, num_labels: int = 0) -> Model:
    """Weights so large that different texts get different predictions."""
    model = Model(CONFIG, (head,), num_labels)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return model.eval()


def in_company(
    model: Model, task: Task, records: Sequence[str | Mapping[str, Any]]
) -> list[tuple[Prediction, Prediction, Prediction]]:
    """The three of each record, which have to be the same."""
    folder = ModelFolder(FAMILIES["bert"], model, make_tokenizer())
    several, single = Predictor(folder, task, max_tokens=67), Predictor(folder, task, max_tokens=1)
    reverse = several.predict(records[::-1])[::-1]
    alone = [single.predict([record])[0] for record in records]
    return list(zip(several.predict(records), reverse, alone, strict=True))
