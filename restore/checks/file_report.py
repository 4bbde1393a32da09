"""What is known of one file in a store, and which files are latest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from restore.snapshots.name import SnapshotName, parse_name
from restore.stores.layout import Kind


class FileState(StrEnum):
    """What a file is worth.

    CHECKED: it has a manifest, written after every byte was compared with the server's, and agrees with it.
    UNCHECKED: whole, but nothing says what it should hold. HELD_BACK: checked, and not to be taken for latest.
    """

    CHECKED = "checked"
    UNCHECKED = "not checked"
    HELD_BACK = "held back"
    DAMAGED = "damaged"
    FOREIGN = "foreign"
    DEBRIS = "unfinished"
    POINTER = "pointer"


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `status` is an exit status, 0 when nothing is wrong; `problem` a sentence, `hint` what to do.

    `target` is where a pointer leads. `latest`: the pointer leads here. `sha256` is what was read now, empty when
    nobody read every byte, `promised_sha256` the manifest's, of the server's bytes. `created` is the manifest's, else
    the name's. `last_check` is when it was last found right, to the depth of `last_depth`; `last_proven` when it was
    last restored and compared. None where nobody recorded it. `last_failure` says what a check found wrong that was
    followed by no success. `seconds` is how long reading it took, where somebody counted. `pinned`: no rule prunes
    it, `pin_reason` says why.
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
    """Give the files back, those that a pointer leads to marked as latest."""
    files = tuple(files)
    targets = {one.target for one in files if one.target}
    return tuple(msgspec.structs.replace(one, latest=True) if one.file in targets else one for one in files)


def mark_newest(files: Iterable[FileReport]) -> tuple[FileReport, ...]:
    """Give the files back, each collection's newest by its name's time that is not held back marked as latest."""
    files = tuple(files)
    newest: dict[str, SnapshotName] = {}
    for one in files:
        name = parse_name(one.file)
        if name and one.kind is Kind.SNAPSHOT and one.state is not FileState.HELD_BACK:
            newest[name.encoded] = max(newest.get(name.encoded, name), name)
    latest = {str(name) for name in newest.values()}
    return tuple(msgspec.structs.replace(one, latest=one.file in latest) for one in files)
