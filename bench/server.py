"""The server that is measured with: one that somebody runs, or the embedded one for as long as it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.arguments import Options


class Server(msgspec.Struct, frozen=True):
    """Where it answers. `shared` is a directory here that it sees as `server_store`; None when there is none."""

    url: str
    shared: Path | None
    server_store: str
    embedded: bool


@contextlib.contextmanager
def open_server(options: Options, work: Path) -> Iterator[Server]:
    """Give the server to measure with; an embedded one ends with the `with`."""
    if options.url:
        yield Server(options.url, options.shared, options.server_store, embedded=False)
        return
    from qdrant_embedded.process import EmbeddedQdrant  # noqa: PLC0415 - an extra that only this needs

    with EmbeddedQdrant(work / "qdrant") as running:
        running.snapshots.mkdir(parents=True, exist_ok=True)
        yield Server(running.url, running.snapshots, str(running.snapshots), embedded=True)
