"""A worker with a real model in this process, asked over a socket: right answers, shared batches, faults held in."""

import json
import math
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from encodery.batch import Batch
from encodery.model.forward import Forward
from encodery.serve import computing
from encodery.serve.answers import BadOutput, Work
from encodery.serve.computing import FiniteEngine
from encodery.serve.frames import Splitter
from encodery.serve.lines import predict_lines
from encodery.serve.messages import (
    Answered,
    Forget,
    Message,
    Ping,
    Pong,
    Question,
    Refused,
    pack_message,
    read_message,
)
from encodery.serve.predictor import Predictor, load
from encodery.serve.sending import Wire, to_json
from encodery.serve.unexpected import is_out_of_memory
from encodery.serve.worker import Worker, refuse_network
from tests.serve.conftest import sentence
from tests.tasks.conftest import WORDS

TEXTS = [sentence(number) for number in range(53)]
BATCH = 64
POISON = WORDS.index("broken") + 5
"""The id of a word that makes an engine fail; five special tokens come before the words."""


class Caller:
    """The server's end of the socket."""

    def __init__(self, serving: Thread, connection: socket.socket) -> None:
        self.serving = serving
        self.connection = connection
        self.splitter = Splitter()
        self.heard: dict[int, tuple[Message, list[bytes]]] = {}
        self.number = 0

    def say(self, message: Message) -> None:
        self.connection.sendall(pack_message(message))

    def ask(self, *records: str | Mapping[str, Any], work: Work = "predict", deadline: float | None = None) -> int:
        self.number += 1
        self.say(Question(self.number, records, work, deadline, time.monotonic()))
        return self.number

    def hear(self, number: int) -> tuple[Message, list[bytes]]:
        """The answer to a question, or to a ping."""
        while number not in self.heard:
            for frame in self.splitter.feed(self.connection.recv(1 << 16)):
                message = read_message(frame)
                assert isinstance(message, Answered | Refused | Pong)
                assert message.number not in self.heard
                sizes = message.sizes if isinstance(message, Answered) else []
                self.heard[message.number] = message, frame.parts(sizes)
        return self.heard[number]

    def predictions(self, number: int) -> list[dict[str, Any]]:
        message, parts = self.hear(number)
        assert isinstance(message, Answered), message
        return [json.loads(part) for part in parts]

    def refusal(self, number: int) -> Refused:
        message, _ = self.hear(number)
        assert isinstance(message, Refused), message
        return message

    def pong(self) -> Pong:
        self.say(Ping(-1))
        message, _ = self.hear(-1)
        del self.heard[-1]
        assert isinstance(message, Pong)
        return message


class Engine:
    """A real one that can be held, and that looks at each batch first."""

    def __init__(self, engine: Forward, check: Callable[[Batch], None] = lambda batch: None) -> None:
        self.engine = engine
        self.check = check
        self.spoil = False
        self.may_go = Event()
        self.may_go.set()
        self.begun = Event()
        self.batches: list[list[list[int]]] = []

    def _look(self, batch: Batch) -> None:
        self.begun.set()
        assert self.may_go.wait(10.0)
        bounds = batch.cu_seqlens.tolist()
        ids = batch.input_ids.tolist()
        self.batches.append([ids[start:stop] for start, stop in pairwise(bounds)])
        self.check(batch)

    def _given(self, values: Float[Tensor, "rows size"], batch: Batch) -> Float[Tensor, "rows size"]:
        poisoned = self.spoil and bool((batch.input_ids == POISON).any())
        return torch.full_like(values, torch.nan) if poisoned else values

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        self._look(batch)
        return self._given(self.engine.hidden(batch, rows), batch)

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        self._look(batch)
        return self._given(self.engine.logits(head, batch, rows), batch)


@pytest.fixture
def predictor(model_folder: Path) -> Predictor:
    return load(model_folder)


@pytest.fixture
def engine(predictor: Predictor) -> Engine:
    engine = Engine(predictor.engine)
    predictor.engine = FiniteEngine(engine)
    return engine


