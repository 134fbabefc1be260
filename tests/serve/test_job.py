"""How long a model waits before it starts another worker."""

import pytest

from encodery.errors import UserError
from encodery.serve.job import WorkerSettings


def test_the_first_start_is_at_once_and_later_ones_wait_ever_longer() -> None:
    settings = WorkerSettings(restart_seconds=0.25, max_restart_seconds=4.0)
    waits = [settings.restart_wait(failures) for failures in (1, 2, 3, 4, 5, 6, 7, 10_000)]
    assert waits == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize("key", ["threads", "batch_tokens", "max_queue_seconds", "heartbeat_seconds"])
def test_settings_are_positive(key: str) -> None:
    with pytest.raises(UserError, match=f"serve: {key} = 0: input should be greater than 0"):
        WorkerSettings.parse({key: 0}, "serve")
