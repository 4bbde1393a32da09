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
from restore.retention.pin import Pin
from restore.snapshots.document import write_document
from tests.stores.conftest import BucketScenario
from tests.support.bucket_server_installs import MINIO_CLIENT, AbsentError, find_go
from tests.support.bucket_servers import BucketServer
from tests.support.program import ROOT
from tests.support.run_publish import FIRST, SECOND, THIRD
from tests.support.server_under_test import Server
from tests.support.store_harness import StoreHarness, make_bucket_harness, make_directory_harness

pytestmark = pytest.mark.xdist_group("buckets")

PAGE = (ROOT / "docs" / "stores.md").read_text(encoding="utf-8")
POLICIES = dict(re.findall(r"<!-- policy: (\w+) -->\n```json\n(.*?)```", PAGE, re.DOTALL))
LARGE = bytes(range(256)) * 80_000

Grant = Callable[[str, str], BucketServer]


@pytest.fixture
def grant(minio: BucketServer, tmp_path: Path) -> Grant:
    """Return a function that makes users: who has the policy of that name on a bucket, and nothing else."""
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
def store(minio: BucketServer) -> StoreHarness:
    """Return a store with one snapshot, made by root."""
    harness = make_bucket_harness(minio, prefix="backups")
    harness.publish(b"the first", FIRST)
    return harness


def as_user(store: StoreHarness, server: BucketServer) -> StoreHarness:
    """Return the same store, opened with another key."""
    return make_bucket_harness(server, at=store.name)


def bucket_of(store: StoreHarness) -> str:
    """Return the bucket's name."""
    return store.name.split("/")[2]


def take_keys(server: BucketServer) -> dict[str, str]:
    """Return a user's keys."""
    return {name: server.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


def test_the_page_has_the_three_policies() -> None:
    """Each of them is given to MinIO below."""
    assert sorted(POLICIES) == ["pruner", "reader", "writer"]


def test_a_reader_reads_and_nothing_else(store: StoreHarness, grant: Grant) -> None:
    """A key with the right to read is enough for a restore."""
    reader = as_user(store, grant("reader", bucket_of(store)))
    opened = reader.open()
    assert (reader.read(opened), opened.list_latest()) == (b"the first", ("cities",))
    assert len(opened.list_entries()) == 4
    with pytest.raises(AuthError):
        reader.publish(b"mine", SECOND)
    with pytest.raises(AuthError):
        opened.delete_snapshot("cities_20261118_101500.snapshot")
    assert store.read(store.open()) == b"the first"


def test_a_writer_needs_no_right_to_delete(store: StoreHarness, grant: Grant) -> None:
    """Small and large snapshots, lock and release, documents; and the key can delete nothing."""
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


def test_a_pruner_deletes(store: StoreHarness, grant: Grant) -> None:
    """Only pruning has that right."""
    store.publish(b"the second", SECOND)
    pruner = as_user(store, grant("pruner", bucket_of(store))).open()
    with pruner.lock(0.0):
        pruner.delete_snapshot("cities_20261118_101500.snapshot")
    assert [one.file for one in store.open().list_snapshots("cities")] == ["cities_20261119_101500.snapshot"]


# What each command needs, and what it says without: its arguments, and its status with each policy's key.
NEEDS = {
    "restore": (("restore", "cities", "--to", "restored"), {"reader": 0, "writer": 0, "pruner": 0}),
    "list": (("list",), {"reader": 0, "writer": 0, "pruner": 0}),
    "list --sets": (("list", "--sets"), {"reader": 0, "writer": 0, "pruner": 0}),
    "verify": (("verify", "cities"), {"reader": 0, "writer": 0, "pruner": 0}),
    "verify --sample": (("verify", "cities", "--sample", "1/2"), {"reader": 0, "writer": 0, "pruner": 0}),
    "drill": (("drill", "cities"), {"reader": 0, "writer": 0, "pruner": 0}),
    "doctor": (("doctor",), {"reader": 0, "writer": 0, "pruner": 0}),
    "mirror from": (("mirror", "STORE", "copy"), {"reader": 0, "writer": 0, "pruner": 0}),
    "prune --dry-run": (("prune", "--keep-last", "1", "--dry-run"), {"reader": 0, "writer": 0, "pruner": 0}),
    "snapshot": (("snapshot", "towns"), {"reader": 12, "writer": 0, "pruner": 0}),
    "snapshot zstd": (("snapshot", "towns", "--compress", "zstd"), {"reader": 12, "writer": 0, "pruner": 0}),
    "pin": (("pin", "cities"), {"reader": 12, "writer": 0, "pruner": 0}),
    "mirror to": (("mirror", "local", "STORE"), {"reader": 12, "writer": 0, "pruner": 0}),
    "unpin": (("unpin", "cities"), {"reader": 12, "writer": 12, "pruner": 0}),
    "prune": (("prune", "old", "--keep-last", "1"), {"reader": 12, "writer": 12, "pruner": 0}),
    "mirror --keep": (("mirror", "local", "STORE", "--keep", "last=1"), {"reader": 12, "writer": 0, "pruner": 0}),
}


@pytest.fixture
def filled_scenario(scenario: BucketScenario) -> BucketScenario:
    """Return a bucket with two prunable snapshots, one of them pinned; a directory to mirror; and `towns`."""
    for at in (FIRST, SECOND):
        scenario.harness.publish(b"%d" % at.day * 100, at, collection="old", written_by="qdrant-restore 0")
    latest = scenario.add()
    scenario.harness.open().write_document(f"{latest}.pin.json", write_document(Pin(at=FIRST)))
    local = make_directory_harness(scenario.root / "local")
    local.publish(b"a copy", FIRST, collection="copied", written_by="qdrant-restore 0")
    server = Server(scenario.qdrant)
    server.create("towns", vectors={"size": 4, "distance": "Dot"})
    server.upsert("towns", range(1, 20))
    return scenario


@pytest.mark.parametrize("policy", ["reader", "writer", "pruner"])
def test_every_command_lives_with_its_policy_and_is_refused_without(
    filled_scenario: BucketScenario, grant: Grant, policy: str
) -> None:
    """Each command ends with 0 or, where the key may not do it, with 12; nothing else is deleted."""
    keys = take_keys(grant(policy, bucket_of(filled_scenario.harness)))
    found = {}
    for word, (arguments, _) in NEEDS.items():
        given = tuple(filled_scenario.harness.name if one == "STORE" else one for one in arguments)
        found[word] = filled_scenario.run(*given, **keys).status
    wanted = {word: statuses[policy] for word, (_, statuses) in NEEDS.items()}
    old = [one.file for one in filled_scenario.harness.open().list_snapshots("old")]
    assert found == wanted
    assert len(old) == {"reader": 2, "writer": 2, "pruner": 1}[policy]
