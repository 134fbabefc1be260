"""Exit codes are part of what scripts rely on."""

import os

from encodery.errors import Interrupted, UserError


def test_each_exception_has_its_documented_exit_code() -> None:
    assert UserError("no such file").exit_code == 2
    assert Interrupted("saved at step 7").exit_code == os.EX_TEMPFAIL == 75


def test_an_interruption_is_not_taken_for_an_error_of_the_user() -> None:
    assert not issubclass(Interrupted, UserError)
    assert str(UserError("no such file")) == "no such file"
