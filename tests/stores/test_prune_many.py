"""Many snapshots are pruned from a bucket side by side, and one by one where one of them is in trouble."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from restore.snapshots.name import MANIFEST_SUFFIX
from restore.stores.layout import Kind
from tests.stores.conftest import BucketScenario
from tests.support.recording_proxy import Fault
from tests.support.sample_stores import NOON

pytestmark = pytest.mark.xdist_group("buckets")

RULE = ("--keep-last", "1")
SNAPSHOTS = 40


def publish(scenario: BucketScenario) -> list[str]:
    """Publish a history of one collection, and a record of a check of its oldest one and return the files."""
    files = [
        scenario.harness.publish(
            b"%d" % day, NOON - timedelta(days=SNAPSHOTS - day), written_by="qdrant-restore 0"
        ).file
        for day in range(SNAPSHOTS)
    ]
    scenario.harness.open().write_document(f"{files[0]}.check.json", b"{}")
    scenario.proxy.forget()
    return files


def list_files(scenario: BucketScenario) -> list[str]:
    """Return the names of the store's objects."""
    return sorted(entry.file for entry in scenario.harness.open().list_entries() if entry.kind is not Kind.OURS)


def test_many_are_deleted_side_by_side_manifests_first(scenario: BucketScenario) -> None:
    """No manifest is ever without its snapshot, and the documents about a snapshot go with it."""
    files = publish(scenario)
    result = scenario.run("prune", *RULE)
    deleted = [seen.path.rpartition("/")[2] for seen in scenario.proxy.find("^DELETE ")]
    assert result.status == 0, result
    assert sorted(deleted[: SNAPSHOTS - 1]) == [file + MANIFEST_SUFFIX for file in files[:-1]]
    assert sorted(deleted[SNAPSHOTS - 1 :]) == sorted([*files[:-1], f"{files[0]}.check.json"])
    assert list_files(scenario) == [files[-1], files[-1] + MANIFEST_SUFFIX]


def test_one_that_is_refused_is_named_and_the_others_go(scenario: BucketScenario) -> None:
    """The refused one is still whole, bytes and manifest."""
    files = publish(scenario)
    scenario.proxy.inject(f"DELETE .*{files[3]}.json", Fault(status=403, body=b""))
    result = scenario.run("prune", "--json", *RULE)
    [outcome] = json.loads(result.stdout)["outcomes"]
    assert [one["file"] for one in outcome["failed"]] == [files[3]]
    assert [one["file"] for one in outcome["pruned"]] == [*files[:3], *files[4:-1]]
    kept = [files[3], files[3] + MANIFEST_SUFFIX, files[-1], files[-1] + MANIFEST_SUFFIX]
    assert list_files(scenario) == kept
