"""Notifies a webhook and a check of healthchecks.io of a run. Never changes the outcome of the run."""

from collections.abc import Callable, Iterable

import msgspec

from restore.monitoring.notification import COMMAND, decide_ping, make_notification
from restore.monitoring.run_result import RunResult
from restore.monitoring.webhook import NotifyError, extend_url, post
from restore.system.events import Log
from restore.system.secret import Secret
from restore.system.text import encode_json

_TIMEOUT_SECONDS = 10.0


class Notifier:
    """Sends the notifications of one process. A failure is logged, and the run goes on.

    `mask` removes secrets from texts that servers wrote.
    """

    def __init__(
        self,
        log: Log,
        *,
        webhook: Secret | None = None,
        healthchecks: Secret | None = None,
        mask: Callable[[str], str] = str,
    ) -> None:
        self._log = log
        self._webhook = webhook
        self._healthchecks = healthchecks
        self._mask = mask

    def notify_start(self, command: str, operation_id: str) -> None:
        """Notify healthchecks.io that a run begins."""
        if self._healthchecks is not None:
            self._ping(self._healthchecks, "/start", command, operation_id)

    def notify_end(
        self, result: RunResult, others_failing: Iterable[str] = (), *, timeout_seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        """Notify both that a run has ended. `others_failing` are the commands whose own last run failed."""
        if self._webhook is not None:
            masked = msgspec.structs.replace(result, error=self._mask(result.error))
            body = encode_json(make_notification(masked)).encode()
            self._send(self._webhook, body, "application/json", what="webhook", timeout_seconds=timeout_seconds)
        if self._healthchecks is None:
            return
        others = tuple(others_failing)
        has_own_check = COMMAND in self._healthchecks.reveal()
        end = decide_ping(result, others, has_own_check=has_own_check)
        if end is None:
            self._log("notify.withheld", command=result.command, because=", ".join(others))
        else:
            self._ping(self._healthchecks, end, result.command, result.operation_id, timeout_seconds=timeout_seconds)

    def _ping(
        self,
        check: Secret,
        end: str,
        command: str,
        operation_id: str,
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        """Send a ping with the run's id, by which the other side tells runs apart, and nothing else."""
        url = Secret(check.reveal().replace(COMMAND, command))
        target = Secret(extend_url(url, end).reveal() + f"?rid={operation_id}")
        self._send(target, b"", "text/plain", what=f"healthchecks{end}", timeout_seconds=timeout_seconds)

    def _send(self, url: Secret, body: bytes, content_type: str, *, what: str, timeout_seconds: float) -> None:
        try:
            post(url, body, content_type, timeout_seconds=timeout_seconds)
        except NotifyError as error:
            self._log("notify.failed", level="warning", what=what, reason=str(error))
        else:
            self._log("notify.sent", level="debug", what=what)
