"""The message to a webhook about a run, and when a check may be pinged with a success."""

from collections.abc import Iterable

import msgspec

from restore.monitoring.run_result import RunResult

# In the URL of a check: each command then has a check of its own.
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


def make_notification(result: RunResult) -> Notification:
    """Return the body for the webhook."""
    return Notification(
        status="failure" if result.status else "success",
        error=result.error[:_LONGEST_ERROR],
        operation_id=result.operation_id,
        command=result.command,
        duration=result.seconds,
        exit_status=result.status,
        failed=tuple(run.collection for run in result.runs if run.status),
    )


def decide_ping(result: RunResult, others_failing: Iterable[str], *, has_own_check: bool) -> str | None:
    """Return the end of the URL to ping: `/fail`, or empty for success; None when success must not be pinged.

    A check that several jobs share gets a success only when the last run of each of them succeeded: else the success
    of a verification would hide that no snapshots are made any more.
    """
    if result.status:
        return "/fail"
    if not has_own_check and tuple(others_failing):
        return None
    return ""
