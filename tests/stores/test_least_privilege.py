"""The policies of docs/stores.md, given to MinIO, which enforces them: reading, writing, pruning with just those."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from restore.errors import AuthError
from tests.commands.program import ROOT
from tests.stores.conftest import Place
from tests.stores.installed import MINIO_CLIENT, AbsentError, find_go
from tests.stores.kept import Kept, keep_bucket
from tests.stores.servers import BucketServer
from tests.tools.publishing import FIRST, SECOND, THIRD

pytestmark = pytest.mark.xdist_group("buckets")

PAGE = (ROOT / "docs" / "stores.md").read_text(encoding="utf-8")
POLICIES = dict(re.findall(r"<!-- policy: (\w+) -->\n```json\n(.*?)```", PAGE, re.DOTALL))
LARGE = bytes(range(256)) * 80_000

Grant = Callable[[str, str], BucketServer]


@pytest.fixture
def grant(minio: BucketServer, tmp_path: Path) -> Grant:
    """Give a maker of users: who has the policy of that name on a bucket, and nothing else."""
    try:
        client = find_go(MINIO_CLIENT)
    except AbsentError as error:
        pytest.skip(str(error))

    def admin(*arguments: str) -> None:
        command = [str(client), "--config-dir", str(tmp_path / "mc"), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def make(policy: str, bucket: str) -> BucketServer:
        user, password = f"{policy}{secrets.token_hex(4)}", secrets.token_hex(16)
        file = tmp_path / f"{user}.json"
        file.write_text(json.dumps(json.loads(POLICIES[policy].replace("BUCKET", bucket))))
        root = minio.environment
        admin("alias", "set", "m", minio.url, root["AWS_ACCESS_KEY_ID"], root["AWS_SECRET_ACCESS_KEY"])
        admin("admin", "user", "add", "m", user, password)
        admin("admin", "policy", "create", "m", user, str(file))
        admin("admin", "policy", "attach", "m", user, "--user", user)
        keys = {"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": password}
        return dataclasses.replace(minio, environment={**root, **keys})

    return make


@pytest.fixture
def store(minio: BucketServer) -> Kept:
    """Give a store with one snapshot, made by root."""
    kept = keep_bucket(minio, prefix="backups")
    kept.publish(b"the first", FIRST)
    return kept


def as_user(store: Kept, server: BucketServer) -> Kept:
    """Give the same store, opened with another key."""
    return keep_bucket(server, at=store.name)


def bucket_of(store: Kept) -> str:
    """Give the bucket's name."""
    return store.name.split("/")[2]


def take_keys(server: BucketServer) -> dict[str, str]:
    """Give a user's keys."""
    return {name: server.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


def test_the_page_has_the_three_policies() -> None:
    """Each of them is given to MinIO below."""
    assert sorted(POLICIES) == ["pruner", "reader", "writer"]


def test_a_reader_reads_and_nothing_else(store: Kept, grant: Grant) -> None:
    """S14: what a restore needs."""
    reader = as_user(store, grant("reader", bucket_of(store)))
    opened = reader.open()
    assert (reader.read(opened), opened.list_latest()) == (b"the first", ("cities",))
    assert len(opened.list_entries()) == 4
    with pytest.raises(AuthError):
        reader.publish(b"mine", SECOND)
    with pytest.raises(AuthError):
        opened.delete_snapshot("cities_20261118_101500.snapshot")
    assert store.read(store.open()) == b"the first"


def test_a_writer_needs_no_right_to_delete(store: Kept, grant: Grant) -> None:
    """S14: small and large snapshots, the lock taken and given back, documents; and it can delete nothing."""
    writer = as_user(store, grant("writer", bucket_of(store)))
    for content, at in ((b"a little", SECOND), (LARGE, THIRD)):
        writer.publish(content, at)
    opened = writer.open()
    with opened.lock(0.0):
        assert opened.write_document("20261118_101500_0123abcd.set.json", b"{}", create_only=True)
        assert opened.remove_debris(["cities"]) == ()
    with pytest.raises(AuthError) as caught:
        opened.delete_snapshot("cities_20261118_101500.snapshot")
    assert (writer.read(writer.open()), caught.value.status) == (LARGE, 12)
    assert len(store.open().list_snapshots("cities")) == 3


def test_a_pruner_deletes(store: Kept, grant: Grant) -> None:
    """Only pruning has that right."""
    store.publish(b"the second", SECOND)
    pruner = as_user(store, grant("pruner", bucket_of(store))).open()
    with pruner.lock(0.0):
        pruner.delete_snapshot("cities_20261118_101500.snapshot")
    assert [one.file for one in store.open().list_snapshots("cities")] == ["cities_20261119_101500.snapshot"]


def test_the_commands_live_with_their_policies(place: Place, grant: Grant) -> None:
    """As people run them: restore, list and verify with a reader's key, snapshot with a writer's, prune refused."""
    place.add()
    reader, writer = (take_keys(grant(policy, bucket_of(place.kept))) for policy in ("reader", "writer"))
    ends = [
        place.run("restore", "cities", **reader).status,
        place.run("list", **reader).status,
        place.run("verify", **reader).status,
        place.run("snapshot", "cities", **reader).status,
        place.run("snapshot", "cities", **writer).status,
        place.run("snapshot", "cities", "--compress", "zstd", **writer).status,
    ]
    assert ends == [0, 0, 0, 12, 0, 0]
    before = [entry.file for entry in place.kept.open().list_entries()]
    refused = place.run("prune", "--keep-last", "1", **writer)
    assert refused.status != 0
    assert [entry.file for entry in place.kept.open().list_entries()] == before
