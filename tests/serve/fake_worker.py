"""Workers that misbehave: `python -m tests.serve.fake_worker JOB`; the name of the model says how."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import orjson

from encodery.serve.answers import ModelInfo
from encodery.serve.frames import Splitter
from encodery.serve.job import WorkerJob
from encodery.serve.messages import (
    Answered,
    Failed,
    Message,
    Ping,
    Pong,
    Question,
    Ready,
    Refused,
    pack_message,
    read_message,
)

INFO = ModelInfo("fake", "text-classification", ("good",), 16, 1, True, (), "none", "none", "v1")


class Wire:
    """As that of a real worker, which imports much more."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, message: Message, parts: Sequence[bytes] = ()) -> None:
        self.connection.sendall(pack_message(message, parts))


Behave = Callable[[Message, Wire], None]


def answer(question: Question, wire: Wire) -> None:
    seconds = {"queue": 0.0, "tokenize": 0.0, "infer": 0.0, "decode": 0.0}
    predictions = [orjson.dumps({"echo": record}) for record in question.records]
    sizes = [len(prediction) for prediction in predictions]
    wire.send(Answered(question.number, 2 * len(sizes), 0, seconds, sizes, 0), predictions)


def is_test(message: Message) -> bool:
    return isinstance(message, Question) and message.number == 0


def well(message: Message, wire: Wire) -> None:
    if isinstance(message, Ping):
        wire.send(Pong(message.number, 0.0, 0, 0, 0, 0, 0))
    if isinstance(message, Question):
        answer(message, wire)


def dies_of_questions(message: Message, wire: Wire) -> None:
    if isinstance(message, Question) and not is_test(message):
        os.kill(os.getpid(), signal.SIGKILL)
    well(message, wire)


def dies_once(message: Message, wire: Wire) -> None:
    """The second worker finds the mark of the first one in its folder."""
    mark = FOLDER / "died"
    if isinstance(message, Question) and not is_test(message) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    well(message, wire)


def falls_silent(message: Message, wire: Wire) -> None:
    mark = FOLDER / "died"
    if isinstance(message, Question) and not is_test(message) and not mark.exists():
        mark.touch()
        time.sleep(1000.0)
    well(message, wire)


def is_stuck(message: Message, wire: Wire) -> None:
    mark = FOLDER / "stuck"
    if isinstance(message, Question) and not is_test(message) and not mark.exists():
        mark.write_text(str(os.getpid()))
    elif isinstance(message, Ping) and mark.exists() and mark.read_text() == str(os.getpid()):
        wire.send(Pong(message.number, 31.0, 0, 0, 0, 0, 0))
    else:
        well(message, wire)


def never_answers(message: Message, wire: Wire) -> None:
    if isinstance(message, Ping) or is_test(message):
        well(message, wire)


def answers_no_test(message: Message, wire: Wire) -> None:
    if not is_test(message):
        well(message, wire)


def refuses_the_test(message: Message, wire: Wire) -> None:
    if isinstance(message, Question):
        wire.send(Refused(message.number, "model_output", "the model gave numbers that are not finite", None, 0))


def dies_of_the_test(message: Message, wire: Wire) -> None:
    if is_test(message):
        os._exit(3)


def talks_nonsense(message: Message, wire: Wire) -> None:
    if isinstance(message, Question) and not is_test(message):
        wire.send(Ping(1))
    else:
        well(message, wire)


BEHAVIOURS = (
    well,
    dies_of_questions,
    dies_once,
    falls_silent,
    is_stuck,
    never_answers,
    answers_no_test,
    refuses_the_test,
    dies_of_the_test,
    talks_nonsense,
)
KINDS: dict[str, Behave] = {behave.__name__: behave for behave in BEHAVIOURS}
FOLDER = Path()


def messages(connection: socket.socket) -> Iterator[Message]:
    splitter = Splitter()
    while data := connection.recv(1 << 16):
        for frame in splitter.feed(data):
            yield read_message(frame)


def main(job: WorkerJob) -> None:
    global FOLDER
    FOLDER = job.folder
    # a folder may say how it behaves, so that one model can have several
    said = FOLDER / "behaves"
    name = said.read_text() if said.exists() else job.name
    connection = socket.socket(fileno=job.fd)
    wire = Wire(connection)
    match name:
        case "cannot_load":
            wire.send(Failed(f"{job.folder}: no such model"))
            return
        case "dies_early":
            os._exit(7)
        case "never_ready":
            time.sleep(1000.0)
    info = asdict(INFO) | ({"version": (FOLDER / "version").read_text()} if (FOLDER / "version").exists() else {})
    if (FOLDER / "no_vectors").exists():
        info["embeds"] = False
    if (FOLDER / "task").exists():
        info["task"] = (FOLDER / "task").read_text()
    wire.send(Ready(info, {"text": "a"}, job.batch_tokens, 1000.0))
    for message in messages(connection):
        KINDS[name](message, wire)


if __name__ == "__main__":
    main(WorkerJob.model_validate_json(sys.argv[-1]))
