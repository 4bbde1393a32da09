"""The power goes while a snapshot is published: every file with a final name is whole.

Unsynced data is lost. Shown twice: by the order of system calls, everywhere; and by a file system on an image
that is copied at every step, as a disk would be found, where we may mount one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.support.run_publish import FIRST, SECOND, find_trouble, publish_once, read_latest

OLD, NEW = os.urandom(300_000), os.urandom(300_000)
SYSTEM_CALLS = {os.fsync: "fsync", os.rename: "rename", os.replace: "replace", os.symlink: "symlink"}


def watch_calls(work: Callable[[], object], output: Callable[[str], None]) -> None:
    """Call a function before every system call that decides what survives."""

    def profile(_frame: FrameType, event: str, argument: object) -> None:
        if event == "c_call" and argument in SYSTEM_CALLS:
            output(SYSTEM_CALLS[argument])

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)


def test_everything_is_synced_before_it_gets_its_name_and_the_name_before_latest_moves(tmp_path: Path) -> None:
    """File, manifest and its name, the snapshot's name, latest: each is on the disk before the next."""
    publish_once(tmp_path / "store", OLD, FIRST)
    calls = list[str]()
    watch_calls(lambda: publish_once(tmp_path / "store", NEW, SECOND), calls.append)
    assert calls == [
        "fsync",  # the snapshot's bytes
        "fsync",  # the manifest's bytes
        "rename",  # the manifest
        "fsync",  # the directory
        "rename",  # the snapshot
        "fsync",  # the directory
        "symlink",
        "replace",  # latest
        "fsync",  # the directory
    ]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield an ext4 image that writes to its disk only when it is told to."""
    image, mounted = tmp_path / "disk.img", tmp_path / "mounted"
    image.write_bytes(bytes(32 << 20))
    mounted.mkdir()
    with contextlib.ExitStack() as tidying:
        try:
            subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, capture_output=True)
            subprocess.run(
                ["mount", "-o", "loop,commit=600", str(image), str(mounted)], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("an image cannot be mounted here; the order of calls is proved above")
        tidying.callback(subprocess.run, ["umount", "-l", str(mounted)], check=True)
        yield mounted


@contextlib.contextmanager
def found_after_power_loss(image: Path, place: Path) -> Iterator[Path]:
    """Mount a copy of what has reached the disk."""
    copy, mounted = place / "found.img", place / "found"
    shutil.copyfile(image, copy)
    mounted.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(copy), str(mounted)], check=True, capture_output=True)
    try:
        yield mounted
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_after_a_power_loss_every_file_with_a_final_name_is_whole(disk: Path, tmp_path: Path) -> None:
    """The image, copied before each call that matters and at the end, holds the old latest or the new one."""
    publish_once(disk / "store", OLD, FIRST)
    seen = list[tuple[str, bool, bool, list[str]]]()

    def state(call: str) -> None:
        sys.setprofile(None)
        with found_after_power_loss(tmp_path / "disk.img", tmp_path) as found:
            latest = read_latest(found / "store")
            seen.append((call, latest == OLD, latest == NEW, find_trouble(found / "store")))

    moments = list[str]()
    watch_calls(lambda: publish_once(disk / "store", NEW, SECOND), moments.append)
    for step in range(len(moments) + 1):
        shutil.rmtree(disk / "store")
        publish_once(disk / "store", OLD, FIRST)
        subprocess.run(["sync", "-f", str(disk)], check=True)
        _publish_until(disk / "store", step, state)
    assert [entry for entry in seen if not (entry[1] or entry[2]) or entry[3]] == []
    assert seen[-1][:3] == ("end", False, True)
    assert len(seen) == len(moments) + 1


class _LostPower(Exception):  # noqa: N818 - says what happened
    """The power is gone."""


def _publish_until(store: Path, step: int, state: Callable[[str], None]) -> None:
    """Publish up to the call number `step` (from 0), then look at the disk."""
    left = step

    def output(call: str) -> None:
        nonlocal left
        if left == 0:
            state(call)
            raise _LostPower
        left -= 1

    try:
        watch_calls(lambda: publish_once(store, NEW, SECOND), output)
    except _LostPower:
        return
    state("end")
