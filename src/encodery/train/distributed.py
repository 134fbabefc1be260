"""The processes that train one run together (`torchrun`, Ray): who is first, how they agree, how they fail.

Two ways to meet. Collectives (gloo, NCCL) carry gradients and small numbers, and nobody waits long in them. What only
the first rank does (a stage without training, an evaluation, a checkpoint) the others await at the store, a small
server of words, for as long as it takes; whoever fails says so there, so that nobody waits for it.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed.distributed_c10d import _get_default_store
from torch.distributed.rendezvous import rendezvous

from encodery.errors import Interrupted, UserError

COLLECTIVE = timedelta(minutes=10)
"""The longest that the slowest rank of a step may lag behind the fastest."""
PATIENCE_SECONDS = 7 * 86400.0
"""The longest that the others wait for what the first rank does alone."""
POLL_SECONDS = 0.5
LAST_WORD_SECONDS = 2.0
"""How long a rank that lost another looks for what it said before it went."""
FAILED, OVER = "failed", "over"

Value = TypeVar("Value")


class Dismissed(Exception):  # noqa: N818 (it is no error: the work of this rank is done)
    """Raised on every rank but the first where only the first goes on."""


class Ranks:
    """This process among those of a run. `Ranks()` is one that trains alone: every method then costs nothing."""

    def __init__(
        self, rank: int = 0, world_size: int = 1, store: Store | None = None, ends_group: bool = True
    ) -> None:
        assert 0 <= rank < world_size
        assert store is not None or world_size == 1
        self.rank = rank
        self.world_size = world_size
        self._store = store
        self._ends_group = ends_group
        self._turn = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def first(self, work: Callable[[], Value]) -> Value:
        """What `work`, called on the first rank alone, returns there; the others wait and get it as JSON has it.

        Raises:
            UserError: (on the others) another rank failed meanwhile.
        """
        if not self.is_first:
            answer: Value = self.listen()
            return answer
        value = work()
        self.tell(value)
        return value

    def tell(self, value: object) -> None:
        """Give the others, each of whom must `listen`, a value; the first rank's to call."""
        self._turn += 1
        if self._store is not None:
            self._store.set(f"turn-{self._turn}", json.dumps(value, default=float))

    def listen(self) -> Any:
        """What the first rank tells next; the others' to call. Raises `UserError` if a rank failed meanwhile."""
        self._turn += 1
        return json.loads(self._await(f"turn-{self._turn}"))

    def gather(self, value: Value) -> list[Value]:
        """Each rank's value, JSON as it is, in the order of the ranks; on all of them."""
        if self._store is None:
            return [value]
        text = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.world_size)]
        dist.all_gather(lengths, torch.tensor([len(text)]))
        longest = max(int(length) for length in lengths)
        texts = [torch.zeros(longest, dtype=torch.uint8) for _ in lengths]
        dist.all_gather(texts, torch.nn.functional.pad(text, (0, longest - len(text))))
        pairs = zip(texts, lengths, strict=True)
        return [json.loads(bytes(text[: int(length)].tolist())) for text, length in pairs]

    def any(self, flag: bool) -> bool:
        """Whether it is so on any rank."""
        if self._store is None:
            return flag
        flags = torch.tensor([int(flag)])
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags.item())

    def dismiss_others(self) -> None:
        """Only the first rank goes on from here. Raises `Dismissed` on the others."""
        if not self.is_first:
            raise Dismissed

    def _await(self, key: str) -> str:
        """What another rank puts under `key`."""
        assert self._store is not None
        started = time.monotonic()
        while not self._store.check([key]):
            if self._store.check([FAILED]):
                raise UserError(self._store.get(FAILED).decode())
            waited = time.monotonic() - started
            if waited > PATIENCE_SECONDS:
                raise UserError(f"rank {self.rank} has waited {PATIENCE_SECONDS:.0f} s for rank 0; it may hang there")
            time.sleep(min(POLL_SECONDS, 0.001 + waited / 10))  # short waits are hardly made longer
        word: bytes = self._store.get(key)
        return word.decode()

    def fail(self, message: str) -> bool:
        """Tell the others why this rank ends; whether it should tell a person, too: nobody has said that yet."""
        assert self._store is not None
        try:
            said: bytes = self._store.compare_set(FAILED, "", message)
            new = said.decode() != message or self._store.add(f"{FAILED}-said", 1) == 1
        except RuntimeError:  # the store lay with a rank that is gone
            return True
        self._leave(LAST_WORD_SECONDS)
        return new

    def last_word(self) -> str:
        """What a rank that is gone said before, or what to make of it if it said nothing."""
        assert self._store is not None
        end = time.monotonic() + LAST_WORD_SECONDS
        with suppress(RuntimeError):
            while time.monotonic() < end:
                if self._store.check([FAILED]):
                    said: bytes = self._store.get(FAILED)
                    return said.decode()
                time.sleep(0.01)
        return (
            "another rank of this run is gone without a word (killed, out of memory, a lost machine); the same "
            "command continues from the newest checkpoint"
        )

    def part(self) -> None:
        """The end of a run that did not fail. Nobody goes before the first rank is done: `torchrun` stops the others
        when one goes."""
        assert self._store is not None
        if self.is_first:
            self._store.set(OVER, "")
        else:
            self._await(OVER)
        self._leave(LAST_WORD_SECONDS)
        if self._ends_group:
            dist.destroy_process_group()

    def _leave(self, patience: float) -> None:
        """Go; the first rank, with whom the store may lie, after the others have read in it."""
        assert self._store is not None
        gone, end = self._store.add("gone", 0 if self.is_first else 1), time.monotonic() + patience
        while self.is_first and gone < self.world_size - 1 and time.monotonic() < end:
            time.sleep(0.01)
            gone = self._store.add("gone", 0)


