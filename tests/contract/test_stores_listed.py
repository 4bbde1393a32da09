"""`list` shows the same of a directory and of buckets on MinIO, fake-gcs-server and Azurite."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.commands.list.command import run
from restore.commands.list.report import describe_list
from tests.support.resolve_settings import resolve_settings
from tests.support.run_publish import FIRST, SECOND, THIRD
from tests.support.sample_stores import NOON
from tests.support.store_harness import StoreHarness

pytestmark = pytest.mark.xdist_group("buckets")


def test_latest_is_marked_and_is_the_one_that_a_restore_takes(harness: StoreHarness) -> None:
    """Latest is the newest snapshot that was not held back, also without a pointer."""
    harness.publish(b"the first", FIRST)
    harness.publish(b"the second", SECOND)
    harness.publish(b"of the same second", SECOND)
    harness.publish(b"held back", THIRD, points=1)
    harness.publish(b"another's", FIRST, collection="towns")
    store = harness.open()
    report = run(resolve_settings("list", store=Path("unused")), store, NOON)
    output = [line for line in describe_list(report) if "  latest  " in line]
    latest = {one.collection: one.file for one in report.files if one.latest}
    taken = {name: found.file for name in ("cities", "towns") if (found := store.find_snapshot(name))}
    assert (
        latest
        == taken
        == {
            "cities": "cities_20261119_101500-2.snapshot",
            "towns": "towns_20261118_101500.snapshot",
        }
    )
    assert [line.split()[0] for line in output] == list(latest.values())
