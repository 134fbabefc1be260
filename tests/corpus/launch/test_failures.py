"""What an exception of a task means for it and for the others."""

import errno

import pytest

from encodery.corpus.launch.failures import Failure, failure_of
from encodery.errors import UserError
from encodery.files.streams import reading


def test_a_package_that_is_missing_is_not_looked_for_again() -> None:
    expected = Failure('resiliparse is not installed; pip install "encodery[crawl]"', again=False)
    assert failure_of(ModuleNotFoundError("No module named 'resiliparse'", name="resiliparse")) == expected


def test_what_may_pass_is_tried_again() -> None:
    assert failure_of(TimeoutError("the store\n does not answer")) == Failure(
        "TimeoutError: the store does not answer", again=True
    )


@pytest.mark.parametrize(
    ("cause", "again"),
    [
        (ConnectionResetError(errno.ECONNRESET, "reset"), True),
        (TimeoutError("read timed out"), True),
        (OSError(errno.EIO, "Internal Error"), True),
        (PermissionError(errno.EACCES, "denied"), False),
        (IsADirectoryError(errno.EISDIR, "a folder"), False),
    ],
)
def test_a_store_that_was_away_while_it_was_read_is_asked_again(cause: OSError, again: bool) -> None:
    with (
        pytest.raises(UserError, match=r"^s3://crawl/a.warc.gz: cannot be read \(") as refused,
        reading("s3://crawl/a.warc.gz"),
    ):
        raise cause
    assert failure_of(refused.value).again is again


def test_no_task_goes_on_where_the_disk_is_full() -> None:
    full = UserError("cannot save x")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert failure_of(full) == Failure("cannot save x", again=False, last=True)
    assert failure_of(UserError("a wrong setting")) == Failure("a wrong setting", again=False)
