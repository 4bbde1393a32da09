"""A dump of every file of a store and everything on a server, to compare before and after."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

from restore.qdrant.collection_names import find_attempts
from tests.support.server_under_test import Server, path


class StateDump(NamedTuple):
    """A store by file name, collections by name, and the files on the server's disk where it can be seen."""

    store: dict[str, str]
    collections: dict[str, Any]
    aliases: dict[str, str]
    disk: dict[str, str]


def dump_state(server: Server, store: Path, name: str) -> StateDump:
    """Return the dump. On a server without a visible disk, which tests share, only what bears the name counts."""
    own = server.snapshots is not None
    there = server.collections()
    markers = find_attempts(name, there)
    seen = there if own else [one for one in there if one == name or find_attempts(name, [one])]
    aliases = server.aliases()
    return StateDump(
        store=digest_files(store),
        collections={"marks": markers, **{one: describe(server, one) for one in seen}},
        aliases={alias: behind for alias, behind in aliases.items() if own or name in {alias, behind}},
        disk=digest_disk(server.snapshots) if server.snapshots else {},
    )


def digest_disk(folder: Path) -> dict[str, str]:
    """Return every file on the server's disk; its empty directories are its own affair."""
    return {name: found for name, found in digest_files(folder).items() if not found.endswith("directory")}


def describe(server: Server, collection: str) -> list[Any]:
    """Return a collection's configuration, points and snapshots; of a broken one what it answers instead."""
    answer = server.ask("GET", path(collection))
    if answer.status != 200:
        return [answer.status, answer.body["status"]]
    found = answer.result
    snapshots = server.ask("GET", path(collection, "snapshots")).result
    return [
        found["config"],
        found["payload_schema"],
        server.points(collection),
        sorted((one["name"], one["size"], one.get("checksum") or "") for one in snapshots),
    ]


def digest_files(folder: Path) -> dict[str, str]:
    """Return for each path below a folder its mode and what it is: a link's target, a file's checksum."""
    if not folder.is_dir():
        return {"": "no directory"}
    below = (Path(root, one) for root, folders, files in os.walk(folder) for one in (*folders, *files))
    return {str(one.relative_to(folder)): digest(one) for one in below}


def digest(file: Path) -> str:
    """Return a file's mode and content in a word."""
    status = file.lstat()
    if stat.S_ISLNK(status.st_mode):
        return f"-> {file.readlink()}"
    if stat.S_ISDIR(status.st_mode):
        return f"{stat.S_IMODE(status.st_mode):o} directory"
    with file.open("rb") as content:
        return f"{stat.S_IMODE(status.st_mode):o} {hashlib.file_digest(content, 'sha256').hexdigest()}"
