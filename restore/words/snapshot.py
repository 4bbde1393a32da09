"""Names in a store: how a collection's snapshots are called, and how a name is read back.

A name is read from its right end, so that `docs`, `docs_v2` and `docs_latest` never meet.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import msgspec

SUFFIX = ".snapshot"
MANIFEST_SUFFIX = ".json"
PARTIAL_PREFIX = ".partial-"
_LONGEST_ENCODED = 180
_LATEST = "_latest" + SUFFIX
_STAMP = "%Y%m%d_%H%M%S"
_OURS = re.compile(r"(?P<encoded>.+)_(?P<stamp>\d{8}_\d{6})(?:-(?P<sequence>[1-9]\d*))?\.snapshot\Z", re.DOTALL)
_QDRANTS = re.compile(r"(?P<encoded>.+)-\d+-(?P<stamp>\d{4}(?:-\d\d){5})\.snapshot\Z", re.DOTALL)
_CUT = re.compile(r"~[0-9a-f]{16}\Z")


class SnapshotName(msgspec.Struct, frozen=True, order=True):
    """`<encoded>_<YYYYmmdd_HHMMSS>[-<sequence>].snapshot`; `at` is aware UTC, whole seconds.

    Ordered by collection, time and sequence. `sequence` is 1 for the first snapshot of a second.
    """

    encoded: str
    at: datetime
    sequence: int = 1

    def __str__(self) -> str:
        """Give the file name."""
        tail = "" if self.sequence == 1 else f"-{self.sequence}"
        return f"{self.encoded}_{self.at.strftime(_STAMP)}{tail}{SUFFIX}"


def encode_collection(name: str) -> str:
    """Map any collection name to a safe file name: percent-encoded, at most 197 bytes, never hidden.

    Longer ones are cut to 180 bytes and get `~` and 16 hex digits of their SHA-256; then only the manifest
    can tell the collection's name.
    """
    encoded = quote(name, safe="._-", errors="surrogatepass").replace("~", "%7E")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if len(encoded) <= _LONGEST_ENCODED:
        return encoded
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{encoded[:_LONGEST_ENCODED]}~{digest}"


def decode_collection(encoded: str) -> str | None:
    """Give the collection name back; None when it was cut or is no encoding of ours."""
    if _CUT.search(encoded):
        return None
    name = unquote(encoded, errors="surrogatepass")
    return name if encode_collection(name) == encoded else None


def name_latest(collection: str) -> str:
    """Name the pointer to a collection's newest published snapshot."""
    return encode_collection(collection) + _LATEST


def name_manifest(file_name: str) -> str:
    """Name the manifest that stands beside a snapshot file."""
    return file_name + MANIFEST_SUFFIX


def parse_latest(file_name: str) -> str | None:
    """Give the encoded collection of `<encoded>_latest.snapshot`; None for every other name."""
    if not file_name.endswith(_LATEST) or file_name.startswith("."):
        return None
    return file_name.removesuffix(_LATEST) or None


def parse_name(file_name: str) -> SnapshotName | None:
    """Read a name of ours; None when it is not one (a second too many, no such day, hidden)."""
    match = _OURS.match(file_name)
    if not match or file_name.startswith("."):
        return None
    at = _read_stamp(match["stamp"], _STAMP)
    sequence = int(match["sequence"] or 1)
    if at is None or (match["sequence"] == "1"):
        return None
    return SnapshotName(match["encoded"], at, sequence)


def parse_server_name(file_name: str) -> tuple[str, datetime] | None:
    """Read `<collection>-<peer>-<time>.snapshot`, the name Qdrant itself gives; None for other names."""
    match = _QDRANTS.match(file_name)
    if not match or file_name.startswith("."):
        return None
    at = _read_stamp(match["stamp"], "%Y-%m-%d-%H-%M-%S")
    return (match["encoded"], at) if at else None


def _read_stamp(text: str, layout: str) -> datetime | None:
    try:
        return datetime.strptime(text, layout).replace(tzinfo=UTC)
    except ValueError:
        return None
