"""What one side says the other side understands; anything else is refused."""

from dataclasses import asdict
from typing import Any

import pytest

from encodery.serve.answers import ModelInfo
from encodery.serve.frames import Frame, FrameError, Splitter
from encodery.serve.messages import (
    Answered,
    Failed,
    Forget,
    Message,
    Ping,
    Pong,
    Question,
    Ready,
    Refused,
    pack_message,
    read_info,
    read_message,
)

INFO = ModelInfo("m", "text-classification", ("a", "größer"), 29, 33, True, (), "torch", "float32", "0f")
MESSAGES = [
    Question(7, ["a text", {"text": "größer", "language": None}], "predict", 12.5, 11.25),
    Forget(7),
    Ping(3),
    Ready(asdict(INFO) | {"labels": ["a", "größer"], "languages": [], "directions": []}, {"text": "a"}, 256, 1234.5),
    Failed("no such folder"),
    Answered(7, 5, 1, {"queue": 0.5}, [3, 2], 101),
    Refused(7, "overloaded", "later", 0.25, 1),
    Pong(3, 0.5, 1, 2, 3, 4, 5),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_arrives_as_it_was_sent(message: Message) -> None:
    (frame,) = Splitter().feed(pack_message(message, [b"abc", b"de"]))
    assert read_message(frame) == message
    assert frame.parts([3, 2]) == [b"abc", b"de"]


def test_what_is_told_of_a_model_arrives_as_it_was() -> None:
    (frame,) = Splitter().feed(pack_message(Ready(asdict(INFO), {}, 1, 1.0)))
    ready = read_message(frame)
    assert isinstance(ready, Ready)
    assert read_info(ready.info) == INFO


@pytest.mark.parametrize(
    "head", [None, [], ["Ping"], ["Nothing", {}], ["Ping", {}], ["Ping", {"number": 1, "more": 2}], ["Ping", 3], "ab"]
)
def test_what_is_no_message_is_refused(head: Any) -> None:
    with pytest.raises(FrameError, match="no message: "):
        read_message(Frame(head, b""))