@pytest.fixture
def caller(predictor: Predictor, engine: Engine) -> Iterator[Caller]:
    ours, theirs = socket.socketpair()
    ours.settimeout(10.0)
    with ours, theirs:
        worker = Worker(predictor, Wire(theirs), BATCH)
        serving = Thread(target=worker.serve, args=(theirs,), daemon=True)
        serving.start()
        yield Caller(serving, ours)
        engine.may_go.set()
        ours.shutdown(socket.SHUT_RDWR)
        serving.join(timeout=10)
        assert not serving.is_alive()
        worker.batcher.close()


def scores(predictions: Sequence[Mapping[str, Any]]) -> list[float]:
    return [prediction["scores"]["größer"] for prediction in predictions]


def hold(caller: Caller, engine: Engine) -> int:
    """A question that keeps the engine until it may go."""
    engine.may_go.clear()
    engine.begun.clear()
    number = caller.ask("the river")
    assert engine.begun.wait(10.0)
    return number


def test_answers_are_those_of_the_predictor(caller: Caller, model_folder: Path) -> None:
    expected = load(model_folder).predict(TEXTS)
    single = [caller.ask(text) for text in TEXTS]
    many = caller.ask(*TEXTS)
    assert scores(caller.predictions(many)) == pytest.approx(scores(expected), abs=1e-6)
    alone = [caller.predictions(number)[0] for number in single]
    assert scores(alone) == pytest.approx(scores(expected), abs=1e-6)
    assert [list(prediction) for prediction in alone] == [list(prediction) for prediction in expected]


def test_an_answer_is_what_the_command_line_prints(caller: Caller, model_folder: Path) -> None:
    for text in ("the river", "größer & \U0001f642 \u2028", ""):
        (line,) = predict_lines(model_folder, text, None)
        assert caller.predictions(caller.ask(text)) == [json.loads(line)]


def test_vectors_are_those_of_the_predictor(caller: Caller, model_folder: Path) -> None:
    found = caller.predictions(caller.ask(*TEXTS[:7], work="embed"))
    expected = load(model_folder).embed(TEXTS[:7])
    for prediction, vector in zip(found, expected, strict=True):
        assert prediction["embedding"] == pytest.approx(vector.tolist(), abs=1e-5)


def test_a_long_text_is_answered_from_all_its_windows(caller: Caller, model_folder: Path) -> None:
    long = " ".join(WORDS * 31)
    number = caller.ask("a city", long, "a farmer")
    expected = load(model_folder).predict(["a city", long, "a farmer"])
    assert scores(caller.predictions(number)) == pytest.approx(scores(expected), abs=1e-6)
    assert caller.pong().batches > 5


def test_an_answer_tells_its_tokens_and_times(caller: Caller) -> None:
    message, _ = caller.hear(caller.ask("the river", "a happy city"))
    assert isinstance(message, Answered)
    assert (message.num_tokens, message.num_truncated) == (4 + 5, 0)
    assert list(message.seconds) == ["queue", "tokenize", "infer", "decode"]
    assert all(message.seconds[phase] > 0 for phase in ("tokenize", "infer", "decode"))
    assert message.seconds["queue"] >= 0  # one record may be computed while the other is tokenised
    assert message.computed == 9


def test_questions_that_wait_share_a_batch(caller: Caller, engine: Engine) -> None:
    held = hold(caller, engine)
    numbers = [caller.ask(text, work=work) for text in ("a city", "a farmer", "happy") for work in WORKS]
    caller.pong()  # all of them are read and tokenised
    engine.may_go.set()
    for number in (held, *numbers):
        caller.predictions(number)
    assert sorted(map(len, engine.batches)) == [1, 3, 3]


def test_a_short_text_that_finds_nothing_under_way_is_answered_by_its_reader(
    caller: Caller, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computing, "QUICK_SECONDS", 10.0)  # however slow this machine is just now
    threads: list[str] = []
    engine.check = lambda batch: threads.append(current_thread().name)
    for text in TEXTS[:2] * 10:
        caller.predictions(caller.ask(text))
        time.sleep(0.01)  # the thread that has sent an answer lets go
    caller.predictions(caller.ask("a city", "a farmer"))
    reader = caller.serving.name
    assert threads[0] != reader  # how long a token takes is not known yet
    assert threads[1:20].count(reader) > 10  # on a busy machine it may still be letting go
    assert reader not in threads[20:]  # two texts are tokenised by another thread


