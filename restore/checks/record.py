"""What is remembered of a snapshot's checks: the last success of each depth, beside the snapshot.

A record holds for the bytes it was made of: a file that was replaced under its name has no record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from restore.errors import IntegrityError, RestoreError
from restore.snapshots.document import SCHEMA, read_document
from restore.stores.layout import CHECK_SUFFIX

_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?\s*%")
_RATIO = re.compile(r"([0-9]{1,6})\s*/\s*([0-9]{1,6})")
_WHOLE_PERCENT = 100


class Depth(StrEnum):
    """How closely `verify` looks, each more than the one before it."""

    LIST = "list"
    HASH = "hash"
    ARCHIVE = "archive"


# What a drill proves: on a server, and on the embedded engine, which proves less.
RESTORE = "restore"
EMBEDDED = "embedded"
_LOOKS = (Depth.LIST, Depth.HASH, Depth.ARCHIVE)
_ORDER = [*map(str, _LOOKS), EMBEDDED, RESTORE]


class CheckResult(StrEnum):
    """How a check ended that found nothing wrong. WHOLE: nothing says what the bytes should be."""

    AS_PROMISED = "as promised"
    WHOLE = "whole"


class PassedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One check: when it ended (aware, UTC), how, and which version did it."""

    at: datetime
    result: CheckResult
    by: str = ""


class FailedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The last check that found something wrong. `status` is the exit status of what it found, 0 where unknown."""

    at: datetime
    depth: str
    problem: str
    by: str = ""
    status: int = 0


class CheckDocument(msgspec.Struct, frozen=True, kw_only=True):
    """All that is remembered of one snapshot. `sha256` is that of the server's bytes, empty when nobody knows it.

    `passed` has the last success of each depth: `list`, `hash`, `archive`, `restore`, `embedded`; a depth that a
    newer program knows is kept. `failed` is the last failure since the last success.
    """

    schema: int = SCHEMA
    sha256: str = ""
    size: int = 0
    passed: dict[str, PassedCheck] = {}
    failed: FailedCheck | None = None


class ProvenDocument(msgspec.Struct, frozen=True, kw_only=True):
    """When a drill last proved a backup of each collection: known also when that snapshot was pruned since."""

    schema: int = SCHEMA
    collections: dict[str, datetime] = {}


class SampleShare(msgspec.Struct, frozen=True):
    """How many of all: `numerator` of `denominator`, more than none and at most all."""

    numerator: int
    denominator: int

    def __str__(self) -> str:
        """Give it as a person writes it."""
        return f"{self.numerator}/{self.denominator}"

    def count(self, total: int) -> int:
        """Give how many of `total` that is, rounded up."""
        return -(-total * self.numerator // self.denominator)


def name_check(file: str) -> str:
    """Name the document of a snapshot file."""
    return file + CHECK_SUFFIX


def parse_check(text: bytes | None, name: str) -> CheckDocument | None:
    """Give what is remembered of a file; None when nothing is, or nothing that can be read."""
    try:
        document = read_document(text, CheckDocument, where=name) if text is not None else None
    except RestoreError:
        return None
    if document is None or any(one.at.tzinfo is None for one in (*document.passed.values(), document.failed) if one):
        return None
    return document


def find_damage(document: CheckDocument | None, *, size: int) -> FailedCheck | None:
    """Give the check that found these bytes damaged, if that is the last that is known of them.

    A key that was missing, or a disk that did not answer, says nothing about the bytes.
    """
    failed = document.failed if document and document.size == size else None
    return failed if failed and failed.status == IntegrityError.status else None


def parse_share(text: str) -> SampleShare:
    """Read `5%`, `0.5%` or `2/7` (two files of seven). Raises `ValueError` with what is wrong."""
    compact = text.strip()
    if match := _PERCENT.fullmatch(compact):
        decimals = match[2] or ""
        share = SampleShare(int(match[1] + decimals), _WHOLE_PERCENT * 10 ** len(decimals))
    elif match := _RATIO.fullmatch(compact):
        share = SampleShare(int(match[1]), int(match[2]))
    else:
        raise ValueError(f"'{text}' is no share of the files (5%, 2/7)")
    if not 0 < share.numerator <= share.denominator:
        raise ValueError(f"'{text}' is not more than nothing and at most all")
    return share


def add_success(document: CheckDocument, depth: str, check: PassedCheck) -> CheckDocument:
    """Remember a success. Looking closer has looked less closely too, and what failed there is over.

    What failed a closer look has not passed it by a glance.
    """
    looked = _LOOKS[: _LOOKS.index(Depth(depth)) + 1] if depth in set(Depth) else (depth,)
    passed = {**document.passed, **dict.fromkeys(map(str, looked), check)}
    failed = document.failed if document.failed and _is_closer(document.failed.depth, depth) else None
    return msgspec.structs.replace(document, passed=passed, failed=failed)


def _is_closer(one: str, other: str) -> bool:
    """Tell whether a depth proves more than another; one that only a newer program knows counts as closer."""
    return one != other and (one not in _ORDER or (other in _ORDER and _ORDER.index(one) > _ORDER.index(other)))


def add_failure(document: CheckDocument, tried: FailedCheck) -> CheckDocument:
    """Remember a failure; the successes before it stay, they were true."""
    return msgspec.structs.replace(document, failed=tried)


def find_last_check(document: CheckDocument) -> tuple[datetime, str] | None:
    """Give when it was last found right, and how deep that went; None when it never was."""
    known = [(check.at, _ORDER.index(depth), depth) for depth, check in document.passed.items() if depth in _ORDER]
    if not known:
        return None
    at, _, depth = max(known)
    return at, depth


def find_last_proven(documents: Iterable[CheckDocument]) -> datetime | None:
    """Give when one of these snapshots was last restored into a server and found to be as its manifest promised.

    What the embedded engine showed proves less, and what had no manifest promised nothing: neither counts.
    """
    proven = (document.passed.get(RESTORE) for document in documents)
    return max((one.at for one in proven if one and one.result is CheckResult.AS_PROMISED), default=None)
