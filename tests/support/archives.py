"""Snapshot files for tests: the recorded ones, and ones built member by member."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from restore.snapshots.archive import Archive
from restore.snapshots.archive_scan import scan_archive
from restore.snapshots.stored import StoredSnapshot
from restore.stores.local.reader import LocalStore

RECORDED = Path(__file__).parents[1] / "data" / "snapshots"
CONFIG: dict[str, Any] = {"params": {"vectors": {"size": 4, "distance": "Dot"}, "shard_number": 1}}


def read_recorded(name: str) -> bytes:
    """Return a real snapshot of 1.18.3 (`plain`, `named`, `ring-node0`, …)."""
    return (RECORDED / f"{name}-1.18.3.snapshot").read_bytes()


def scan_archive_file(path: str) -> Archive:
    """Scan a file as a snapshot of the directory that it lies in."""
    file = Path(path)
    stored = StoredSnapshot(collection="", file=file.name, path=path, size=0)
    with contextlib.closing(LocalStore(str(file.parent)).open_stored(stored)) as opened:
        return scan_archive(opened, name=file.name)


def make_tar(members: Mapping[str, bytes | tarfile.TarInfo], *, layout: int = tarfile.GNU_FORMAT) -> bytes:
    """Return a tar with these members in this order; a `TarInfo` is added as it is, without content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=layout) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def make_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """Return a member that is a link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def make_segment(*extra: str) -> bytes:
    """Return a segment's archive; Qdrant writes those without an end marker."""
    names = ("snapshot/files/segment.json", "snapshot/files/version.info", *extra)
    return make_tar(dict.fromkeys(names, b"{}")).rstrip(b"\0") + bytes(512 - 2)


def describe_shard(number: int, *, is_local: bool = True, segment: bytes | None = None) -> dict[str, bytes]:
    """Return the members of one shard; a shard on another node has no data here."""
    state = json.dumps({"is_local": is_local, "this_peer_id": 1, "peers": {"1": "Active"}}).encode()
    files = {f"{number}/replica_state.json": state, f"{number}/shard_config.json": b'{"type":"ReplicaSet"}'}
    if is_local:
        files |= {f"{number}/segments/a.tar": segment or make_segment(), f"{number}/wal/open-1": bytes(64)}
    return files


def describe_collection(config: Mapping[str, Any] | None = None, keys: bytes = b"[]") -> dict[str, bytes]:
    """Return the documents that come last in a collection snapshot."""
    return {
        "version.info": b"0.4.2",
        "config.json": json.dumps(config or CONFIG).encode(),
        "shard_key_mapping.json": keys,
        "payload_index.json": b'{"schema":{"name":"keyword"}}',
    }
