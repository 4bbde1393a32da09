"""The snapshot command as people start it, and the same in this process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from restore.commands.snapshot.command import run
from restore.commands.snapshot.report import SnapshotOutcome, SnapshotReport
from restore.commands.snapshot.session import SnapshotSession
from restore.qdrant.api_key import is_scoped
from restore.qdrant.client import connect
from restore.stores.local.writer import open_writable_local_store
from restore.system.clock import Clock
from tests.support.no_output import NoProgress
from tests.support.program import make_environment
from tests.support.resolve_settings import resolve_settings
from tests.support.run_restore import RecordedLog


def take_here(
    *arguments: str,
    url: str,
    store: Path,
    key: str = "",
    clock: Clock | None = None,
    story: RecordedLog | None = None,
    run_id: str = "",
) -> SnapshotReport:
    """Run the command in this process, with nothing from this machine's environment. Without `run_id`: no set."""
    settings = resolve_settings("snapshot", *arguments, url=url, store=store, key=key)
    qdrant = connect(settings.server.url, key)
    tools = SnapshotSession(
        qdrant=qdrant,
        store=open_writable_local_store(settings.store.location, file_mode=settings.store.file_mode),
        clock=clock or Clock(),
        log=story or RecordedLog(),
        progress=NoProgress(),
        scoped=is_scoped(key),
        run_id=run_id,
    )
    try:
        return run(settings, tools)
    finally:
        qdrant.close()


def only(report: SnapshotReport) -> SnapshotOutcome:
    """Return the only outcome of a report."""
    (outcome,) = report.outcomes
    return outcome


def start_snapshot(*arguments: str, url: str, store: Path) -> subprocess.Popen[str]:
    """Start the installed command and leave it running."""
    return subprocess.Popen(
        [sys.executable, "-m", "restore", "snapshot", *arguments],
        env=make_environment(QDRANT_URL=url, RESTORE_STORE=str(store)),
        cwd=store.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_with(child: subprocess.Popen[str], number: signal.Signals) -> tuple[int, float, str]:
    """Send a signal and return the exit status, how many seconds it took, and what was said on stderr."""
    begin = time.monotonic()
    child.send_signal(number)
    _, output = child.communicate(timeout=30)
    return child.returncode, time.monotonic() - begin, output
