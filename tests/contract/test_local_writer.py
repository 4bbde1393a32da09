"""What a store does when it is written to: whole or not at all, and never over somebody else's file."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restore.errors import (
    IncompatibleError,
    LockedError,
    NotFoundError,
    RefusedError,
    RestoreError,
    SpaceError,
    StoreError,
)
from restore.snapshots.manifest import read_manifest, write_manifest
from restore.snapshots.name import SnapshotName
from restore.stores.local.writer import open_writable_local_store
from tests.support.program import make_environment
from tests.support.run_publish import (
    FIRST,
    SECOND,
    THIRD,
    describe,
    find_trouble,
    list_names,
    publish_once,
    read_latest,
)

ONE, TWO = b"the first" * 1000, b"the second one" * 1000
NAME = SnapshotName("cities", FIRST)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a store that does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    """Let this process make private files, as some services are started."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_publishing_leaves_snapshot_manifest_and_a_relative_link(path: Path) -> None:
    """A relative link works wherever the volume is mounted; the manifest says what the file holds."""
    published = publish_once(path, ONE, FIRST)
    assert list_names(path) == [
        "cities_20261118_101500.snapshot",
        "cities_20261118_101500.snapshot.json",
        "cities_latest.snapshot",
    ]
    assert (path / "cities_latest.snapshot").readlink() == Path("cities_20261118_101500.snapshot")
    assert (published.file, published.hindrance) == ("cities_20261118_101500.snapshot", None)
    assert (read_latest(path), find_trouble(path)) == (ONE, [])
    text = (path / "cities_20261118_101500.snapshot.json").read_bytes()
    assert read_manifest(text, where="x") == describe(ONE, FIRST)


def test_two_of_the_same_second_become_two_files(path: Path) -> None:
    """Nothing is overwritten."""
    files = [publish_once(path, content, FIRST).file for content in (ONE, TWO, ONE)]
    assert files == [
        "cities_20261118_101500.snapshot",
        "cities_20261118_101500-2.snapshot",
        "cities_20261118_101500-3.snapshot",
    ]
    assert ((path / files[0]).read_bytes(), read_latest(path), find_trouble(path)) == (ONE, ONE, [])


def test_a_name_with_somebody_elses_manifest_is_taken(path: Path) -> None:
    """Files that this program did not write are never deleted, nor overwritten."""
    path.mkdir()
    (path / "README.md").touch()
    (path / "cities_20261118_101500.snapshot.json").write_bytes(b"mine")
    assert publish_once(path, ONE, FIRST).file == "cities_20261118_101500-2.snapshot"
    assert (path / "cities_20261118_101500.snapshot.json").read_bytes() == b"mine"


def test_latest_never_moves_backwards(path: Path) -> None:
    """An older snapshot that finishes late is kept, and latest stays."""
    publish_once(path, TWO, SECOND)
    published = publish_once(path, ONE, FIRST)
    assert isinstance(published.hindrance, RefusedError)
    assert str(published.hindrance) == (
        "the latest snapshot is newer than this one: 2026-11-19 10:15:00 UTC; "
        "'cities_20261118_101500.snapshot' is kept, latest stays 'cities_20261119_101500.snapshot'"
    )
    assert (read_latest(path), (path / published.file).read_bytes()) == (TWO, ONE)


@pytest.mark.parametrize(("points", "moves"), [(0, False), (49, False), (50, True), (100, True), (1000, True)])
def test_a_suspiciously_smaller_snapshot_does_not_become_latest(path: Path, points: int, moves: bool) -> None:  # noqa: FBT001
    """No points where the last had some, or less than half; the file is kept and the manifest says why."""
    publish_once(path, ONE, FIRST, points=100)
    published = publish_once(path, TWO, SECOND, points=points)
    manifest = read_manifest((path / f"{published.file}.json").read_bytes(), where="x")
    assert (read_latest(path) == TWO, manifest.held_back == "", published.hindrance is None) == (moves,) * 3
    assert (path / published.file).read_bytes() == TWO


def test_a_smaller_snapshot_becomes_latest_when_that_is_allowed(path: Path) -> None:
    """`--allow-smaller` allows it."""
    publish_once(path, ONE, FIRST, points=100)
    assert publish_once(path, TWO, SECOND, points=0, allow_smaller=True).hindrance is None
    assert read_latest(path) == TWO


