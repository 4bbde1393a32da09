"""The scenario of tests of buckets: MinIO behind a proxy, a Qdrant, a store, and the installed command."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.snapshots.name import SnapshotName
from tests.support.bucket_servers import BucketServer
from tests.support.program import ProgramResult, run_program
from tests.support.recording_proxy import RecordingProxy
from tests.support.sample_stores import NOON, RECORDED, describe
from tests.support.store_fixtures import azurite, fake_gcs, minio
from tests.support.store_harness import StoreHarness, make_bucket_harness

__all__ = ["azurite", "fake_gcs", "minio"]


@dataclasses.dataclass(frozen=True)
class BucketScenario:
    """A bucket on MinIO behind a proxy, a Qdrant of this test's own, and a directory to run in."""

    harness: StoreHarness
    server: BucketServer
    proxy: RecordingProxy
    qdrant: str
    root: Path

    def add(self, kind: str = "plain", collection: str = "cities") -> str:
        """Put a recorded snapshot into the bucket and return its file's name."""
        content = (RECORDED / f"{kind}-1.18.3.snapshot").read_bytes()
        manifest = describe(kind, collection, NOON)
        store = self.harness.open()
        name = SnapshotName(collection, NOON)
        with store.lock(5.0), store.receive(name) as incoming:
            incoming.expect(len(content))
            incoming.write(content)
            from restore.snapshots.manifest import write_manifest

            file = store.publish(incoming, name, write_manifest(manifest))
        self.proxy.forget()
        return file

    def run(self, *arguments: str, **environment: str) -> ProgramResult:
        """Run the program to its end."""
        given = {
            **self.server.environment,
            "QDRANT_URL": self.qdrant,
            "RESTORE_STORE": self.harness.name,
            **environment,
        }
        return run_program(*arguments, cwd=self.root, environment=given, timeout=90.0)


@pytest.fixture
def scenario(minio: BucketServer, embedded: EmbeddedQdrant, tmp_path: Path) -> Iterator[BucketScenario]:
    """Yield an empty store in a bucket that is reached through a proxy."""
    with RecordingProxy(minio.url) as proxy:
        environment = {**minio.environment, "AWS_ENDPOINT_URL": proxy.url}
        behind = dataclasses.replace(minio, environment=environment)
        harness = make_bucket_harness(behind)
        proxy.forget()
        yield BucketScenario(harness, behind, proxy, embedded.url, tmp_path)
