"""Every report as JSON and as lines: byte for byte what people's scripts and eyes know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from restore.checks.file_report import FileReport, FileState
from restore.checks.record import Depth
from restore.commands.doctor import command as doctor
from restore.commands.doctor.finding import Finding, FindingLevel
from restore.commands.drill import report as drill
from restore.commands.list import report as listing
from restore.commands.mirror import report as mirror
from restore.commands.outcome import Report, Summary, decide_status, describe_failures, find_failure_status, summarise
from restore.commands.pin import report as pin
from restore.commands.prune import report as prune
from restore.commands.restore import report as restore
from restore.commands.snapshot import report as snapshot
from restore.commands.verify import report as verify
from restore.creation.journal_document import StaleObject
from restore.errors import IntegrityError, QdrantError
from restore.monitoring.run_result import CollectionRun, merge_runs
from restore.retention.outcome import DeletedSnapshot, DeleteFailure, PruneOutcome
from restore.retention.rule import NO_RULE, KeptSnapshot
from restore.sets.selection import SetState
from restore.stores.layout import Kind
from restore.system.text import encode_json

EXPECTED = Path(__file__).parents[2] / "data" / "reports"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
REFUSED = QdrantError("collection 'docs': does not answer", left="nothing was changed", hint="is it running?")
DIFFERENT = IntegrityError("collection 'scratch-1' has 4 points, not 5", left="scratch-1", hint="verify it")
FILE = "cities_20261120_120000.snapshot"
PRUNED = (
    PruneOutcome(
        collection="cities",
        status=18,
        kept=(KeptSnapshot(FILE, ("latest", "daily")),),
        pruned=(DeletedSnapshot("cities_20261118_120000.snapshot", 2_000_000),),
        failed=(DeleteFailure("cities_20261117_120000.snapshot", 18, "permission denied"),),
        left=(KeptSnapshot("cities.snapshot", ("it has no manifest",)),),
        warnings=("a clock was set back",),
        seconds=0.5,
    ),
    PruneOutcome(collection="docs", status=13, message="its pointer leads nowhere", hint="verify it"),
    PruneOutcome(collection="notes", kept=(KeptSnapshot("notes_20261120_120000.snapshot", (NO_RULE,)),)),
)
FILES = (
    FileReport(
        file=FILE,
        kind=Kind.SNAPSHOT,
        state=FileState.CHECKED,
        collection="cities",
        latest=True,
        created=NOON,
        size_bytes=713_000,
        sha256="ab" * 32,
        promised_sha256="ab" * 32,
        points=5000,
        points_exact=True,
        server_version="1.18.3",
        note="after the import",
        last_check=NOON,
        last_depth="archive",
        last_proven=NOON,
        seconds=0.25,
        pinned=True,
        pin_reason="before the move",
    ),
    FileReport(
        file="cities_latest.snapshot", kind=Kind.LATEST, state=FileState.POINTER, collection="cities", target=FILE
    ),
    FileReport(
        file="docs_20261120_120000.snapshot",
        kind=Kind.SNAPSHOT,
        state=FileState.DAMAGED,
        collection="docs",
        size_bytes=9,
        status=13,
        problem="it is cut short",
        hint="take another one",
        last_failure="its bytes differ",
    ),
    FileReport(
        file="secret_20261120_120000.snapshot",
        kind=Kind.SNAPSHOT,
        state=FileState.CHECKED,
        collection="secret",
        status=19,
        problem="its key is missing",
    ),
    FileReport(
        file="old.snapshot", kind=Kind.SERVER_SNAPSHOT, state=FileState.UNCHECKED, collection="old", size_bytes=1
    ),
    FileReport(
        file="held_20261120_120000.snapshot",
        kind=Kind.SNAPSHOT,
        state=FileState.HELD_BACK,
        collection="held",
        size_bytes=12,
        problem="it is much smaller than the latest",
        points=3,
        last_failure="its bytes differ",
    ),
    FileReport(file="readme.txt", kind=Kind.FOREIGN, state=FileState.FOREIGN),
)
RESTORED = (
    restore.RestoreOutcome(
        collection="cities",
        result=restore.RestoreResult.RESTORED,
        message="5,000 points restored",
        snapshot=FILE,
        points=5000,
        size_bytes=713_000,
        seconds=1.25,
        transfer="upload",
        warnings=("alias 'c' is that of 'd'",),
        lock_wait_seconds=0.5,
    ),
    restore.RestoreOutcome(
        collection="old", result=restore.RestoreResult.PRESENT, message="5,000 points here", points=5000
    ),
    restore.RestoreOutcome(
        collection="new", result=restore.RestoreResult.WOULD_RESTORE, message="would be restored", size_bytes=5
    ),
    restore.RestoreOutcome(
        collection="later",
        result=restore.RestoreResult.FINISHED,
        message="finished",
        size_bytes=1_000,
        transfer="server-file",
        seconds=3.0,
    ),
    restore.report_failure("docs", REFUSED),
)
DRILLED = (
    drill.DrillOutcome(
        collection="cities",
        result=drill.DrillResult.PROVEN,
        message="5,000 points restored; proven",
        snapshot=FILE,
        scratch="drill-1",
        points=5000,
        samples=10,
        searches=5,
        size_bytes=713_000,
        seconds=1.25,
        transfer="upload",
        warnings=("slow",),
    ),
    drill.report_failure("docs", "scratch-1", DIFFERENT),
)
MADE = (
    snapshot.SnapshotOutcome(
        collection="cities",
        latest=True,
        snapshot=FILE,
        size_bytes=713_000,
        sha256="ab" * 32,
        points=5000,
        points_exact=True,
        samples=10,
        seconds=1.25,
        warnings=("it shrank",),
    ),
    snapshot.SnapshotOutcome(
        collection="notes", snapshot="notes.snapshot", message="held back", size_bytes=7, sha256="cd", seconds=0.5
    ),
    snapshot.report_failure("docs", REFUSED, ("journal not written",)),
)
MIRRORED = (
    mirror.MirrorOutcome(
        collection="cities",
        copied=(mirror.CopiedSnapshot(FILE, 713_000),),
        present=2,
        unkept=1,
        failed=(mirror.CopyFailure.from_error("cities_20261118_120000.snapshot", REFUSED),),
        latest=FILE,
        seconds=1.25,
    ),
    mirror.MirrorOutcome(collection="notes", present=3),
)
LEFT_ON_SERVER = (
    StaleObject(collection="cities", file="cities-1.snapshot", removed=True),
    StaleObject(collection="docs", file="docs-1.snapshot", status=17, message="does not answer"),
    StaleObject(file="journal.json", status=13, message="cannot be read"),
)


class Sample(NamedTuple):
    """A report, and what writes its lines."""

    report: Any
    describe: Callable[[Any], list[str]]


def _make_restore() -> restore.RestoreReport:
    return restore.RestoreReport(
        url="http://localhost:6333",
        server_version="1.18.3",
        store="/store",
        outcomes=RESTORED,
        seconds=2.5,
        status=decide_status(RESTORED),
        summary=summarise(RESTORED, 2.5),
        warnings=("a pattern chose nothing",),
        lock_wait_seconds=0.5,
    )


SAMPLES = {
    "restore": Sample(_make_restore(), restore.describe),
    "restore-dry-run": Sample(msgspec.structs.replace(_make_restore(), dry_run=True), restore.describe),
    "drill": Sample(
        drill.DrillReport(
            url="http://localhost:6333",
            server_version="1.18.3",
            store="/store",
            depth="restore",
            outcomes=DRILLED,
            seconds=2.5,
            status=drill.decide_status(DRILLED),
            removed=("drill-0",),
            summary=summarise(DRILLED, 2.5),
            warnings=("a pattern chose nothing",),
        ),
        drill.describe,
    ),
    "snapshot": Sample(
        snapshot.SnapshotReport(
            url="http://localhost:6333",
            server_version="1.18.3",
            store="/store",
            outcomes=MADE,
            seconds=2.5,
            status=decide_status(MADE),
            removed=(".partial-1",),
            run_id="1234",
            set="set_1234.json",
            pruned=PRUNED,
            summary=summarise(MADE, 2.5),
            warnings=("a pattern chose nothing",),
            lock_wait_seconds=0.5,
        ),
        snapshot.describe,
    ),
    "snapshot-incomplete": Sample(
        snapshot.SnapshotReport(
            url="http://localhost:6333",
            server_version="1.18.3",
            store="/store",
            outcomes=MADE[:1],
            seconds=2.5,
            status=3,
            summary=summarise(MADE[:1], 2.5),
        ),
        snapshot.describe,
    ),
    "mirror": Sample(
        mirror.MirrorReport(
            source="/store",
            target="s3://offsite",
            outcomes=MIRRORED,
            seconds=2.5,
            status=mirror.decide_status(MIRRORED, PRUNED),
            sets=("set_1234.json",),
            pins=(f"{FILE}.pin",),
            pruned=PRUNED,
            removed=(".partial-1",),
            lock_wait_seconds=0.5,
            summary=summarise(MIRRORED, 2.5),
            warnings=("a pattern chose nothing",),
        ),
        mirror.describe,
    ),
    "prune": Sample(
        prune.PruneReport(
            store="/store",
            outcomes=PRUNED,
            seconds=2.5,
            status=decide_status((*PRUNED, *LEFT_ON_SERVER), partly_done=True),
            sets=("set_1234.json",),
            removed=(".partial-1",),
            server=LEFT_ON_SERVER,
            summary=summarise(PRUNED, 2.5),
            warnings=("a pattern chose nothing",),
            lock_wait_seconds=0.5,
        ),
        prune.describe,
    ),
    "prune-dry-run": Sample(
        prune.PruneReport(store="/store", outcomes=PRUNED[2:], seconds=2.5, status=0, dry_run=True), prune.describe
    ),
    "verify": Sample(
        verify.VerifyReport(
            store="/store",
            files=FILES,
            status=find_failure_status(FILES),
            snapshots=5,
            sampled=4,
            summary=verify.summarise(FILES, left_out=1, seconds=2.5),
            warnings=("a pattern chose nothing",),
        ),
        verify.describe_verify,
    ),
    "verify-names": Sample(
        verify.VerifyReport(store="", files=FILES[:1], status=0, depth=Depth.LIST), verify.describe_verify
    ),
    "list": Sample(
        listing.ListReport(store="/store", files=FILES, warnings=("a pattern chose nothing",)), listing.describe_list
    ),
    "list-sets": Sample(
        listing.SetsReport(
            store="/store",
            sets=(
                listing.ShownSet(
                    run_id="1234567890",
                    file="set_1234567890.json",
                    created=NOON,
                    state=SetState.THINNED,
                    whole_server=True,
                    server="1.18.3",
                    snapshots=2,
                    present=1,
                    missing=("docs",),
                    failed=("notes",),
                ),
            ),
            damaged=(("set_1.json", "it is cut short"),),
        ),
        listing.describe_sets,
    ),
    "pin": Sample(
        pin.PinReport(
            store="/store",
            pinned=True,
            outcomes=(
                pin.PinOutcome(snapshot=FILE, changed=True),
                pin.PinOutcome(snapshot="docs", status=10, message="'docs' is not there", hint="list it"),
            ),
            status=3,
        ),
        pin.describe,
    ),
    "unpin": Sample(
        pin.PinReport(
            store="/store",
            pinned=False,
            outcomes=(pin.PinOutcome(snapshot=FILE, changed=True), pin.PinOutcome(snapshot="docs.snapshot")),
            status=0,
        ),
        pin.describe,
    ),
    "doctor": Sample(
        doctor.Diagnosis(
            status=17,
            findings=(
                Finding(about="version", verdict=FindingLevel.OK, message="Qdrant 1.18.3"),
                Finding(about="clock", verdict=FindingLevel.FAILED, message="no answer", hint="start it", status=17),
            ),
        ),
        doctor.describe,
    ),
    "summary": Sample(Summary(succeeded=1, failed=1, skipped=2, size_bytes=5, seconds=1.0), lambda _: []),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_report_is_written_as_ever(name: str) -> None:
    """The first line of the expected file is the JSON with all its keys in their order, the others are for people."""
    report, describe = SAMPLES[name]
    expected = (EXPECTED / f"{name}.txt").read_text(encoding="utf-8")

    assert "\n".join([encode_json(report), *describe(report), ""]) == expected


@pytest.mark.parametrize(
    ("name", "runs", "failures"),
    [
        (
            "restore",
            (
                CollectionRun(collection="cities", seconds=1.25, bytes_moved=713_000, direction="upload"),
                CollectionRun(collection="old", skipped=True),
                CollectionRun(collection="new", skipped=True),
                CollectionRun(collection="later", seconds=3.0),
                CollectionRun(collection="docs", status=17),
            ),
            "docs: does not answer; nothing was changed",
        ),
        (
            "drill",
            (
                CollectionRun(collection="cities", seconds=1.25, bytes_moved=713_000, direction="upload"),
                CollectionRun(collection="docs", status=13),
            ),
            "docs: has 4 points, not 5",
        ),
        (
            "snapshot",
            (
                CollectionRun(collection="cities", seconds=1.25, bytes_moved=713_000, direction="download"),
                CollectionRun(collection="notes", seconds=0.5, bytes_moved=7, direction="download"),
                CollectionRun(collection="docs", status=17),
            ),
            "docs: does not answer; nothing was changed; cities: permission denied; docs: its pointer leads nowhere",
        ),
        (
            "mirror",
            (
                CollectionRun(collection="cities", status=17, seconds=1.25, bytes_moved=713_000, direction="mirror"),
                CollectionRun(collection="notes"),
            ),
            (
                "cities: collection 'docs': does not answer; nothing was changed; cities: permission denied; "
                "docs: its pointer leads nowhere"
            ),
        ),
        (
            "prune",
            (
                CollectionRun(collection="cities", status=18, seconds=0.5),
                CollectionRun(collection="docs", status=13),
                CollectionRun(collection="notes"),
            ),
            (
                "cities: permission denied; docs: its pointer leads nowhere; docs: does not answer; "
                "journal.json: cannot be read"
            ),
        ),
        (
            "verify",
            (
                CollectionRun(collection="cities"),
                CollectionRun(collection="docs", status=13),
                CollectionRun(collection="secret", status=19),
                CollectionRun(collection="old"),
                CollectionRun(collection="held"),
            ),
            "docs: it is cut short; secret: its key is missing",
        ),
        ("prune-dry-run", (CollectionRun(collection="notes"),), ""),
        ("verify-names", (CollectionRun(collection="cities", seconds=0.25),), ""),
        ("list", (), "a pattern chose nothing"),
        ("doctor", (), ""),
    ],
)
def test_metrics_and_notifications_read_what_a_report_computes(
    name: str, runs: tuple[CollectionRun, ...], failures: str
) -> None:
    """One run for each collection, and one sentence about what failed, or else the warnings."""
    report: Report = SAMPLES[name].report

    assert (merge_runs(report.list_runs()), describe_failures(report)) == (runs, failures)
