"""Pruning is the same for a directory and for buckets on MinIO, fake-gcs-server and Azurite."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from restore.commands.pin import command as pin
from restore.commands.prune import command as prune
from restore.commands.prune.report import PruneReport
from restore.sets.document import SetDocument, SetMember, name_set
from restore.snapshots.document import write_document
from restore.stores.layout import Kind
from tests.support.resolve_settings import resolve_settings
from tests.support.run_prune import OURS, FixedClock, names
from tests.support.run_restore import RecordedLog
from tests.support.sample_stores import NOON
from tests.support.store_harness import StoreHarness

pytestmark = pytest.mark.xdist_group("buckets")


def fill(harness: StoreHarness, collection: str, days: int, **changes: Any) -> list[str]:  # noqa: ANN401 - fields of the manifest
    """Publish a snapshot for each of so many days, the oldest first and return the files."""
    return [
        harness.publish(
            b"%d" % age * 1000, NOON - timedelta(days=age), collection=collection, written_by=OURS, **changes
        ).file
        for age in reversed(range(days))
    ]


def prune_now(harness: StoreHarness, *arguments: str) -> PruneReport:
    """Prune the store."""
    settings = resolve_settings("prune", *arguments, store=Path("unused"))
    return prune.run(settings, prune.PruneSession(store=harness.open(), clock=FixedClock(), log=RecordedLog()))


def list_files(harness: StoreHarness) -> set[str]:
    """Return every snapshot, manifest and document."""
    apart = {Kind.OURS, Kind.LATEST}
    return {entry.file for entry in harness.open().list_entries() if entry.kind not in apart}


def test_what_the_rule_does_not_keep_goes_with_its_manifest(harness: StoreHarness) -> None:
    """The files of the dry run and nothing else; a second run deletes nothing."""
    files = fill(harness, "cities", 4)
    towns = fill(harness, "cities_v2", 2)
    before = list_files(harness)
    foreseen = prune_now(harness, "cities", "--keep-last", "2", "--dry-run")
    untouched = list_files(harness)
    done = prune_now(harness, "cities", "--keep-last", "2")
    again = prune_now(harness, "cities", "--keep-last", "2")
    gone = {name for file in files[:2] for name in (file, f"{file}.json")}
    assert (untouched, before - list_files(harness), list_files(harness) - before) == (before, gone, set())
    assert names(foreseen) == names(done) == files[:2]
    assert [one.kept for one in foreseen.outcomes] == [one.kept for one in done.outcomes]
    assert (names(again), [file for file in towns if file not in list_files(harness)]) == ([], [])


def test_latest_pinned_and_strangers_stay(harness: StoreHarness) -> None:
    """Also where there is no pointer."""
    files = fill(harness, "cities", 4)
    harness.publish(b"another program's", NOON - timedelta(days=9), written_by="another program")
    pin.pin(resolve_settings("pin", files[0], store=Path("unused")), harness.open(), FixedClock())
    report = prune_now(harness, "--keep-yearly", "1", "--min-keep", "0")
    reasons = {one.file: one.reasons for outcome in report.outcomes for one in outcome.kept}
    assert (names(report), "latest" in reasons[files[3]], reasons[files[0]][0]) == (files[1:3], True, "pinned")
    assert [one.file for outcome in report.outcomes for one in outcome.left] == ["cities_20261111_120000.snapshot"]
    assert {files[0], f"{files[0]}.pin.json", "cities_20261111_120000.snapshot"} <= list_files(harness)


def test_a_set_of_which_nothing_is_left_loses_its_document(harness: StoreHarness) -> None:
    """And one of which something is left keeps it."""
    files = fill(harness, "cities", 3)
    for age, file in ((2, files[0]), (0, files[2])):
        document = SetDocument(
            run_id=f"{age:032x}",
            created=NOON - timedelta(days=age),
            server="1.18.3",
            collections=(SetMember(collection="cities", file=file, sha256="0" * 64),),
        )
        harness.open().write_document(name_set(document.created, f"{age}" * 8), write_document(document))
    report = prune_now(harness, "--keep-last", "1")
    assert report.sets == ("20261118_120000_22222222.set.json",)
    assert harness.open().list_documents(".set.json") == ("20261120_120000_00000000.set.json",)


@pytest.mark.parametrize("collection", ["../x", "a/../../b", "😀", "%2e", ".hidden", "x" * 255])
def test_hostile_names_are_pruned_like_every_other(harness: StoreHarness, collection: str) -> None:
    """Each name loses its own files and no other's."""
    neighbour = fill(harness, "neighbour", 2)
    files = fill(harness, collection, 3)
    report = prune_now(harness, "--exclude", "neighbour", "--keep-last", "1")
    assert names(report) == files[:2]
    assert [file for file in (*neighbour, files[2]) if file not in list_files(harness)] == []
