"""The names of snapshot files: made from a collection's name, and parsed.

A name is parsed from its right end, so that `docs`, `docs_v2` and `docs_latest` never collide.
"""

import re
from datetime import UTC, datetime

import msgspec

SUFFIX = ".snapshot"
MANIFEST_SUFFIX = ".json"
PARTIAL_PREFIX = ".partial-"
# Stored bytes may be compressed, then encrypted. Each suffix is that of the usual tool.
ZSTD_SUFFIX = ".zst"
AGE_SUFFIX = ".age"
_ENCODING = r"(?P<encoding>(?:\.zst)?(?:\.age)?)"
_LONGEST_ENCODED = 180
_LATEST = "_latest" + SUFFIX
_OWN_NAME = re.compile(
    r"(?P<encoded>.+)_(?P<stamp>[0-9]{8}_[0-9]{6})(?:-(?P<sequence>[1-9][0-9]{0,5}))?\.snapshot" + _ENCODING + r"\Z",
    re.DOTALL,
)
_ENCODED = re.compile(r"(?P<plain>.+\.snapshot)" + _ENCODING + r"\Z", re.DOTALL)
_SERVER_NAME = re.compile(
    r"(?P<collection>.+)-(?P<peer>[0-9]{1,20})-(?P<stamp>[0-9]{4}(?:-[0-9]{2}){5})\.snapshot\Z", re.DOTALL
)
_PATH = re.compile(r"[/\\\x00]")
_CUT = re.compile(r"~[0-9a-f]{16}\Z")
_UNSAFE = re.compile(rb"[^A-Za-z0-9._-]")
_ESCAPE = re.compile(rb"%([0-9A-F]{2})")
_SHARD_SUFFIX = "-shard"
_HIGHEST_SHARD = 65_535


class SnapshotName(msgspec.Struct, frozen=True, order=True):
    """`<encoded>_<YYYYmmdd_HHMMSS>[-<sequence>].snapshot[.zst][.age]`; `at` is aware UTC, whole seconds.

    Ordered by collection, time and sequence. `sequence` is 1 for the first snapshot of a second. `encoding` is how
    the stored bytes are encoded: `.zst`, `.age`, `.zst.age`; empty for the server's own bytes.
    """

    encoded: str
    at: datetime
    sequence: int = 1
    encoding: str = ""

    def __str__(self) -> str:
        """Return the file name."""
        tail = "" if self.sequence == 1 else f"-{self.sequence}"
        return f"{self.encoded}_{self.at.year:04}{self.at:%m%d_%H%M%S}{tail}{SUFFIX}{self.encoding}"


def encode_collection(name: str) -> str:
    """Return a safe file name for any collection name: percent-encoded, at most 197 bytes, never hidden.

    Longer ones are cut to 180 bytes and get `~` and 16 hex digits of their SHA-256; then only the manifest has the
    collection's name.
    """
    raw = name.encode("utf-8", "surrogatepass")
    encoded = _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], raw).decode("ascii")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if len(encoded) <= _LONGEST_ENCODED:
        return encoded
    import hashlib  # noqa: PLC0415 - boot: only a name that is cut needs it

    digest = hashlib.sha256(raw).hexdigest()[:16]
    return f"{encoded[:_LONGEST_ENCODED]}~{digest}"


def decode_collection(encoded: str) -> str | None:
    """Return the collection name; None when the encoded name was cut, or is not the encoding of any name."""
    if is_cut(encoded):
        return None
    raw = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), encoded.encode("utf-8", "surrogateescape"))
    try:
        name = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return name if encode_collection(name) == encoded else None


def is_cut(encoded: str) -> bool:
    """Return True if an encoded name was cut, so that only a manifest has the collection's name."""
    return _CUT.search(encoded) is not None


def name_latest(collection: str) -> str:
    """Return the name of the pointer to a collection's latest snapshot."""
    return encode_collection(collection) + _LATEST


def name_manifest(file_name: str) -> str:
    """Return the name of a snapshot file's manifest."""
    return file_name + MANIFEST_SUFFIX


def is_hidden(file_name: str) -> bool:
    """Return True if a name is hidden, or is a path instead of a name."""
    return file_name.startswith(".") or _PATH.search(file_name) is not None


def split_encoding(file_name: str) -> tuple[str, str]:
    """Return a snapshot's name without encoding, and the encoding; two empty texts for another name."""
    match = _ENCODED.match(file_name)
    return (match["plain"], match["encoding"]) if match else ("", "")


def parse_latest(file_name: str) -> str | None:
    """Return the encoded collection of `<encoded>_latest.snapshot`; None for every other name."""
    if not file_name.endswith(_LATEST) or is_hidden(file_name):
        return None
    return file_name.removesuffix(_LATEST) or None


def parse_name(file_name: str) -> SnapshotName | None:
    """Parse a name that this program gives; None for another one (also for no such day, or hidden)."""
    match = _OWN_NAME.match(file_name)
    if not match or is_hidden(file_name):
        return None
    at = _parse_moment(match["stamp"].replace("_", ""))
    sequence = int(match["sequence"] or 1)
    if at is None or match["sequence"] == "1":
        return None
    return SnapshotName(match["encoded"], at, sequence, match["encoding"])


def parse_server_name(file_name: str) -> tuple[str, datetime] | None:
    """Parse `<collection>-<peer>-<time>.snapshot`, the name that Qdrant gives; None for other names.

    `<collection>-shard-<shard>-<time>.snapshot`, a shard snapshot, is another name: peers are large random numbers.
    """
    match = _SERVER_NAME.match(file_name)
    if not match or is_hidden(file_name):
        return None
    if match["collection"].endswith(_SHARD_SUFFIX) and int(match["peer"]) <= _HIGHEST_SHARD:
        return None
    at = _parse_moment(match["stamp"].replace("-", ""))
    return (match["collection"], at) if at else None


def _parse_moment(digits: str) -> datetime | None:
    """Parse `YYYYmmddHHMMSS`; None when there is no such moment."""
    day = (int(digits[0:4]), int(digits[4:6]), int(digits[6:8]))
    try:
        return datetime(*day, int(digits[8:10]), int(digits[10:12]), int(digits[12:14]), tzinfo=UTC)
    except ValueError:
        return None
