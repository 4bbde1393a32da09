"""What a look at something found: one line, a verdict, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from restore.errors import RestoreError


class FindingLevel(StrEnum):
    """How one look ended. Skipped: it could not be looked at, or only by writing."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `doctor`. `about` is what was looked at; `status` is the exit status when it failed, else 0."""

    about: str
    verdict: FindingLevel
    message: str
    hint: str = ""
    status: int = 0


def find_ok(about: str, message: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(about=about, verdict=FindingLevel.OK, message=message)


def find_warning(about: str, message: str, hint: str) -> Finding:
    """Say that something works and deserves a look."""
    return Finding(about=about, verdict=FindingLevel.WARNING, message=message, hint=hint)


def find_skipped(about: str, message: str, hint: str = "") -> Finding:
    """Say that something could not be looked at, and why."""
    return Finding(about=about, verdict=FindingLevel.SKIPPED, message=message, hint=hint)


def find_failed(about: str, error: RestoreError) -> Finding:
    """Say that something would keep a restore or a snapshot from working."""
    return Finding(about=about, verdict=FindingLevel.FAILED, message=str(error), hint=error.hint, status=error.status)
