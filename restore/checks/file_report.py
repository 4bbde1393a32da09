"""The report on one file of a store, and which files are latest."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from restore.snapshots.name import SnapshotName, parse_name
from restore.stores.layout import Kind


class FileState(StrEnum):
    """The state of a file.

    CHECKED: it agrees with its manifest, which was written after every byte was compared with the server's.
    UNCHECKED: complete, but nothing says what it should contain. HELD_BACK: checked, but must not become latest.
    UNREADABLE: the system does not let it be read, so nothing is known of its bytes.
    """

    CHECKED = "checked"
    UNCHECKED = "not checked"
    HELD_BACK = "held back"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    FOREIGN = "foreign"
    DEBRIS = "unfinished"
    POINTER = "pointer"


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report on one file. `status` is an exit status, 0 without a problem; `hint` says what to do.

    `target` is where a pointer leads; `latest`: the pointer leads here. `sha256` was computed now, empty if not every
    byte was read; `promised_sha256` is the manifest's, of the server's bytes. `created` is the manifest's time, else
    the name's. `last_check` is when it last passed a check, of depth `last_depth`; `last_proven` when a drill last
    restored and compared it; None when never recorded. `last_failure` is the problem of the last failed check, if no
    success followed. `seconds` is how long the check took, where measured. `pinned`: no rule prunes it, for
    `pin_reason`.
    """

    file: str
    kind: Kind
    state: FileState
    collection: str | None = None
    latest: bool = False
    target: str = ""
    created: datetime | None = None
    size_bytes: int = 0
    sha256: str = ""
    promised_sha256: str = ""
    points: int | None = None
    points_exact: bool = False
    server_version: str = ""
    note: str = ""
    status: int = 0
    problem: str = ""
    hint: str = ""
    last_check: datetime | None = None
    last_depth: str = ""
    last_proven: datetime | None = None
    last_failure: str = ""
    seconds: float | None = None
    pinned: bool = False
    pin_reason: str = ""


def mark_latest(files: Iterable[FileReport]) -> tuple[FileReport, ...]:
    """Return the files; those that a pointer leads to are marked as latest."""
    files = tuple(files)
    targets = {one.target for one in files if one.target}
    return tuple(msgspec.structs.replace(one, latest=True) if one.file in targets else one for one in files)


def mark_newest(files: Iterable[FileReport]) -> tuple[FileReport, ...]:
    """Return the files; each collection's newest by name that is not held back is marked as latest."""
    files = tuple(files)
    newest: dict[str, SnapshotName] = {}
    for one in files:
        name = parse_name(one.file)
        if name and one.kind is Kind.SNAPSHOT and one.state is not FileState.HELD_BACK:
            newest[name.encoded] = max(newest.get(name.encoded, name), name)
    latest = {str(name) for name in newest.values()}
    return tuple(msgspec.structs.replace(one, latest=one.file in latest) for one in files)
