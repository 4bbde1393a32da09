"""The one table of exit statuses. A test compares the pages and `--help` with it."""

from typing import NamedTuple


class ExitStatus(NamedTuple):
    """One row of the table: the number, its name, and what it means to a script."""

    number: int
    name: str
    meaning: str


EXIT_STATUSES: tuple[ExitStatus, ...] = (
    ExitStatus(0, "ok", "every wanted collection is there and was checked, or a policy that names it skipped it"),
    ExitStatus(1, "bug", "a defect of this program; please report it with the traceback"),
    ExitStatus(2, "settings", "settings or arguments are wrong; nothing was touched"),
    ExitStatus(3, "partial", "some collections succeeded, some failed"),
    ExitStatus(10, "not found", "a wanted snapshot, store or collection does not exist"),
    ExitStatus(11, "locked", "another run holds the store or the collection"),
    ExitStatus(12, "auth", "Qdrant or the store refused our key"),
    ExitStatus(13, "integrity", "a checksum, an archive or the comparison after a restore failed"),
    ExitStatus(14, "incompatible", "a version or format that this server or this program cannot load"),
    ExitStatus(15, "space", "not enough room"),
    ExitStatus(16, "refused", "it would overwrite data, or something a policy forbids"),
    ExitStatus(17, "qdrant", "Qdrant is unreachable, or refused for another reason"),
    ExitStatus(18, "store", "the store is unreachable, or refused for another reason"),
    ExitStatus(19, "key", "the key that the snapshot is encrypted for is missing or another one"),
    ExitStatus(124, "deadline", "not ready, or not finished, in time"),
    ExitStatus(130, "interrupted", "ended by SIGINT (Ctrl-C)"),
    ExitStatus(143, "terminated", "ended by SIGTERM (docker stop)"),
)

BUG = 1
PARTIAL = 3