def test_what_was_held_back_is_not_what_the_next_one_is_compared_with(path: Path) -> None:
    """Otherwise the second empty snapshot would become latest."""
    publish_once(path, ONE, FIRST, points=100)
    hindrances = [publish_once(path, TWO, at, points=0).hindrance for at in (SECOND, THIRD)]
    assert [type(hindrance) for hindrance in hindrances] == [RefusedError, RefusedError]
    assert read_latest(path) == ONE


def test_one_nodes_part_is_kept_and_never_latest(path: Path) -> None:
    """It cannot be restored alone; together with the other nodes' files it can."""
    published = publish_once(path, ONE, FIRST, part_problem="lacks the data of shard 1 of 2")
    assert isinstance(published.hindrance, IncompatibleError)
    assert (read_latest(path), (path / published.file).read_bytes()) == (None, ONE)


def test_a_pointer_that_leads_nowhere_is_repaired(path: Path) -> None:
    """Whatever lies there, the next run succeeds without human help."""
    publish_once(path, ONE, FIRST)
    (path / "cities_latest.snapshot").unlink()
    (path / "cities_latest.snapshot").symlink_to("/gone")
    publish_once(path, TWO, SECOND)
    assert (read_latest(path), find_trouble(path)) == (TWO, [])


def test_a_snapshot_that_a_person_put_there_as_latest_is_kept(path: Path) -> None:
    """Moving latest by a rename would destroy it, so it gets a name of its own first."""
    path.mkdir()
    mine = path / "cities_latest.snapshot"
    mine.write_bytes(b"mine, and the only one")
    os.utime(mine, (FIRST.timestamp(), FIRST.timestamp()))
    publish_once(path, TWO, SECOND)
    assert (path / "cities_20261118_101500.snapshot").read_bytes() == b"mine, and the only one"
    assert read_latest(path) == TWO


def test_files_can_be_read_by_another_containers_user(path: Path, narrow_umask: None) -> None:
    """Design §3: 0644 and 0755 by default, whatever the umask; never a temporary file's 0600."""
    publish_once(path, ONE, FIRST)
    modes = {name: stat.S_IMODE((path / name).stat().st_mode) for name in list_names(path)}
    assert (stat.S_IMODE(path.stat().st_mode), set(modes.values())) == (0o755, {0o644})
    assert stat.S_IMODE((path / "README.md").stat().st_mode) == 0o644


def test_the_file_mode_can_be_chosen(path: Path) -> None:
    """`RESTORE_FILE_MODE`: for a group, or for nobody else."""
    store = open_writable_local_store(str(path), file_mode=0o640)
    with store.receive() as incoming:
        store.publish(incoming, store.choose_name(NAME), b"{}")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()}
    assert (stat.S_IMODE(path.stat().st_mode), modes) == (0o750, {0o640})


def test_a_new_store_gets_its_stamp(path: Path) -> None:
    """One level is made, and a restore that finds it knows that it is the store and not a missing mount."""
    open_writable_local_store(str(path))
    assert [file.name for file in path.iterdir()] == ["README.md"]
    assert (path / "README.md").read_text().startswith("# Qdrant snapshots\n")


@pytest.mark.parametrize("holds", [[], ["lost+found"], [".gitkeep", ".DS_Store"]])
def test_an_empty_directory_becomes_a_store(path: Path, holds: list[str]) -> None:
    """A fresh volume, a fresh checkout."""
    path.mkdir()
    for name in holds:
        (path / name).touch()
    open_writable_local_store(str(path))
    assert (path / "README.md").exists()


def test_a_directory_that_holds_other_things_is_no_store(path: Path) -> None:
    """A home directory given by mistake stays as it is."""
    path.mkdir()
    (path / "thesis.odt").touch()
    with pytest.raises(RefusedError) as caught:
        open_writable_local_store(str(path))
    assert str(caught.value) == f"'{path}' is no store: it holds 'thesis.odt' and no stamp (README.md)"
    assert [file.name for file in path.iterdir()] == ["thesis.odt"]