ALONE = Ranks()


@contextmanager
def joined_ranks(environment: Mapping[str, str] = os.environ) -> Iterator[Ranks]:
    """This process among those that `torchrun` started, or alone; inside, an error of one rank ends all of them.

    A process group that is there already, as Ray Train makes one, is used and left as it is.
    An error that several ranks have is left to the first of them to say: the others raise `SystemExit`.

    Raises:
        UserError: the environment is not as `torchrun` sets it, the ranks do not find each other, one was lost.
    """
    ranks = _met() if dist.is_initialized() else _join(environment)
    if ranks is ALONE:
        yield ranks
        return
    try:
        yield ranks
        ranks.part()
    except Interrupted as stop:
        ranks.part()
        if not ranks.is_first:
            raise SystemExit(stop.exit_code) from None
        raise
    except UserError as error:
        if not ranks.fail(str(error)):
            raise SystemExit(error.exit_code) from None
        raise
    except Exception as error:
        if not _is_loss(error):
            ranks.fail(f"rank {ranks.rank}: {type(error).__name__}: {error}")
            raise
        lost = UserError(ranks.last_word())
        if not ranks.fail(str(lost)):
            raise SystemExit(lost.exit_code) from None
        raise lost from error


def _met() -> Ranks:
    """The ranks of the group that this process is in already."""
    rank, world_size = dist.get_rank(), dist.get_world_size()
    if world_size == 1:
        return ALONE
    if "cpu:" not in (backends := dist.get_backend_config()):
        raise UserError(
            f"the process group of rank {rank} is of {backends!r:.80}, but ranks agree on the CPU, too; initialise "
            "it with the backend cpu:gloo,cuda:nccl"
        )
    try:
        return Ranks(rank, world_size, _own_words(_get_default_store()), ends_group=False)
    except RuntimeError as error:
        raise UserError(f"rank {rank} of {world_size} cannot reach the others of its group: {error}") from None


def _join(environment: Mapping[str, str]) -> Ranks:
    world_size = _number(environment, "WORLD_SIZE", 1)
    if world_size == 1:
        return ALONE
    rank, local_rank = _number(environment, "RANK", -1), _number(environment, "LOCAL_RANK", 0)
    if not 0 <= rank < world_size or "MASTER_ADDR" not in environment:
        raise UserError(
            f"WORLD_SIZE = {world_size}, but RANK = {environment.get('RANK')!r:.80} and MASTER_ADDR = "
            f"{environment.get('MASTER_ADDR')!r:.80} name no place among that many; start with torchrun"
        )
    backend = "gloo"
    if torch.cuda.is_available():
        if local_rank >= (devices := torch.cuda.device_count()):
            raise UserError(
                f"LOCAL_RANK = {local_rank}, but this machine has {devices} CUDA devices, one for each rank; lower "
                "--nproc-per-node, or set CUDA_VISIBLE_DEVICES= to train on the CPU"
            )
        torch.cuda.set_device(local_rank)
        backend = "cpu:gloo,cuda:nccl"
    try:
        whole_store, _, _ = next(rendezvous("env://", rank, world_size, timeout=COLLECTIVE))
        # restarted groups share a store with those before them: none may read what another wrote
        store = PrefixStore(f"attempt-{environment.get('TORCHELASTIC_RESTART_COUNT', '0')}", whole_store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=COLLECTIVE)
        return Ranks(rank, world_size, _own_words(store))
    except (RuntimeError, ValueError) as error:
        where = f"{environment['MASTER_ADDR']}:{environment.get('MASTER_PORT')}"
        raise UserError(f"rank {rank} of {world_size} cannot reach the others at {where}: {error}") from None


def _own_words(store: Store) -> Store:
    """The part of a store where nobody has said anything yet: a group may serve several runs, one after the other."""
    group = torch.randint(2**62, (1,), generator=torch.Generator().manual_seed(time.time_ns()))
    dist.broadcast(group, 0)
    return PrefixStore(f"group-{group.item()}", store)


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if text and not text.isdecimal():
        raise UserError(f"{name} = {text!r:.80} in the environment is no number; torchrun sets it, or unset it")
    return int(text) if text else default


def _is_loss(error: Exception) -> bool:
    """Whether an error says that another rank cannot be reached; gloo has no type for it, only words."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and re.search(_LOSS, str(error)) is not None
    )


_LOSS = r"gloo|NCCL|Connection (closed|reset|refused)|Broken pipe|[Tt]imed out"
