"""Targets: their contents before a restore, and the contents that a restore promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from restore.qdrant.collection_names import name_upload
from tests.support.sample_stores import RECORDED, promised_points, recorded
from tests.support.server_under_test import Points, Server, path

VECTORS = {"size": 4, "distance": "Cosine"}
"""The vectors of the recorded snapshot `plain`."""


@dataclass(frozen=True)
class TargetSetup:
    """A target in some state: how it is set up, and how a person asks for its restore."""

    name: str
    prepare: Callable[[Server, str], None]
    arguments: tuple[str, ...] = ()


def leave_missing(_server: Server, _name: str) -> None:
    """Leave the target missing."""


def make_empty(server: Server, name: str) -> None:
    """Create the target as an application does at its boot: without points, with settings of its own."""
    server.create(name, vectors=VECTORS, hnsw_config={"m": 24})


def put_empty(server: Server, name: str) -> None:
    """Put there what a server leaves that was killed just after it created the collection."""
    server.create(name, vectors=VECTORS)


def put_written(server: Server, name: str) -> None:
    """Put there what an application made of an empty collection: three points."""
    server.create(name, vectors=VECTORS)
    server.upsert(name, range(1, 4))


def put_whole(server: Server, name: str) -> None:
    """Put the snapshot's collection there, as a restore leaves it that had everything but its end."""
    boundary = "a-boundary-that-no-snapshot-holds"
    file = f'form-data; name="snapshot"; filename="{name_upload(name)}"'
    content = (RECORDED / "plain-1.18.3.snapshot").read_bytes()
    form = f"--{boundary}\r\nContent-Disposition: {file}\r\n\r\n".encode() + content
    form += f"\r\n--{boundary}--\r\n".encode()
    answer = server.send_form(path(name, "snapshots/upload?wait=true&priority=snapshot"), form, boundary)
    assert answer.result is True


def make_same(server: Server, name: str, **changes: Any) -> None:  # noqa: ANN401 - JSON
    """Create the target with the snapshot's configuration and with other points, behind an alias."""
    config = recorded("plain")["info"]["config"]
    given = {
        "vectors": VECTORS,
        "metadata": config["metadata"],
        "hnsw_config": config["hnsw_config"],
        "wal_config": config["wal_config"],
        "optimizers_config": {key: value for key, value in config["optimizer_config"].items() if value is not None},
    }
    server.create(name, **(given | changes))
    server.upsert(name, range(1000, 1007))
    server.alias(f"{name}-alias", name)


def make_other(server: Server, name: str) -> None:
    """Create the target with another configuration and with other points, behind an alias."""
    server.create(name, vectors=VECTORS, hnsw_config={"m": 24})
    server.upsert(name, range(1000, 1007))
    server.alias(f"{name}-alias", name)


MISSING = TargetSetup("missing", leave_missing)
EMPTY = TargetSetup("empty", make_empty)
SAME = TargetSetup("replaced, same configuration", make_same, ("--on-existing", "replace"))
OTHER = TargetSetup("replaced, another configuration", make_other, ("--on-existing", "replace"))


@dataclass(frozen=True)
class TargetContents:
    """The contents of a target, as far as a restore promises them."""

    points: Points
    markers: list[str]
    uploads: list[str]
    aliases: list[str]
    indexes: list[str]


def read_state(server: Server, name: str) -> TargetContents:
    """Read the contents of a target. Raises AssertionError when the target does not answer."""
    return TargetContents(
        points=server.points(name),
        markers=server.markers(name),
        uploads=[file for file in server.snapshots_of(name) if file == name_upload(name)],
        aliases=sorted(alias for alias, behind in server.aliases().items() if behind == name),
        indexes=server.indexes(name),
    )


def promise_state(name: str, kind: str = "plain", *, aliased: bool = False) -> TargetContents:
    """Return the contents of a target after a restore of a recorded snapshot."""
    info: dict[str, Any] = recorded(kind)["info"]
    return TargetContents(
        points=promised_points(kind),
        markers=[],
        uploads=[],
        aliases=[f"{name}-alias"] if aliased else [],
        indexes=sorted(info.get("payload_schema") or {}),
    )
