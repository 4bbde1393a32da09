"""Stores with a history, and prune as people start it and in this process."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from restore.commands.pin import command as pin
from restore.commands.pin.report import PinReport
from restore.commands.prune import command as prune
from restore.commands.prune.report import PruneReport
from restore.qdrant.client import Qdrant
from restore.stores.local.writer import WritableLocalStore
from restore.system.clock import Clock
from restore.system.events import Log
from tests.support.resolve_settings import resolve_settings
from tests.support.run_restore import RecordedLog
from tests.support.sample_stores import NOON, FilledStore

OURS = "qdrant-restore 0"


class FixedClock(Clock):
    """A clock that shows the given time."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the moment."""
        return self.at


def fill(store: FilledStore, collection: str, ages_days: Iterable[float], **changes: Any) -> list[str]:  # noqa: ANN401 - fields of the manifest
    """Put a snapshot there for each age before noon, the oldest first; latest is the newest. Gives the file names."""
    return [
        store.add(collection, at=NOON - timedelta(days=age), written_by=OURS, **changes).name
        for age in sorted(ages_days, reverse=True)
    ]


def prune_here(
    *arguments: str,
    store: Path,
    document: dict[str, object] | None = None,
    now: datetime = NOON,
    log: Log | None = None,
    qdrant: Qdrant | None = None,
) -> PruneReport:
    """Prune in this process, at a moment of the test's own."""
    settings = resolve_settings("prune", *arguments, store=store, document=document)
    tools = prune.PruneSession(
        store=WritableLocalStore(str(store)), clock=FixedClock(now), log=log or RecordedLog(), qdrant=qdrant
    )
    return prune.run(settings, tools)


def pin_here(*arguments: str, store: Path) -> PinReport:
    """Pin in this process."""
    return pin.pin(resolve_settings("pin", *arguments, store=store), WritableLocalStore(str(store)), FixedClock())


def unpin_here(*arguments: str, store: Path) -> PinReport:
    """Unpin in this process."""
    return pin.unpin(resolve_settings("unpin", *arguments, store=store), WritableLocalStore(str(store)))


def names(report: PruneReport) -> list[str]:
    """Return the files that were, or would be, deleted."""
    return [one.file for outcome in report.outcomes for one in outcome.pruned]
