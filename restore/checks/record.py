"""The record of a snapshot's checks, beside the snapshot: the last success of each depth, and the last failure.

A record is about certain bytes: a file that was replaced under the same name has no record.
"""

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
    """How deeply `verify` checks; each depth includes the one before it."""

    LIST = "list"
    HASH = "hash"
    ARCHIVE = "archive"


# The depths of drills: on a server, and on the embedded engine, which proves less.
RESTORE = "restore"
EMBEDDED = "embedded"
_VERIFY_DEPTHS = tuple(Depth)
_ORDER = [*map(str, _VERIFY_DEPTHS), EMBEDDED, RESTORE]


class CheckResult(StrEnum):
    """The result of a passed check. WHOLE: complete, but nothing says what the bytes should be."""

    AS_PROMISED = "as promised"
    WHOLE = "whole"


class PassedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A passed check: when it ended (aware, UTC), its result, and the version of this program."""

    at: datetime
    result: CheckResult
    by: str = ""


class FailedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A failed check. `status` is the exit status of its problem, 0 where unknown."""

    at: datetime
    depth: str
    problem: str
    by: str = ""
    status: int = 0


class CheckDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one snapshot. `sha256` is that of the server's bytes, empty when it is not known.

    `passed` has the last success of each depth: `list`, `hash`, `archive`, `restore`, `embedded`. Depths of newer
    programs are kept. `failed` is the last failure since the last success.
    """

    schema: int = SCHEMA
    sha256: str = ""
    size: int = 0
    passed: dict[str, PassedCheck] = {}
    failed: FailedCheck | None = None


class ProvenDocument(msgspec.Struct, frozen=True, kw_only=True):
    """When a drill last proved each collection. It outlives the snapshot that was proven."""

    schema: int = SCHEMA
    collections: dict[str, datetime] = {}


class SampleShare(msgspec.Struct, frozen=True):
    """A share of all files: `numerator` of `denominator`, more than none and at most all."""

    numerator: int
    denominator: int

    def __str__(self) -> str:
        """Return it as `2/7`."""
        return f"{self.numerator}/{self.denominator}"

    def count(self, total: int) -> int:
        """Return this share of `total`, rounded up."""
        return -(-total * self.numerator // self.denominator)


def name_check(file: str) -> str:
    """Return the name of a snapshot file's record."""
    return file + CHECK_SUFFIX


def parse_check(text: bytes | None, name: str) -> CheckDocument | None:
    """Parse a record; None when there is none, or it cannot be read."""
    try:
        document = read_document(text, CheckDocument, where=name) if text is not None else None
    except RestoreError:
        return None
    if document is None or any(one.at.tzinfo is None for one in (*document.passed.values(), document.failed) if one):
        return None
    return document


def find_damage(document: CheckDocument | None, *, size: int) -> FailedCheck | None:
    """Return the check that found these bytes damaged; None if there is none, or a success followed.

    A missing key or an unreadable disk is no damage.
    """
    failed = document.failed if document and document.size == size else None
    return failed if failed and failed.status == IntegrityError.status else None


def parse_share(text: str) -> SampleShare:
    """Parse `5%`, `0.5%` or `2/7` (two files of seven). Raise `ValueError` with the problem."""
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
    """Return the record with a success added, for this depth and those it includes.

    A failure stays if its depth proves more than this one.
    """
    depths = _VERIFY_DEPTHS[: _VERIFY_DEPTHS.index(Depth(depth)) + 1] if depth in set(Depth) else (depth,)
    passed = {**document.passed, **dict.fromkeys(map(str, depths), check)}
    failed = document.failed if document.failed and _proves_more(document.failed.depth, depth) else None
    return msgspec.structs.replace(document, passed=passed, failed=failed)


def _proves_more(one: str, other: str) -> bool:
    """Return True if a depth proves more than another; an unknown depth, of a newer program, counts as more."""
    return one != other and (one not in _ORDER or (other in _ORDER and _ORDER.index(one) > _ORDER.index(other)))


def add_failure(document: CheckDocument, check: FailedCheck) -> CheckDocument:
    """Return the record with a failure added. The successes before it stay."""
    return msgspec.structs.replace(document, failed=check)


def find_last_check(document: CheckDocument) -> tuple[datetime, str] | None:
    """Return the time and the depth of the last passed check; None when there was none."""
    known = [(check.at, _ORDER.index(depth), depth) for depth, check in document.passed.items() if depth in _ORDER]
    if not known:
        return None
    at, _, depth = max(known)
    return at, depth


def find_last_proven(documents: Iterable[CheckDocument]) -> datetime | None:
    """Return when a drill on a server last found one of these snapshots as its manifest promises; None when never.

    Drills on the embedded engine, and of snapshots without a manifest, do not count.
    """
    proven = (document.passed.get(RESTORE) for document in documents)
    return max((one.at for one in proven if one and one.result is CheckResult.AS_PROMISED), default=None)
