"""Markers as a holder that has died left them on a server."""

from __future__ import annotations

from typing import Any

import msgspec

from restore.qdrant.collection_names import name_marker, name_upload
from restore.recovery.marker.model import Marker, Phase, SentTransfer, TargetBefore, describe_marker
from tests.support.sample_stores import NOON, describe
from tests.support.server_under_test import Server, path

DEAD = "another host process 4711"
DEAD_TOKEN = "d" * 32


def plant_mark(
    server: Server,
    collection: str,
    phase: Phase,
    was: TargetBefore,
    *,
    attempt: int = 1,
    kind: str = "plain",
    **changes: Any,  # noqa: ANN401 - fields of the mark
) -> str:
    """Put a dead holder's marker there, which says that `kind` was uploaded, and return its name."""
    promised = describe(kind, collection)
    sent = SentTransfer("upload", promised.size, NOON.timestamp(), name_upload(collection))
    mark = Marker(
        collection=collection,
        token=DEAD_TOKEN,
        holder=DEAD,
        since=NOON.isoformat(),
        snapshot=f"{collection}_20261120_120000.snapshot",
        sha256=promised.sha256,
        size=promised.size,
        was=was,
        phase=phase,
        sent=None if phase is Phase.MARKED else sent,
    )
    name = name_marker(collection, attempt)
    body = describe_marker(msgspec.structs.replace(mark, **changes))
    server.ask("PUT", path(name), body).result  # noqa: B018 - it asserts
    return name
