"""What a command asks a bucket for: one collection costs no look at the others, and no command lists twice over."""

from __future__ import annotations

import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.stores.conftest import BucketScenario
from tests.support.run_publish import FIRST, SECOND
from tests.support.server_under_test import Server

pytestmark = pytest.mark.xdist_group("buckets")


def list_bucket_threads(others: set[threading.Thread]) -> list[str]:
    """Return the names of a bucket's threads that are none of these others."""
    return [thread.name for thread in threading.enumerate() if thread.name == "bucket" and thread not in others]


def test_a_store_that_was_asked_leaves_no_thread_behind(scenario: BucketScenario) -> None:
    """A process that runs for months opens one for every job: what is idle ends."""
    others = set(threading.enumerate())
    for _ in range(3):
        scenario.harness.open().list_entries()
    end = time.monotonic() + 30.0
    while list_bucket_threads(others) and time.monotonic() < end:
        time.sleep(0.2)
    assert list_bucket_threads(others) == []


OWN, TOP = "backups/cities/", "backups/"
FILE = "cities_20261120_120000.snapshot"
# What a command about one collection lists: its own directory, and never all of the bucket. With a delimiter (the
# documents at the top, and the names of the collections) no file of any collection is listed.
ONE_COLLECTION = {
    "restore": (("restore", "cities", "--to", "a"), {(OWN, False)}),
    "restore previous": (("restore", "old", "--snapshot", "previous", "--dry-run"), {("backups/old/", False)}),
    "restore a file": (
        ("restore", "cities", "--snapshot", "cities_20261120_120000.snapshot", "--to", "c"),
        {(OWN, False)},
    ),
    "snapshot": (("snapshot", "cities"), {(OWN, False), (TOP, True)}),
    "drill": (("drill", "cities"), {(OWN, False), (TOP, True)}),
    "pin": (("pin", "cities"), {(OWN, False), (TOP, True)}),
    "unpin": (("unpin", "cities"), {(OWN, False), (TOP, True)}),
    "mirror": (("mirror", "STORE", "copy", "--collection", "cities"), {(OWN, False), (TOP, True)}),
}


@pytest.fixture
def filled_scenario(scenario: BucketScenario) -> BucketScenario:
    """Return a bucket with snapshots of four collections, one of them on the server."""
    for collection in ("cities", "towns", "cities_v2"):
        scenario.add(collection=collection)
    for at in (FIRST, SECOND):
        scenario.harness.publish(b"%d" % at.day * 100, at, collection="old")
    server = Server(scenario.qdrant)
    server.create("cities", vectors={"size": 4, "distance": "Dot"})
    server.upsert("cities", range(1, 100))
    scenario.proxy.forget()
    return scenario


def list_lists(scenario: BucketScenario) -> list[tuple[str, bool]]:
    """Return each listing that was asked for: its prefix, and whether it ended at the next slash."""
    queries = [parse_qs(urlsplit(seen.path).query) for seen in scenario.proxy.find("list-type")]
    return [(query["prefix"][0], "delimiter" in query) for query in queries]


@pytest.mark.parametrize("command", ONE_COLLECTION)
def test_a_command_about_one_collection_lists_no_other(filled_scenario: BucketScenario, command: str) -> None:
    """No listing of the whole bucket for one collection, and no request about another one's files."""
    arguments, allowed = ONE_COLLECTION[command]
    result = filled_scenario.run(*(filled_scenario.harness.name if one == "STORE" else one for one in arguments))
    others = [seen.line for seen in filled_scenario.proxy.seen if "towns" in seen.path or "cities_v2" in seen.path]
    assert (result.status in {0, 13}, set(list_lists(filled_scenario)) - allowed, others) == (True, set(), []), result
    assert len(filled_scenario.proxy.seen) < 60


@pytest.mark.parametrize("command", ["list", "verify", "prune", "doctor"])
def test_a_command_about_everything_lists_everything_once(filled_scenario: BucketScenario, command: str) -> None:
    """One listing of all, and what is needed of the documents beside it."""
    result = filled_scenario.run(command)
    lists = list_lists(filled_scenario)
    assert (result.status in {0, 13}, lists.count((TOP, False)) <= 2) == (True, True), lists
