"""Memory does not grow with what passes through: into a bucket, out of it, packed or not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bucket_servers import BucketServer
from tests.support.program import make_environment
from tests.support.store_harness import make_bucket_harness

pytestmark = pytest.mark.xdist_group("buckets")

SIZE = 400 << 20
ALLOWED = 64 << 20
SCRIPT = """
import contextlib, hashlib, json, os, resource, sys
from datetime import UTC, datetime
from restore.stores.bucket.credentials import open_client
from restore.stores.bucket.writer import WritableBucketStore
from restore.snapshots.age import AgeIdentities, load_recipients
from restore.snapshots.codec import Encoder
from restore.stores.location import parse_location
from restore.snapshots.name import SnapshotName

url, size, packed, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "packed", sys.argv[4]
location = parse_location(url)
keys = AgeIdentities(f"{folder}/identity") if packed else None
shelf = WritableBucketStore(open_client(location, os.environ), location, holder="x", since="y", keys=keys)
encoder = Encoder(compress=True, recipients=load_recipients(f"{folder}/recipients")) if packed else None
name = SnapshotName("cities", datetime(2026, 11, 19, 10, 15, tzinfo=UTC), encoding=encoder.suffix if encoder else "")
block = os.urandom(1 << 20)
hashed = hashlib.sha256()
with shelf.lock(5.0):
    shelf.choose_name(name)
    shelf.list_collections()
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with shelf.receive(name) as incoming:
        incoming.expect(size)
        if encoder:
            encoder.begin(incoming)
        for number in range(size >> 20):
            part = number.to_bytes(8, "big") + block[8:]
            hashed.update(part)
            (encoder or incoming).write(part)
        if encoder:
            encoder.finish()
            encoder.close()
        from restore.snapshots.manifest import Manifest; from restore.snapshots.manifest import write_manifest
        manifest = Manifest(
            collection="cities", created=name.at, server_version="1", size=size, sha256=hashed.hexdigest(), points=1,
            points_exact=True, config={}, payload_schema={}, stored_size=incoming.size,
        )
        shelf.publish(incoming, name, write_manifest(manifest))
stored = shelf.find_snapshot("cities")
found = hashlib.sha256()
with contextlib.closing(shelf.open_snapshot(stored)) as opened:
    buffer = memoryview(bytearray(1 << 20))
    while count := opened.readinto(buffer):
        found.update(buffer[:count])
end = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"same": found.hexdigest() == hashed.hexdigest(), "grown": (end - begin) * 1024}))
"""


@pytest.mark.parametrize("kind", ["plain", "packed"])
def test_a_snapshot_of_any_size_passes_in_constant_memory(minio: BucketServer, tmp_path: Path, kind: str) -> None:
    """400 MB to a bucket and back, at most 64 MiB above what the program takes before it."""
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{identity}\n")
    (tmp_path / "recipients").write_text(f"{identity.to_public()}\n")
    harness = make_bucket_harness(minio)
    command = [sys.executable, "-c", SCRIPT, harness.name, str(SIZE), kind, str(tmp_path)]
    result = subprocess.run(
        command, env=make_environment(**minio.environment), capture_output=True, text=True, check=True, timeout=100
    )
    output = json.loads(result.stdout)
    assert output["same"]
    assert output["grown"] < ALLOWED
