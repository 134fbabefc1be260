"""The next item is made while the one before is worked on."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

Item = TypeVar("Item")
_END: Any = object()


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items in the same order, each made one ahead in a thread of its own; what making one raises is raised
    in its place."""
    iterator = iter(items)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as executor:
        future = executor.submit(next, iterator, _END)
        while (item := future.result()) is not _END:
            future = executor.submit(next, iterator, _END)
            yield cast(Item, item)
