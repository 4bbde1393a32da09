"""A store under test, whatever it is made of: opened as often as wanted, filled, and spoiled behind its back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from obstore.store import MemoryStore

from restore.commands.snapshot.publish import Published, publish
from restore.snapshots.age import AgeIdentities
from restore.snapshots.codec import EncodedSnapshot, Encoder
from restore.snapshots.manifest import Manifest
from restore.snapshots.name import SnapshotName, encode_collection
from restore.stores.bucket.client import BucketClient
from restore.stores.bucket.credentials import open_client
from restore.stores.bucket.writer import WritableBucketStore
from restore.stores.local.writer import WritableLocalStore
from restore.stores.location import parse_location
from restore.stores.protocols import Store, WritableStore
from tests.support.bucket_servers import BucketServer
from tests.support.no_output import no_log
from tests.support.run_publish import describe


@dataclass(frozen=True)
class StoreHarness:
    """A store. `open` opens it again, as another run would; `write` puts bytes where a file of it lies."""

    name: str
    open: Callable[[], WritableLocalStore | WritableBucketStore]
    write: Callable[[str, bytes], None]

    def publish(
        self,
        content: bytes,
        at: datetime,
        *,
        collection: str = "cities",
        encoder: Encoder | None = None,
        block: int = 1 << 20,
        **changes: object,
    ) -> Published:
        """Do what a snapshot does with a store, from its lock to the moved latest."""
        store = self.open()
        suffix = encoder.suffix if encoder else ""
        manifest = msgspec.structs.replace(describe(content, at, collection=collection), **changes)
        with (
            store.lock(5.0),
            store.receive(SnapshotName(encode_collection(collection), at, encoding=suffix)) as incoming,
        ):
            incoming.expect(len(content))
            if encoder:
                encoder.begin(incoming)
            write = encoder.write if encoder else incoming.write
            for begin in range(0, len(content), block):
                write(content[begin : begin + block])
            if encoder:
                manifest = _describe_encoding(manifest, encoder.finish())
                encoder.close()
            return publish(store, incoming, manifest, no_log, encoding=suffix)

    def read(self, store: Store, collection: str = "cities", selector: str = "latest") -> bytes | None:
        """Return the bytes of the snapshot that is found; None without one."""
        stored = store.find_snapshot(collection, selector)
        if stored is None:
            return None
        with contextlib.closing(store.open_snapshot(stored)) as opened:
            return opened.read()


def _describe_encoding(manifest: Manifest, encoded: EncodedSnapshot) -> Manifest:
    return msgspec.structs.replace(
        manifest,
        stored_size=encoded.size,
        stored_sha256=encoded.sha256,
        compression=encoded.compression,
        encryption=encoded.encryption,
    )


def make_directory_harness(root: Path, keys: AgeIdentities | None = None) -> StoreHarness:
    """Return a directory as a store, prepared."""

    def open_again() -> WritableLocalStore:
        return WritableLocalStore(str(root), keys=keys)

    open_again().prepare()
    return StoreHarness(str(root), open_again, lambda file, content: _write(root / file, content))


def make_bucket_harness(
    server: BucketServer, keys: AgeIdentities | None = None, *, prefix: str = "backups", at: str = ""
) -> StoreHarness:
    """Return a bucket of its own as a store, prepared; or the one `at` a URL, as it is."""
    location = parse_location(at or f"{server.scheme}://{server.make_bucket()}/{prefix}")

    def open_again() -> WritableBucketStore:
        client = open_client(location, server.environment)
        return WritableBucketStore(client, location, holder="a test", since="today", keys=keys, timeout_seconds=5.0)

    def write(file: str, content: bytes) -> None:
        open_client(location, server.environment).put(open_again().key(file), content)

    if not at:
        open_again().prepare()
    return StoreHarness(str(location), open_again, write)


def make_memory_harness() -> StoreHarness:
    """Return a bucket in memory as a store, prepared."""
    location = parse_location("s3://backups/daily")
    objects = MemoryStore()

    def open_again() -> WritableBucketStore:
        client = BucketClient(objects, str(location), upload_store=objects)
        return WritableBucketStore(client, location, holder="a test", since="today", timeout_seconds=5.0)

    def write(file: str, content: bytes) -> None:
        objects.put(open_again().key(file), content)

    open_again().prepare()
    return StoreHarness(str(location), open_again, write)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def as_protocol(store: WritableLocalStore | WritableBucketStore) -> WritableStore:
    """Let the type checker compare a store with the protocol."""
    return store
