"""What others are told of a run, and whether they may be told of a success at all."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from restore.monitoring.run_result import RunResult

# In a URL of healthchecks: each command then has a check of its own.
COMMAND = "{command}"
_LONGEST_ERROR = 2000


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """The webhook's JSON. `status` is `success` or `failure`; `duration` is in seconds; never a log."""

    status: str
    error: str
    operation_id: str
    command: str
    duration: float
    exit_status: int
    failed: tuple[str, ...]


def make_notification(ended: RunResult) -> Notification:
    """Give what a webhook is sent."""
    return Notification(
        status="failure" if ended.status else "success",
        error=ended.error[:_LONGEST_ERROR],
        operation_id=ended.operation_id,
        command=ended.command,
        duration=ended.seconds,
        exit_status=ended.status,
        failed=tuple(part.collection for part in ended.parts if part.status),
    )


def decide_ping(ended: RunResult, others_failing: Iterable[str], *, has_own_check: bool) -> str | None:
    """Give the end of the URL to ping: `/fail`, empty for success; None when success must not be told.

    A check that several jobs share is told of a success only when the last run of every one of them was one: else
    the success of a verification would hide that there are no snapshots any more.
    """
    if ended.status:
        return "/fail"
    if not has_own_check and tuple(others_failing):
        return None
    return ""
