"""One line of `doctor`: what was looked at, how it is, and what to do about it."""

from collections.abc import Callable
from enum import StrEnum
from typing import Self

import msgspec

from restore.errors import RestoreError


class FindingLevel(StrEnum):
    """How one look ended. SKIPPED: it was not possible, or only by writing."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `about` is what was looked at; `status` is the exit status when it failed, else 0."""

    about: str
    verdict: FindingLevel
    message: str
    hint: str = ""
    status: int = 0

    @classmethod
    def ok(cls, about: str, message: str) -> Self:
        """Return that something is as it should be."""
        return cls(about=about, verdict=FindingLevel.OK, message=message)

    @classmethod
    def warning(cls, about: str, message: str, hint: str) -> Self:
        """Return that something works, and should be changed."""
        return cls(about=about, verdict=FindingLevel.WARNING, message=message, hint=hint)

    @classmethod
    def skipped(cls, about: str, message: str, hint: str = "") -> Self:
        """Return that something was not looked at, and why."""
        return cls(about=about, verdict=FindingLevel.SKIPPED, message=message, hint=hint)

    @classmethod
    def failed(cls, about: str, error: RestoreError) -> Self:
        """Return that something would keep a restore or a snapshot from working."""
        return cls(about=about, verdict=FindingLevel.FAILED, message=str(error), hint=error.hint, status=error.status)


def look_at(about: str, look: Callable[[], Finding]) -> Finding:
    """Return what `look` finds; an expected error is a failed finding about `about`."""
    try:
        return look()
    except RestoreError as error:
        return Finding.failed(about, error)
