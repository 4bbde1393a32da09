"""Hostile files in the place of a document of ours: pipes, devices, links, JSON in another form."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from restore.stores.layout import PROVEN_FILE

FILE = "cities_20261120_120000.snapshot"
SECRET = "root-canary-4c1d90b7"

DOCUMENTS = {
    "manifest": f"{FILE}.json",
    "pin": f"{FILE}.pin.json",
    "check": f"{FILE}.check.json",
    "set": "20261120_120000_0123abcd.set.json",
    "proofs": PROVEN_FILE,
    "begun deletion": ".partial-0123456789abcdef.json",
    "unfinished file": ".partial-0123456789abcdef",
    "latest": "cities_latest.snapshot",
}


def put_pipe(file: Path) -> None:
    """Put a pipe without a writer there."""
    os.mkfifo(file)


def put_device(file: Path) -> None:
    """Put a link to a device there, whose bytes never end."""
    file.symlink_to("/dev/zero")


def put_link(file: Path) -> None:
    """Put a link to a secret outside there."""
    file.symlink_to(file.parent.parent / "outside" / "secret")


def put_hard_link(file: Path) -> None:
    """Put a second name of a secret outside there."""
    os.link(file.parent.parent / "outside" / "secret", file)


def put_loop(file: Path) -> None:
    """Put a link to itself there."""
    file.symlink_to(file.name)


def put_directory(file: Path) -> None:
    """Put a directory there that holds something."""
    file.mkdir()
    (file / "kept").touch()


def put_endless(file: Path) -> None:
    """Put a terabyte of nothing there, which takes no room on the disk."""
    with file.open("wb") as opened:
        opened.truncate(1 << 40)


def put(content: bytes) -> Callable[[Path], None]:
    """Return a function that writes these bytes."""

    def write(file: Path) -> None:
        file.write_bytes(content)

    return write


# As bytes they can lie in a bucket too.
CONTENTS = {
    "empty": b"",
    "no text": b"\xff\xfe\x00",
    "a list": b"[]",
    "another schema": b'{"schema":9}',
    "wrong types": b'{"schema":1,"collection":7,"passed":[],"creations":{},"jobs":3,"token":[],"delete":{},"at":"x"}',
    "not a number": b'{"schema":1,"seconds":NaN,"size":1e400,"lease_seconds":Infinity}',
    "nested without end": b'{"schema":1,"x":' + b"[" * 200_000,
    "nested and closed": b'{"schema":1,"config":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "years that are none": b'{"schema":1,"jobs":[{"job":"verify","schedule":"@daily UTC",'
    b'"slot":"0001-01-01T00:00:00+14:00"}],'
    b'"created":"0001-01-01T00:00:00+14:00","at":"9999-12-31T23:59:59-14:00","token":"t","holder":"h","since":"s",'
    b'"beat":0,"lease_seconds":1e308}',
    "a moment without a zone": b'{"schema":1,"jobs":[{"job":"verify","schedule":"@daily UTC",'
    b'"slot":"2026-01-01T00:00:00","began":"2026-01-01T00:00:00"}],"created":"2026-01-01T00:00:00"}',
}
SPOILS: dict[str, Callable[[Path], None]] = {
    "a pipe": put_pipe,
    "a device": put_device,
    "a link outside": put_link,
    "a hard link": put_hard_link,
    "a loop": put_loop,
    "a directory": put_directory,
    "a terabyte": put_endless,
    **{name: put(content) for name, content in CONTENTS.items()},
}


def spoil(store: Path, document: str, kind: str) -> None:
    """Put it in the place of a document."""
    file = store / DOCUMENTS[document]
    file.unlink(missing_ok=True)
    SPOILS[kind](file)


def make_outside(folder: Path) -> Path:
    """Make a directory beside the store with a secret in it, and what is named like a snapshot of ours."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret").write_text(SECRET)
    (outside / FILE).write_bytes(b"somebody's")
    return outside
