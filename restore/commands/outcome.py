"""What all commands' reports share: outcomes counted, put into lines and reduced to one exit status."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypedDict, TypeVar

import msgspec

from restore.errors import RestoreError
from restore.exit_statuses import PARTIAL
from restore.monitoring.run_result import CollectionRun
from restore.system.events import Log, Progress
from restore.system.text import format_bytes


class Failure(NamedTuple):
    """One row of a report: the collection or file, its exit status, and why it failed."""

    subject: str
    status: int
    reason: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a command reports. Its fields are the JSON of `--json`; what metrics and notifications read is computed.

    The defaults here are those of a command whose runs are not counted.
    """

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know although the run did not fail."""
        return ()

    @property
    def lock_wait_seconds(self) -> float | None:
        """How long the run waited for another run; None for a command that takes no lock."""
        return None

    def list_runs(self) -> Iterable[CollectionRun]:
        """Return what was done with each collection; one that has several rows comes several times."""
        return ()

    def list_failures(self) -> Iterable[Failure]:
        """Return what failed; rows with status 0 may be among them."""
        return ()


class CommandResult(msgspec.Struct, frozen=True):
    """A command's report, the lines that describe it, and its exit status."""

    result: Report
    lines: list[str]
    status: int


def describe_failures(report: Report) -> str:
    """Return one sentence that names what failed, else the warnings; empty when there is neither."""
    failed = [
        f"{subject}: {reason or f'status {status}'}" for subject, status, reason in report.list_failures() if status
    ]
    return "; ".join(failed or report.warnings)


class Outcome(Protocol):
    """What became of one collection, file or snapshot."""

    @property
    def status(self) -> int:
        """Its exit status, 0 unless it failed."""
        ...


def find_failure_status(outcomes: Iterable[Outcome]) -> int:
    """Return the first failure's exit status; 0 without a failure."""
    return next((one.status for one in outcomes if one.status), 0)


def decide_status(outcomes: Iterable[Outcome], *, partly_done: bool = False) -> int:
    """Return the run's exit status: 0, the first failure's own when nothing succeeded, else 3 for partial.

    `partly_done`: something was done although every outcome may have failed.
    """
    statuses = [one.status for one in outcomes]
    failures = [status for status in statuses if status]
    if failures and (partly_done or len(failures) < len(statuses)):
        return PARTIAL
    return failures[0] if failures else 0


class CountedOutcome(Outcome, Protocol):
    """An outcome as the summary counts it."""

    @property
    def is_skipped(self) -> bool:
        """True if nothing had to be done, or was only foreseen."""
        ...

    @property
    def handled_bytes(self) -> int:
        """The size of the snapshots that were made, sent, copied or deleted."""
        ...


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How many collections ended how, the bytes of the snapshots that were handled, and how long it all took."""

    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    size_bytes: int = 0
    seconds: float = 0.0


def summarise(outcomes: Iterable[CountedOutcome], seconds: float) -> Summary:
    """Count the outcomes by how they ended."""
    outcomes = tuple(outcomes)
    failed = sum(1 for one in outcomes if one.status)
    skipped = sum(1 for one in outcomes if one.is_skipped and not one.status)
    return Summary(
        succeeded=len(outcomes) - failed - skipped,
        failed=failed,
        skipped=skipped,
        size_bytes=sum(one.handled_bytes for one in outcomes),
        seconds=seconds,
    )


def describe_summary(summary: Summary) -> list[str]:
    """Return the line at the end of a run; none where the line of the only collection has said it all."""
    if summary.succeeded + summary.failed + summary.skipped < 2:  # noqa: PLR2004 - a single one needs no counts
        return []
    counts = f"{summary.succeeded} succeeded, {summary.failed} failed, {summary.skipped} skipped"
    return [f"{counts}; {format_bytes(summary.size_bytes)} in {summary.seconds:.1f} s"]


def describe_warnings(warnings: Iterable[str]) -> list[str]:
    """Return a line for each warning about the whole run."""
    return [f"warning: {warning}" for warning in warnings]


def describe_outcome(
    subject: str, sentence: str, *, warnings: Iterable[str] = (), left: str = "", hint: str = ""
) -> list[str]:
    """Return `subject: sentence`, then what belongs to it, indented."""
    lines = [f"{subject}: {sentence}", *(f"  {line}" for line in describe_warnings(warnings))]
    lines += [f"  left behind: {left}"] if left else []
    return lines + ([f"  hint: {hint}"] if hint else [])


class CollectionOutcome(Outcome, Protocol):
    """What became of one collection; `message` says why it failed."""

    @property
    def collection(self) -> str:
        """Its name."""
        ...

    @property
    def message(self) -> str:
        """One sentence without the collection's name."""
        ...


Row = TypeVar("Row", bound=CollectionOutcome)


def run_collection(
    run: Callable[[], Row],
    report_failure: Callable[[RestoreError], Row],
    *,
    log: Log,
    progress: Progress,
    event: str = "collection.failed",
) -> Row:
    """Return the outcome of `run`, or the one that an expected error becomes; a failure is logged as `event`."""
    try:
        outcome = run()
    except RestoreError as error:
        outcome = report_failure(error)
    finally:
        progress.close()
    if outcome.status:
        log(event, level="error", collection=outcome.collection, status=outcome.status, reason=outcome.message)
    return outcome


class FailedFields(TypedDict):
    """The fields of a collection's outcome that an expected error decides."""

    collection: str
    status: int
    message: str
    hint: str


def report_failure(collection: str, error: RestoreError, *, target: str = "", with_left: bool = True) -> FailedFields:
    """Return the fields of the outcome of a collection that failed.

    An error's sentence names its collection, or the `target` that stood for it; an outcome's message does not, since
    its line begins with that name. `with_left`: the message ends with what was left behind.
    """
    message = str(error) if with_left else error.message
    for name in (collection, target):
        message = message.removeprefix(f"collection '{name}': ").removeprefix(f"collection '{name}' ")
    return FailedFields(collection=collection, status=error.status, message=message, hint=error.hint)
