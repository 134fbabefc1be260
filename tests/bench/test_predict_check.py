"""Engines that compute something else are not timed."""

from typing import Any

import numpy as np
import pytest

from encodery.bench.engines import Worker
from encodery.bench.predict_check import check_side, cosine
from encodery.errors import UserError

REFERENCE = np.array([[0.1, 0.3], [0.5, -0.2], [0.0, 0.7]])


class Scripted(Worker):
    """A worker without a process."""

    def __init__(self, logits: Any) -> None:
        self.logits = logits

    def ask(self, order: Any) -> tuple[dict[str, Any], float]:
        assert order == {"do": "logits", "number": 16}
        return {"result": self.logits}, 0.0


def check(engine: str, logits: np.ndarray) -> np.ndarray:
    return check_side(engine, Scripted(logits.tolist()), REFERENCE)


def test_the_same_numbers_pass() -> None:
    assert check("openvino-int8", REFERENCE * 1.01).tolist() == (REFERENCE * 1.01).tolist()


def test_other_numbers_are_refused() -> None:
    with pytest.raises(UserError) as raised:
        check("openvino-int8", -REFERENCE)
    assert str(raised.value) == (
        "bench predict: the logits of openvino-int8 are not those of transformers (cosine -1.000, at least 0.98 "
        "expected); times of different results are not compared"
    )


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(UserError, match="openvino-bf16 gives numbers that are not finite"):
        check("openvino-bf16", REFERENCE * np.nan)


def test_an_encoder_alone_has_no_logits() -> None:
    check("ctranslate2-int8", -REFERENCE)


def test_the_cosine_is_of_the_differences() -> None:
    assert cosine(REFERENCE + 5.0, REFERENCE) == pytest.approx(1.0)
    assert cosine(np.zeros((3, 2)), REFERENCE) == 0.0