def test_only_one_level_is_ever_made(tmp_path: Path) -> None:
    """A missing mount is not replaced by a directory on the container's own disk."""
    with pytest.raises(NotFoundError, match=r"cannot be made: the directory above it does not exist$"):
        open_writable_local_store(str(tmp_path / "mount" / "store"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_received_has_no_final_name(path: Path) -> None:
    """Readers see nothing of a partial file, and it vanishes when it is not published."""
    store = open_writable_local_store(str(path))
    with store.receive() as incoming:
        incoming.write(ONE)
        (during,) = list_names(path)
    assert during.startswith(".partial-")
    assert list_names(path) == []


def test_the_lock_of_a_killed_holder_is_free_at_once(path: Path) -> None:
    """The kernel releases the lock; no file has to be removed."""
    store = open_writable_local_store(str(path))
    holder = _hold_lock(path)
    holder.kill()
    holder.wait()
    begin = time.monotonic()
    with store.lock(5.0):
        waited = time.monotonic() - begin
    assert waited < 1.0


def test_waiting_for_the_lock_ends_in_time_with_its_own_status(path: Path) -> None:
    """`--lock-timeout` bounds the wait; the status is 11."""
    store = open_writable_local_store(str(path))
    holder = _hold_lock(path)
    begin = time.monotonic()
    with pytest.raises(LockedError) as caught, store.lock(0.5):
        pass
    waited = time.monotonic() - begin
    holder.kill()
    holder.wait()
    assert (caught.value.status, caught.value.message) == (
        11,
        f"store '{path}' is locked by another run (waited 0.5 s)",
    )
    who = rf"{re.escape(os.uname().nodename)} process {holder.pid} since 20[0-9-]+ [0-9:]+ UTC holds it"
    assert re.fullmatch(who, caught.value.left)
    assert 0.4 < waited < 3.0


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o664, 0o600])
def test_the_lock_has_the_mode_of_the_stores_files(path: Path, mode: int) -> None:
    """Whatever the mask of the process, and it stays empty: nothing of a run remains in it."""
    mask = os.umask(0o077)
    try:
        with open_writable_local_store(str(path), file_mode=mode).lock(5.0):
            held = (path / ".lock").read_text()
    finally:
        os.umask(mask)
    found = (path / ".lock").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_size, held.startswith(os.uname().nodename)) == (mode, 0, True)


def test_a_lock_that_another_user_made_is_waited_for_and_taken(path: Path) -> None:
    """To lock a file it is enough to read it; that its holder is not written there is no trouble."""
    open_writable_local_store(str(path))
    (path / ".lock").write_text("")
    (path / ".lock").chmod(0o444)
    path.chmod(0o777)
    script = (
        "import sys; from restore.stores.local.writer import WritableLocalStore\n"
        "with WritableLocalStore(sys.argv[1]).lock(1.0): print('held')"
    )
    obeying = [sys.executable, "-m", "tests.support.unprivileged", sys.executable, "-c", script, str(path)]
    done = subprocess.run(obeying, env=make_environment(), capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("held\n", 0), done.stderr


def test_whoever_waited_for_a_lock_that_was_removed_waits_for_the_new_one(path: Path) -> None:
    """Somebody cleans up while a run waits: a lock on a deleted file keeps nobody out."""
    store, holder = open_writable_local_store(str(path)), _hold_lock(path)
    result: list[type[Exception]] = []

    def wait() -> None:
        with contextlib.suppress(LockedError), open_writable_local_store(str(path)).lock(1.0):
            result.append(AssertionError)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.3)
    (path / ".lock").unlink()
    with store.lock(0.0):
        holder.kill()
        holder.wait()
        waiting.join()
    assert result == []


def test_without_a_limit_the_lock_is_waited_for(path: Path) -> None:
    """As long as its holder lives."""
    store = open_writable_local_store(str(path))
    holder = _hold_lock(path)
    threading.Timer(0.6, holder.send_signal, (signal.SIGKILL,)).start()
    with store.lock(None):
        result = holder.wait()
    assert result == -signal.SIGKILL


