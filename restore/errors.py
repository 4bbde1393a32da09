"""Every expected failure with its exit status and hint. `exit_statuses` has what each status means."""

from typing import TypeVar


class RestoreError(Exception):
    """An expected failure.

    `message` is one sentence: the subject, what was expected and what was found. `left` says what stays behind.
    `hint` says what a person can do, and is empty only where nothing can be done.
    """

    status = 1

    def __init__(self, message: str, *, left: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.left = left
        self.hint = hint

    def __str__(self) -> str:
        """Return `message; left`, without the hint."""
        return f"{self.message}; {self.left}" if self.left else self.message


class SettingsError(RestoreError):
    """Settings or arguments are wrong. `problems` are all that were found, not only the first."""

    status = 2

    def __init__(self, *problems: str, hint: str = "") -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = problems


class NotFoundError(RestoreError):
    """A wanted snapshot, store or collection does not exist."""

    status = 10


class LockedError(RestoreError):
    """Another run holds the store or the collection. `waited_seconds` is how long this run waited for it."""

    status = 11

    def __init__(self, message: str, *, left: str = "", hint: str = "", waited_seconds: float = 0.0) -> None:
        super().__init__(message, left=left, hint=hint)
        self.waited_seconds = waited_seconds


class AuthError(RestoreError):
    """Qdrant or the store refused the key."""

    status = 12


class IntegrityError(RestoreError):
    """A checksum, an archive or the comparison after a restore failed."""

    status = 13


class IncompatibleError(RestoreError):
    """A version or format that this server, or this program, cannot load."""

    status = 14


class SpaceError(RestoreError):
    """Not enough room on a disk."""

    status = 15


class RefusedError(RestoreError):
    """It would overwrite data, or do something that a policy forbids."""

    status = 16


class QdrantError(RestoreError):
    """Qdrant is unreachable, or answered with an error that has no class of its own.

    `http_status` is None when no answer came: then the server may or may not have done what was asked.
    `permanent` is true where waiting cannot help: a refused certificate, a server that is not Qdrant.
    """

    status = 17

    def __init__(
        self,
        message: str,
        *,
        left: str = "",
        hint: str = "",
        http_status: int | None = None,
        permanent: bool = False,
    ) -> None:
        super().__init__(message, left=left, hint=hint)
        self.http_status = http_status
        self.permanent = permanent


class StoreError(RestoreError):
    """The store is unreachable, or refused for a reason that has no class of its own."""

    status = 18


class DecryptionError(RestoreError):
    """The key that a snapshot is encrypted for is missing, or another key was given."""

    status = 19


class DeadlineError(RestoreError):
    """Not ready, or not finished, in time."""

    status = 124


class Interrupted(BaseException):
    """A signal or the deadline ended the run. Not an `Exception`, so that no handler on the way swallows it.

    `status` is 128 + the signal's number, as shells and container engines count. `reason` says what happened, `left`
    what stays behind.
    """

    def __init__(self, signal_number: int, reason: str, *, left: str = "") -> None:
        super().__init__(signal_number, reason)
        self.status = 128 + signal_number
        self.reason = reason
        self.left = left

    def __str__(self) -> str:
        """Return `reason; left`."""
        return f"{self.reason}; {self.left}" if self.left else self.reason


class DeadlineReached(Interrupted):
    """The deadline for the whole run has come."""

    def __init__(self, signal_number: int, reason: str, *, left: str = "") -> None:
        super().__init__(signal_number, reason, left=left)
        self.status = DeadlineError.status


Failure = TypeVar("Failure", bound=RestoreError | Interrupted)


def add_facts(error: Failure, **facts: str) -> Failure:
    """Return a copy of an error with other facts, `left` or `hint`. Raise it `from` the error itself."""
    copied = type(error).__new__(type(error), *error.args)
    copied.__dict__.update(error.__dict__, **facts)
    return copied