def test_a_text_that_takes_long_does_not_keep_the_reader(
    caller: Caller, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.predictions(caller.ask("the river"))
    monkeypatch.setattr(computing, "QUICK_SECONDS", 0.0)
    held = hold(caller, engine)
    assert caller.pong().busy_seconds > 0
    engine.may_go.set()
    assert len(caller.predictions(held)) == 1


def test_what_nobody_waits_for_is_not_computed(caller: Caller, engine: Engine) -> None:
    held = hold(caller, engine)
    left = caller.ask("a broken city", " ".join(["broken"] * 500))
    stays = caller.ask("a happy city")
    caller.say(Forget(left))
    assert caller.pong().dropped == 1
    engine.may_go.set()
    assert len(caller.predictions(held)) == len(caller.predictions(stays)) == 1
    assert not any(POISON in sequence for batch in engine.batches for sequence in batch)
    assert left not in caller.heard


def test_to_forget_what_was_answered_changes_nothing(caller: Caller) -> None:
    number = caller.ask("a city")
    caller.predictions(number)
    caller.say(Forget(number))
    caller.say(Forget(9999))
    assert caller.pong().dropped == 0


def test_what_is_too_late_is_refused_and_not_computed(caller: Caller, engine: Engine) -> None:
    held = hold(caller, engine)
    late = caller.ask("a broken city", deadline=time.monotonic() + 0.05)
    on_time = caller.ask("a happy city", deadline=time.monotonic() + 100.0)
    caller.pong()
    time.sleep(0.1)
    engine.may_go.set()
    assert caller.refusal(late).code == "deadline"
    assert len(caller.predictions(held)) == len(caller.predictions(on_time)) == 1
    assert not any(POISON in sequence for batch in engine.batches for sequence in batch)


def test_what_was_too_late_when_it_came_is_not_even_tokenised(caller: Caller) -> None:
    refused = caller.refusal(caller.ask("a city", deadline=time.monotonic() - 1.0))
    assert (refused.code, refused.message) == ("deadline", "the deadline passed before all of it was computed")
    assert caller.pong().tokens == 0


@pytest.mark.parametrize(
    ("records", "place", "message"),
    [
        (["a city", {"text": 3}], 1, "record 2: text = 3; a string is needed"),
        ([{"txt": "a"}], 0, "record 1: unknown key 'txt'; allowed: "),
    ],
)
def test_a_record_that_is_none_refuses_its_request_alone(
    caller: Caller, records: list[Any], place: int, message: str
) -> None:
    wrong, right = caller.ask(*records), caller.ask("a city")
    refused = caller.refusal(wrong)
    assert (refused.code, refused.place) == ("invalid_input", place)
    assert refused.message.startswith(message)
    assert len(caller.predictions(right)) == 1


def test_a_batch_for_which_there_is_no_memory_is_computed_in_parts(caller: Caller, engine: Engine) -> None:
    def check(batch: Batch) -> None:
        if batch.num_sequences > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB")

    engine.check = check
    found = caller.predictions(caller.ask(*TEXTS[:11]))
    assert len({round(score, 4) for score in scores(found)}) > 5
    assert caller.pong().divided > 0


def test_a_sequence_for_which_there_is_no_memory_is_refused_alone(caller: Caller, engine: Engine) -> None:
    def check(batch: Batch) -> None:
        if batch.num_tokens > 20:
            raise MemoryError

    engine.check = check
    held = hold(caller, engine)
    huge, small = caller.ask(" ".join(["river"] * 20)), caller.ask("a city")
    caller.pong()
    engine.may_go.set()
    refused = caller.refusal(huge)
    assert (refused.code, refused.message) == ("not_ready", "not enough memory for 22 tokens")
    assert len(caller.predictions(small)) == len(caller.predictions(held)) == 1


WORKS: tuple[Work, Work] = ("predict", "embed")


@pytest.mark.parametrize("work", WORKS)
def test_numbers_that_are_not_finite_refuse_their_request_alone(caller: Caller, engine: Engine, work: Work) -> None:
    """A batch is spoiled as a whole, and yet those who share it with the text at fault get their answers."""
    engine.spoil = True
    held = hold(caller, engine)
    good = [caller.ask(text, work=work) for text in ("a city", "a farmer sees", "happy")]
    bad = caller.ask("the river", "a broken city", work=work)
    caller.pong()
    engine.may_go.set()
    refused = caller.refusal(bad)
    assert (refused.code, refused.place) == ("model_output", 1)
    assert refused.message == "record 2: the model gave numbers that are not finite"
    assert all(len(caller.predictions(number)) == 1 for number in (held, *good))


def test_a_fault_of_ours_refuses_its_request_alone_and_logs_no_text(
    caller: Caller, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    def check(batch: Batch) -> None:
        if POISON in batch.input_ids.tolist():
            raise KeyError("a broken city")

    engine.check = check
    bad, good = caller.ask("a broken city"), caller.ask("a city")
    refused = caller.refusal(bad)
    assert (refused.code, refused.message) == ("refused", "KeyError while computing; the server's log says where")
    assert len(caller.predictions(good)) == 1
    log = capfd.readouterr().err
    assert "encodery: KeyError while computing\n" in log
    assert "test_worker.py" in log
    assert "broken" not in log.replace('KeyError("a broken city")', "")


@pytest.mark.parametrize(("method", "doing"), [("prepare", "reading a record"), ("decode", "decoding")])
def test_a_fault_beside_the_engine_is_contained_too(
    method: str, doing: str, caller: Caller, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise IndexError("a secret text")

    with monkeypatch.context() as patch:
        patch.setattr(predictor if method == "prepare" else predictor.task, method, fail)
        refused = caller.refusal(caller.ask("a city"))
    assert (refused.code, refused.message) == ("refused", f"IndexError while {doing}; the server's log says where")
    assert len(caller.predictions(caller.ask("a city"))) == 1


def test_a_ping_is_answered_while_the_engine_computes_and_tells_for_how_long(caller: Caller, engine: Engine) -> None:
    held = hold(caller, engine)
    time.sleep(0.05)
    first = caller.pong()
    assert first.busy_seconds >= 0.05
    assert first.batches == 0
    engine.may_go.set()
    caller.predictions(held)
    assert (caller.pong().batches, caller.pong().sequences, caller.pong().tokens) == (1, 1, 4)


def test_small_questions_pass_huge_ones(caller: Caller, engine: Engine) -> None:
    huge = caller.ask(*["the river sees a city"] * 300)
    small = caller.ask("a city")
    caller.predictions(small)
    assert huge not in caller.heard
    assert len(caller.predictions(huge)) == 300


def test_what_a_server_does_not_say_ends_the_worker(caller: Caller, capfd: pytest.CaptureFixture[str]) -> None:
    caller.say(Pong(1, 0.0, 0, 0, 0, 0, 0))
    caller.serving.join(timeout=10)
    assert not caller.serving.is_alive()
    assert capfd.readouterr().err == "encodery: worker: a server does not say Pong\n"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["score", "list", "table"])
def test_json_with_numbers_that_are_not_finite_is_refused(value: float, where: str) -> None:
    prediction: Any = {"score": value, "list": [1.0, value], "table": {"b": [{"c": value}]}}[where]
    with pytest.raises(BadOutput, match="record 3: the model gave numbers that are not finite") as refused:
        to_json({"a": prediction}, 2)
    assert refused.value.place == 2


def test_json_with_nulls_and_words_that_look_like_some_is_fine() -> None:
    prediction = {"answer": None, "score": 0.25, "text": "null and void", "list": [None, 1, "größer"]}
    assert json.loads(to_json(prediction)) == prediction


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("Failed to allocate memory for requested buffer of size 4096"), True),
        (RuntimeError("shape mismatch"), False),
        (KeyError("memory"), False),
    ],
)
def test_engines_have_their_words_for_no_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_a_worker_opens_no_connections() -> None:
    refuse_network("open", ("config.json",))
    for event in ("socket.connect", "socket.bind", "socket.getaddrinfo"):
        with pytest.raises(PermissionError, match=rf"a worker opens no connections \({event}\)"):
            refuse_network(event, ())