def _hold_lock(path: Path) -> subprocess.Popen[str]:
    """Start another process that holds the store's lock, and wait until it does."""
    code = (
        "import sys, time; from restore.stores.local.writer import open_writable_local_store\n"
        "with open_writable_local_store(sys.argv[1]).lock(): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_debris_of_a_killed_run_is_removed_and_nothing_else(path: Path) -> None:
    """Files of ours that were never finished, and a manifest whose snapshot was lost half-way through."""
    publish_once(path, ONE, FIRST)
    good = list_names(path)
    (path / ".partial-0123456789abcdef").write_bytes(TWO)
    (path / ".partial-fedcba9876543210.link").symlink_to("gone")
    (path / "cities_20261119_101500.snapshot.json").write_bytes(_describe(TWO))
    kept = [
        ".partial-mine",
        "cities_20261120_101500.snapshot.json",
        "towns_20261119_101500.snapshot.json",
        "x.txt",
    ]
    (path / kept[0]).write_bytes(b"not ours")
    (path / kept[1]).write_bytes(_describe(b"a manifest that is being copied here before its snapshot"))
    (path / kept[2]).write_bytes(b"not ours")
    (path / kept[3]).write_bytes(b"not ours")
    removed = open_writable_local_store(str(path)).remove_debris()
    assert removed == (
        "cities_20261119_101500.snapshot.json",
        ".partial-0123456789abcdef",
        ".partial-fedcba9876543210.link",
    )
    assert list_names(path) == sorted(good + kept)


def _describe(content: bytes) -> bytes:
    return write_manifest(describe(content, SECOND))


def test_too_little_room_is_told_before_the_first_byte(path: Path) -> None:
    """The size is known from the server's answer."""
    store = open_writable_local_store(str(path))
    store.require_space(1)
    with pytest.raises(SpaceError) as caught:
        store.require_space(1 << 60)
    assert str(caught.value).endswith(
        " bytes free, the snapshot needs 1,152,921,504,606,846,976; nothing was written"
    )
    assert list_names(path) == []


def test_a_disk_that_fills_up_is_told_at_once_and_leaves_nothing(
    path: Path, limit_files: Callable[[int], None]
) -> None:
    """A full disk is permanent: no second try, no partial file."""
    limit_files(1 << 16)
    with pytest.raises(SpaceError) as caught:
        publish_once(path, bytes(1 << 17), FIRST)
    assert "cannot be written after 65,536 bytes: File too large" in str(caught.value)
    assert list_names(path) == []


def test_a_full_disk_while_the_manifest_is_written_leaves_latest_alone(
    path: Path, limit_files: Callable[[int], None]
) -> None:
    """The old latest stays, and nothing of the new snapshot does."""
    publish_once(path, ONE, FIRST)
    before = list_names(path)
    store = open_writable_local_store(str(path))
    with store.receive() as incoming:
        incoming.write(TWO)
        limit_files(100)
        with pytest.raises(SpaceError):
            store.publish(incoming, SnapshotName("cities", SECOND), bytes(1000))
    assert (read_latest(path), find_trouble(path), list_names(path)) == (ONE, [], before)


def test_names_that_differ_only_in_case_are_no_trouble_where_case_counts(path: Path) -> None:
    """This file system tells them apart, and then nothing is refused."""
    publish_once(path, ONE, FIRST)
    store = open_writable_local_store(str(path))
    assert not store.is_case_blind()
    store.refuse_case_conflict("Cities")


def test_a_reader_of_latest_never_misses_it(path: Path) -> None:
    """Opened in a tight loop while latest is moved, it is always there and always whole."""
    publish_once(path, ONE, FIRST)
    store, result, seen = open_writable_local_store(str(path)), threading.Event(), set[bytes | None]()

    def read() -> None:
        while not result.is_set():
            seen.add(read_latest(path))

    reader = threading.Thread(target=read)
    reader.start()
    other = publish_once(path, TWO, SECOND).file
    for _ in range(150):
        store.move_latest("cities", "cities_20261118_101500.snapshot")
        store.move_latest("cities", other)
    result.set()
    reader.join()
    assert seen == {ONE, TWO}


def test_where_links_cannot_be_made_latest_is_a_line_of_text(path: Path) -> None:
    """The kernel refuses `symlink` to one process, as some file systems do to all."""
    publish_once(path, ONE, FIRST)
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.support.refused_syscalls import refuse_symlinks\n"
        "from tests.support.run_publish import SECOND, publish_once, open_stamped\n"
        "refuse_symlinks()\n"
        "file = publish_once(Path(sys.argv[1]), b'the second one' * 1000, SECOND).file\n"
        "print(open_stamped(Path(sys.argv[1])).move_latest('cities', file))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (result.stdout, result.stderr) == ("False\n", "")
    assert read_latest(path) == b"cities_20261119_101500.snapshot\n"
    stored = open_writable_local_store(str(path)).find_snapshot("cities")
    assert stored is not None
    assert (stored.file, find_trouble(path)) == ("cities_20261119_101500.snapshot", [])


def test_a_store_that_cannot_be_written_to_says_so(path: Path) -> None:
    """A directory that is a file, a read-only mount: one sentence, status 18."""
    path.write_bytes(b"")
    with pytest.raises(StoreError) as caught:
        open_writable_local_store(str(path))
    assert isinstance(caught.value, RestoreError)
    assert str(caught.value) == f"store '{path}' cannot be read: Not a directory"
