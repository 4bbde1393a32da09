"""Collection names: which ones Qdrant accepts, and the names of markers and temporary collections."""

import hashlib
import re

from restore.system.text import format_count

# What the server answers 422 to (recorded on 1.18.3); `.` and `..` made it delete the parent directory.
_FORBIDDEN = frozenset('<>:"/\\|?*\0\x1f')
_LONGEST_NAME = 255
MARKER_PREFIX = ".restoring-"
TEMPORARY_PREFIX = ".drill-"
_TEMPORARY = re.compile(r"\.drill-[0-9a-f]{12}\Z")
_MARKER = re.compile(r"\.restoring-(?P<digest>[0-9a-f]{16})-(?P<attempt>[1-9][0-9]*)\Z")


def find_name_problem(name: str) -> str | None:
    """Return in a few words why Qdrant, or this program, refuses a collection name; None when it is accepted."""
    if not name:
        return "is empty"
    if not _is_utf8(name):
        return "is no text in UTF-8"
    if name in {".", ".."}:
        return "would make the server touch its own parent directory"
    bad = sorted(_FORBIDDEN.intersection(name))
    if bad:
        return f"contains {', '.join(repr(character) for character in bad)}, which Qdrant refuses"
    if len(name.encode()) > _LONGEST_NAME:
        return f"has {format_count(len(name.encode()), 'byte')}, Qdrant accepts {_LONGEST_NAME}"
    if name.startswith(MARKER_PREFIX):
        return f"begins with '{MARKER_PREFIX}', which marks a restore in progress"
    if name.startswith(TEMPORARY_PREFIX):
        return f"begins with '{TEMPORARY_PREFIX}', which is a drill's scratch collection"
    return None


def _is_utf8(name: str) -> bool:
    """Return whether a name is valid: one from a file's name or a command line may have held any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def digest_name(collection: str) -> str:
    """Return the 16 hex digits that stand for a collection in the names of its markers."""
    return hashlib.sha256(collection.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def name_marker(collection: str, attempt: int) -> str:
    """Return the name of the marker of the `attempt`-th restore into `collection` (1, 2, …)."""
    return f"{MARKER_PREFIX}{digest_name(collection)}-{attempt}"


def name_upload(collection: str) -> str:
    """Return the name of the file that an upload leaves on the server.

    It is the same for every attempt, so that ten of them leave one file. No snapshot of a person has it, since an
    upload overwrites a file of its name.
    """
    return f"{MARKER_PREFIX}{digest_name(collection)}.snapshot"


def is_marker(name: str) -> bool:
    """Return whether a collection of this name is a marker, and therefore never shown as a collection."""
    return _MARKER.match(name) is not None


def name_temporary(collection: str, token: str) -> str:
    """Return the name of the collection that a drill restores into and drops. `token` is random and of this drill.

    Nothing else is ever restored under such a name: `find_name_problem` refuses it.
    """
    return (
        TEMPORARY_PREFIX + hashlib.sha256(f"{token} {collection}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    )


def is_temporary(name: str) -> bool:
    """Return whether a collection of this name is a drill's, and therefore never shown as a collection."""
    return _TEMPORARY.match(name) is not None


def find_attempts(collection: str, names: list[str]) -> list[int]:
    """Return the attempts, ascending, of all markers for `collection` among `names`."""
    digest = digest_name(collection)
    matches = (_MARKER.match(name) for name in names)
    return sorted(int(match["attempt"]) for match in matches if match and match["digest"] == digest)
