"""The server that anyone writes first: FastAPI, one route, one text a call, no batching. It runs any of the engines.

`uvicorn --factory encodery.bench.plain_app:make_app`; `ENCODERY_BENCH_SIDE` holds the engine's name and its places.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from encodery.bench.predict_engines import ENGINES, Places

VARIABLE = "ENCODERY_BENCH_SIDE"


def make_app() -> Any:
    """`POST /classify {"text"}` → `{"label", "score"}`."""
    from fastapi import FastAPI
    from pydantic import BaseModel

    engine, *paths = json.loads(os.environ[VARIABLE])
    side = ENGINES[engine](Places(*map(Path, paths)))
    app = FastAPI()

    class Text(BaseModel):
        text: str

    @app.post("/classify")
    async def classify(given: Text) -> dict[str, Any]:
        logits = side.request(side.prepare(given.text))
        exponents = np.exp(logits - logits.max())
        scores = exponents / exponents.sum()
        best = int(scores.argmax())
        return {"label": ("negative", "positive")[best], "score": float(scores[best])}

    return app
