"""Tasks of Ray: what it is asked for and what comes back; a real cluster is in `tests/corpus/phases`."""

import socket
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from encodery.corpus.launch import RayLaunch, finished_tasks
from encodery.errors import UserError
from tests.corpus.launch.conftest import MakePhase, all_squares, leave_half, squares


class RayError(Exception):
    """What Ray raises."""


class RayTaskError(RayError):
    """What it raises of a task."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class FakeRay:
    """One worker, in this process; a task is done when it is waited for."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.most = 0
        self.lost: set[int] = set()
        self.stored: Any = None
        self.function: Callable[..., Any] = print

    def is_initialized(self) -> bool:
        return True

    def put(self, value: Any) -> str:
        self.stored = value
        return "reference"

    def remote(self, **asked: Any) -> Callable[[Callable[..., Any]], Any]:
        self.asked = asked

        def named(function: Callable[..., Any]) -> Any:
            self.function = function
            return SimpleNamespace(remote=lambda phase, rank: (phase, rank))

        return named

    def wait(self, waiting: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        self.most = max(self.most, len(waiting))
        return waiting[-num_returns:], waiting[:-num_returns]

    def get(self, result: Any) -> Any:
        _, rank = result
        if rank in self.lost:
            raise RayError("the node with\nthe worker is gone")
        try:
            return self.function(self.stored, rank)
        except Exception as error:
            raise RayTaskError(error) from None


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    return fake


def test_tasks_are_handed_over_a_few_at_a_time(make_phase: MakePhase, ray: FakeRay) -> None:
    phase = make_phase(7)
    launch = RayLaunch(num_cpus=2.0, memory_gb=1.5, max_retries=4, at_once=3)
    assert sorted(finished_tasks(phase, launch)) == list(range(7))
    assert squares(phase) == all_squares(7)
    assert ray.most == 3
    again = ray.asked.pop("retry_exceptions")
    assert ray.asked == {"num_cpus": 2.0, "memory": 1_500_000_000, "max_retries": 4}
    assert [kind.__doc__ for kind in again] == ["A failure that may pass."]
    assert list(finished_tasks(phase, launch)) == []


def test_failed_and_lost_tasks_are_named_when_the_others_are_done(make_phase: MakePhase, ray: FakeRay) -> None:
    ray.lost = {4}
    phase = make_phase(5, fails=(1,), breaks=(2,))
    done: list[int] = []
    with pytest.raises(UserError) as refused:
        done.extend(finished_tasks(phase, RayLaunch()))
    assert sorted(done) == [0, 3]
    assert "3 of 5 tasks failed (1, 2, 4); the first one says: part 1: no such file;" in str(refused.value)
    with pytest.raises(UserError, match="the first one says: ConnectionError: store of 2 is away"):
        list(finished_tasks(make_phase(3, breaks=(2,)), RayLaunch()))
    with pytest.raises(UserError, match="the first one says: the node with the worker is gone"):
        list(finished_tasks(make_phase(5), RayLaunch()))


def test_what_lost_workers_left_is_removed(make_phase: MakePhase, ray: FakeRay) -> None:
    """Before the tasks, and behind them; while others are at work nothing is."""
    phase = make_phase(3)
    early = leave_half(phase)
    tasks = finished_tasks(phase, RayLaunch(at_once=1))
    next(tasks)
    assert not early.exists()
    late = leave_half(phase)
    next(tasks)
    assert late.exists()
    assert list(tasks) == [2]
    assert squares(phase) == all_squares(3)
    ray.lost = {1}
    (phase.state / "completions" / "00001").unlink()
    left = leave_half(phase)
    with pytest.raises(UserError, match="the worker is gone"):
        list(finished_tasks(phase, RayLaunch()))
    assert not left.exists()
    assert squares(phase) == all_squares(3)


def test_a_full_disk_ends_the_phase(make_phase: MakePhase, ray: FakeRay) -> None:
    with pytest.raises(UserError, match="No space left on device"):
        list(finished_tasks(make_phase(5, full=(0,)), RayLaunch(at_once=1)))
    assert sorted(finished_tasks(make_phase(5), RayLaunch())) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999999"])
@pytest.mark.parametrize("named", [True, False])
def test_a_cluster_that_is_not_there(
    make_phase: MakePhase, ray: FakeRay, monkeypatch: pytest.MonkeyPatch, address: str, named: bool
) -> None:
    """Ray itself would wait for it for ever."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:2" if named else address)
    with pytest.raises(UserError) as refused:
        list(finished_tasks(make_phase(), RayLaunch(address=address if named else None)))
    place, remedy = ("corpus.clean.launch.address", "leave it out") if named else ("RAY_ADDRESS", "unset it")
    assert str(refused.value).startswith(f"{place} = '{address}': nobody answers there (")
    assert str(refused.value).endswith(
        f"give the host:port at which the head of a cluster listens, or {remedy} to start one here"
    )


@pytest.mark.parametrize("named", [True, False])
def test_an_address_that_is_none(
    make_phase: MakePhase, ray: FakeRay, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    def init(**_: object) -> None:
        raise ValueError("no such\ncluster")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init, raising=False)
    monkeypatch.setenv("RAY_ADDRESS", "local" if named else "nowhere")
    with pytest.raises(UserError) as refused:
        list(finished_tasks(make_phase(), RayLaunch(address="nowhere" if named else None)))
    place = "corpus.clean.launch.address" if named else "RAY_ADDRESS"
    assert str(refused.value) == f"{place} = 'nowhere': no such cluster"


def test_a_cluster_that_answers_is_used(make_phase: MakePhase, ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: asked.append(options["address"]), raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        for known in (address, "auto"):
            assert len(list(finished_tasks(make_phase(3), RayLaunch(address=known)))) == (
                3 if known == address else 0
            )
    assert asked == [address, "auto"]


def test_without_ray_it_says_what_to_install(make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError) as refused:
        list(finished_tasks(make_phase(), RayLaunch()))
    assert str(refused.value) == 'tasks on Ray need Ray; pip install "encodery[ray]"'
