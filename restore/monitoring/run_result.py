"""How one run of a command ended: read from its report, for metrics and notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class CollectionRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did with one collection. `status` is an exit status; `bytes_moved` what travelled, else 0.

    `skipped`: a policy left it alone, which is no failure. `direction` is `download` or `upload`, empty when
    nothing travelled.
    """

    collection: str
    status: int = 0
    skipped: bool = False
    seconds: float | None = None
    bytes_moved: int = 0
    direction: str = ""


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one command. `error` is a sentence without secrets, empty when all went well.

    `operation_id` is what its log, its notifications and nothing else share. `at` is when it ended, UTC.
    """

    command: str
    operation_id: str
    status: int
    seconds: float
    at: datetime
    error: str = ""
    parts: tuple[CollectionRun, ...] = ()
    lock_wait_seconds: float | None = None


_SKIPPED = ("skipped", "would", "held", "kept")
# Where reports have what can fail; what a snapshot pruned, and what was left on a server, too.
_ROWS = ("outcomes", "files", "pruned", "server")


def read_collection_runs(report: msgspec.Struct) -> tuple[CollectionRun, ...]:
    """Give one part for each collection of a report.

    Reports name their rows `outcomes` (one for each collection) or `files` (one for each file: a collection failed
    when one of its files did). Whatever else a report holds is nobody's business here.
    """
    outcomes = getattr(report, "outcomes", None)
    if outcomes is not None:
        return _join([_read(one) for one in outcomes if getattr(one, "collection", None)])
    files = getattr(report, "files", ())
    return _join([_read(one) for one in files if getattr(one, "collection", None)])


def describe_failures(report: msgspec.Struct) -> str:
    """Give one sentence that names what failed; empty when nothing did."""
    rows = [one for field in _ROWS for one in getattr(report, field, None) or ()]
    failed = [one for one in rows if getattr(one, "status", 0)]
    told = [f"{_name(one)}: {_explain(one)}" for one in failed]
    return "; ".join(told or map(str, getattr(report, "warnings", ())))


def _read(one: Any) -> CollectionRun:  # noqa: ANN401 - a row of any report
    moved = _count_moved(one)
    return CollectionRun(
        collection=one.collection,
        status=getattr(one, "status", 0),
        skipped=str(getattr(one, "result", "")).startswith(_SKIPPED),
        seconds=getattr(one, "seconds", None),
        bytes_moved=moved[1],
        direction=moved[0],
    )


def _count_moved(one: Any) -> tuple[str, int]:  # noqa: ANN401 - a row of any report
    """Give the direction and the bytes: an upload says so, a mirror has copied, what was published was downloaded."""
    copied = getattr(one, "copied", ())
    if copied:
        return "mirror", sum(each.size_bytes for each in copied)
    size = getattr(one, "size_bytes", None) or 0
    match getattr(one, "transfer", None):
        case "upload":
            return "upload", size
        case None if getattr(one, "snapshot", "") and getattr(one, "sha256", ""):
            return "download", size
    return "", 0


def _join(parts: list[CollectionRun]) -> tuple[CollectionRun, ...]:
    """Give one part for each collection, the failures' status where rows of one differ."""
    found: dict[str, CollectionRun] = {}
    for part in parts:
        other = found.setdefault(part.collection, part)
        if other is not part:
            seconds = None if part.seconds is None else (other.seconds or 0.0) + part.seconds
            found[part.collection] = msgspec.structs.replace(
                other,
                status=other.status or part.status,
                skipped=other.skipped and part.skipped,
                seconds=seconds,
                bytes_moved=other.bytes_moved + part.bytes_moved,
            )
    return tuple(found.values())


def _name(one: Any) -> str:  # noqa: ANN401 - a row of any report
    return str(getattr(one, "collection", None) or getattr(one, "file", ""))


def _explain(one: Any) -> str:  # noqa: ANN401 - a row of any report
    said = getattr(one, "message", "") or getattr(one, "problem", "")
    errors = [each.error for each in getattr(one, "failed", ())]
    return str(said or ", ".join(errors) or f"status {one.status}")
