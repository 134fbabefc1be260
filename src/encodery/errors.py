"""The exceptions that are messages to a person: one line, an exit code, no traceback."""


class UserError(Exception):
    """What was wrong, the value given, what is allowed, what to do next."""

    exit_code = 2


class DamageError(UserError):
    """What a file holds cannot be read; its settings may be right, and other files, or the rest of it, readable."""


class Interrupted(Exception):  # noqa: N818 (it is no error: the work is saved and the same command continues it)
    """The run was asked to stop (SIGTERM, Ctrl-C) and saved its state first. 75 is `EX_TEMPFAIL`: try again."""

    exit_code = 75


class Hopeless(Interrupted):
    """The run stopped by itself, and saved its state: what it shows of itself says that nothing comes of it."""
