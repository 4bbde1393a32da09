"""What a person may choose about one collection: one word per question, default first."""

from enum import StrEnum

import msgspec


class OnExisting(StrEnum):
    """The collection is there and holds points."""

    SKIP = "skip"
    REFUSE = "refuse"
    REPLACE = "replace"


class OnEmpty(StrEnum):
    """The collection is there and answers, with no points, although the snapshot has some."""

    RESTORE = "restore"
    SKIP = "skip"
    REFUSE = "refuse"


class OnMissing(StrEnum):
    """Neither the collection nor a snapshot of it is there."""

    REFUSE = "refuse"
    SKIP = "skip"


class Verify(StrEnum):
    """How much is compared after a transfer."""

    FULL = "full"
    COUNTS = "counts"
    NONE = "none"


class Transfer(StrEnum):
    """How the bytes reach the server."""

    AUTO = "auto"
    UPLOAD = "upload"
    SERVER_FILE = "server-file"
    SERVER_URL = "server-url"


class Fallback(StrEnum):
    """The newest snapshot does not verify."""

    NONE = "none"
    PREVIOUS = "previous"
    OTHER_STORE = "other-store"


class RestorePolicies(msgspec.Struct, frozen=True, kw_only=True):
    """The choices that may be made for a whole run, or for one collection."""

    on_existing: OnExisting = OnExisting.SKIP
    on_empty: OnEmpty = OnEmpty.RESTORE
    on_missing: OnMissing = OnMissing.REFUSE
    verify: Verify = Verify.FULL
    transfer: Transfer = Transfer.AUTO
    fallback: Fallback = Fallback.NONE
    allow_version_gap: bool = False


class Policies(RestorePolicies, frozen=True, kw_only=True):
    """All choices for one collection. `snapshot` is `latest`, a file name in the store, or a path."""

    snapshot: str = "latest"
    to: str = ""
