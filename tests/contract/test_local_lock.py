"""The lock of a directory on a file system that knows no locks: NFS without lockd, some FUSE file systems."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from restore.stores.layout import LEASE_FILE, LOCK_FILE
from restore.stores.local.lock import LockTimeoutError, acquire_lease, read_holder
from restore.stores.local.writer import open_writable_local_store
from restore.stores.store_lock import HeldLock
from restore.system.events import no_op
from tests.support.program import make_environment

YEAR_SECONDS = 365 * 86400.0
# The record of a holder on another machine, as the lease's file has it.
ELSEWHERE = (
    "filelock/2\npid=7\nhost=host-b\nmode=lease\ntoken=00000000000000000000000000000000\nduration={}\nstart=1\n"
)


def hold(store: Path, timeout: float, seconds: float = 1.0) -> HeldLock:
    """Take a lease of so many seconds."""
    store.mkdir(exist_ok=True)
    path = str(store / LEASE_FILE)
    return acquire_lease(path, mode=0o644, timeout_seconds=timeout, on_wait=no_op, lease_seconds=seconds)


def run_without_locks(script: str, *arguments: str, error: str = "ENOLCK") -> list[str]:
    """Run a script under a kernel whose every flock fails and return what it printed."""
    if not shutil.which("strace"):
        pytest.skip("strace, which makes the kernel's locks fail, is not installed")
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", f"inject=flock:error={error}"]
    result = subprocess.run(
        [*command, sys.executable, "-c", script, *arguments],
        env=make_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return result.stdout.splitlines()


ONE_AT_A_TIME = """
import os, sys
from restore.stores.local.writer import open_writable_local_store
from restore.errors import LockedError
with open_writable_local_store(sys.argv[1]).lock(0.0):
    try:
        with open_writable_local_store(sys.argv[1]).lock(0.5):
            print("both")
    except LockedError as error:
        print(error.status, str(error).replace(f"{os.uname().nodename} process {os.getpid()}", "SELF"))
with open_writable_local_store(sys.argv[1]).lock(0.0):
    print("free again")
"""


@pytest.mark.parametrize("error", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_without_locks_of_the_kernel_a_lease_is_taken(tmp_path: Path, error: str) -> None:
    """Every flock fails; the lease still has one holder at a time, names it with its host, and ends on release."""
    store = str(tmp_path / "store")
    open_writable_local_store(store)
    assert run_without_locks(ONE_AT_A_TIME, store, error=error) == [
        f"11 store '{store}' is locked by another run (waited 0.5 s); SELF holds it",
        "free again",
    ]


LOST = f"""
import sys
from pathlib import Path
from restore.stores.local.writer import open_writable_local_store
from restore.errors import LockedError
from restore.snapshots.name import parse_name
shelf = open_writable_local_store(sys.argv[1])
name = parse_name("cities_20261118_101500.snapshot")
with shelf.lock(0.0), shelf.receive() as incoming:
    incoming.write(b"bytes")
    taken = Path(sys.argv[1]) / "{LEASE_FILE}"
    taken.with_name("other").write_text({ELSEWHERE.format(60.0)!r})
    taken.with_name("other").rename(taken)
    publish = lambda: shelf.publish(incoming, name, b"{{}}")
    for work in (publish, lambda: shelf.delete_snapshot("x_20261118_101500.snapshot")):
        try:
            work()
        except LockedError as error:
            print(error.status, error)
print(sorted(path.name for path in Path(sys.argv[1]).iterdir()))
"""


def test_a_holder_that_lost_its_lease_publishes_and_deletes_nothing(tmp_path: Path) -> None:
    """A machine that slept while another took over must not touch what the other works on."""
    store = str(tmp_path / "store")
    open_writable_local_store(store)
    said = f"11 the lock of store '{store}' was lost: another run took it over; nothing was published or deleted"
    assert run_without_locks(LOST, store) == [said, said, str([LEASE_FILE, LOCK_FILE, "README.md"])]


def test_a_dead_holder_on_another_machine_blocks_for_the_leases_length(tmp_path: Path) -> None:
    """The error names the holder; when its lease has ended, the next run gets the lock."""
    store = tmp_path / "store"
    store.mkdir()
    (store / LEASE_FILE).write_text(ELSEWHERE.format(1.0))
    begin = time.monotonic()
    with pytest.raises(LockTimeoutError):
        hold(store, 0.2)
    holder = read_holder(str(store / LEASE_FILE))
    held = hold(store, 10.0)
    took = time.monotonic() - begin
    assert (holder, held.is_ours(), 1.0 <= took < 5.0) == ("host-b process 7", True, True)
    held.release()


def test_a_holder_killed_on_this_machine_blocks_nobody(tmp_path: Path) -> None:
    """The killed process is known to be gone."""
    store = tmp_path / "store"
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom tests.contract.test_local_lock import hold\n"
        "held = hold(Path(sys.argv[1]), 0.0, 60.0)\nprint('held', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(store)], env=make_environment(), stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        child.send_signal(signal.SIGKILL)
    held = hold(store, 5.0, 60.0)
    assert held.is_ours()
    held.release()


@pytest.mark.parametrize("off", [YEAR_SECONDS, -YEAR_SECONDS], ids=["ahead", "behind"])
def test_a_clock_that_is_wrong_by_a_year_takes_no_living_holders_lease(tmp_path: Path, off: float) -> None:
    """The file's time is never compared with a clock; only a change of it counts."""
    store = tmp_path / "store"
    holder = hold(store, 0.0)
    result = threading.Event()

    def keep_dating() -> None:
        while not result.wait(0.05):
            with contextlib.suppress(OSError):
                os.utime(store / LEASE_FILE, (time.time() + off, time.time() + off))

    dating = threading.Thread(target=keep_dating)
    dating.start()
    try:
        with pytest.raises(LockTimeoutError):
            hold(store, 2.5)
        assert holder.is_ours()
    finally:
        result.set()
        dating.join()
        holder.release()


def test_of_two_machines_one_has_the_lease(tmp_path: Path) -> None:
    """Four processes ask at once: one gets the lease, and the others are told its holder."""
    store = tmp_path / "store"
    got: list[HeldLock] = []
    output: list[str] = []

    def acquire() -> None:
        try:
            got.append(hold(store, 0.0, 30.0))
        except LockTimeoutError:
            output.append("taken")

    threads = [threading.Thread(target=acquire) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), output) == (1, ["taken"] * 3)
    got[0].release()
