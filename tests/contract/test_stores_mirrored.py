"""`mirror` between stores of every kind: what goes along, what must not, and what a target keeps by its own rule."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from restore.commands.mirror import command as mirror
from restore.commands.mirror.report import MirrorReport
from restore.commands.pin import command as pin
from restore.sets.document import SetDocument, SetFailure, SetMember, name_set
from restore.snapshots.document import write_document
from restore.stores.layout import Kind
from tests.support.bucket_servers import BucketServer
from tests.support.no_output import NoProgress, no_log
from tests.support.program import make_environment, run_program
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.request_hold import RequestHold
from tests.support.resolve_settings import resolve_settings
from tests.support.run_prune import OURS, FixedClock
from tests.support.run_publish import describe
from tests.support.sample_stores import NOON
from tests.support.store_harness import StoreHarness, make_bucket_harness, make_directory_harness

pytestmark = pytest.mark.xdist_group("buckets")


@pytest.fixture
def source(tmp_path: Path) -> StoreHarness:
    """Return an empty directory to mirror from."""
    return make_directory_harness(tmp_path / "source")


def add(harness: StoreHarness, age: int, collection: str = "cities", **changes: Any) -> str:  # noqa: ANN401 - fields of the manifest
    """Publish a snapshot of so many days before noon, and return its file's name."""
    content = b"%d" % age * 1000
    return harness.publish(
        content, NOON - timedelta(days=age), collection=collection, written_by=OURS, **changes
    ).file


def add_set(harness: StoreHarness, age: int, files: list[str], failed: tuple[str, ...] = ()) -> str:
    """Write the document of a set of these files and return its name."""
    created = NOON - timedelta(days=age)
    members = tuple(
        SetMember(
            collection=file.split("_")[0],
            file=file,
            sha256=describe(b"%d" % age * 1000, created, collection=file.split("_")[0]).sha256,
        )
        for file in files
    )
    document = SetDocument(
        run_id=f"{age:032x}",
        created=created,
        server="1.18.3",
        whole=True,
        collections=members,
        failed=tuple(SetFailure(collection=name, error="it failed") for name in failed),
    )
    name = name_set(created, f"{age:08x}")
    harness.open().write_document(name, write_document(document))
    return name


def mirror_now(source: StoreHarness, target: StoreHarness, *arguments: str) -> MirrorReport:
    """Mirror in this process, at noon."""
    settings = resolve_settings("mirror", source.name, target.name, *arguments, store=Path("unused"))
    tools = mirror.MirrorSession(
        source=source.open(), target=target.open(), clock=FixedClock(), log=no_log, progress=NoProgress()
    )
    return mirror.run(settings, tools)


def list_files(harness: StoreHarness) -> list[str]:
    """Return every snapshot and every document but the locks."""
    apart = {Kind.OURS, Kind.LATEST, Kind.MANIFEST}
    return [entry.file for entry in harness.open().list_entries() if entry.kind not in apart]


def test_pins_and_sets_go_along_and_the_second_run_writes_nothing(
    harness: StoreHarness, source: StoreHarness
) -> None:
    """`restore --set` works from the copy, and what was pinned is pinned there too; what was checked is not."""
    older, newer, towns = add(source, 3), add(source, 1), add(source, 1, "towns")
    made = add_set(source, 1, [newer, towns])
    pin.pin(
        resolve_settings("pin", older, "--reason", "the audit", store=Path("unused")), source.open(), FixedClock()
    )
    source.open().write_document(f"{newer}.check.json", b"{}")
    first = mirror_now(source, harness)
    there = list_files(harness)
    second = mirror_now(source, harness)
    assert (first.status, first.sets, first.pins) == (0, (made,), (f"{older}.pin.json",))
    assert there == sorted([made, older, f"{older}.pin.json", newer, towns])
    assert (second.status, second.sets, second.pins, list_files(harness)) == (0, (), (), there)
    assert [(len(one.copied), one.present) for one in second.outcomes] == [(0, 2), (0, 1)]
    pins = {one.open().read_document(f"{older}.pin.json") for one in (source, harness)}
    assert (len(pins), b"the audit" in (pins.pop() or b"")) == (1, True)


def test_what_was_held_back_is_copied_and_is_never_latest_there(harness: StoreHarness, source: StoreHarness) -> None:
    """It is restored by its name only, as in the source."""
    add(source, 2)
    held = add(source, 1, points=1)
    report, again = mirror_now(source, harness), mirror_now(source, harness)
    back = mirror_now(harness, source)
    store = harness.open()
    assert (report.status, len(report.outcomes[0].copied)) == (0, 2)
    assert [(one.status, one.outcomes[0].copied, one.outcomes[0].present) for one in (again, back)] == [
        (0, (), 2)
    ] * 2
    assert [harness.read(store), harness.read(store, selector=held)] == [b"2" * 1000, b"1" * 1000]
    assert [store.find_snapshot("cities", "previous"), len(store.list_snapshots("cities"))] == [None, 1]


def test_a_set_waits_for_the_member_that_could_not_be_copied(harness: StoreHarness, source: StoreHarness) -> None:
    """The target's latest set stays the one that is there; it comes with the member."""
    older, broken, towns = add(source, 2), add(source, 1), add(source, 1, "towns")
    made = [add_set(source, 2, [older]), add_set(source, 1, [broken, towns])]
    source.write(broken, b"x" * 1000)
    failing = mirror_now(source, harness)
    source.write(broken, b"1" * 1000)
    healed = mirror_now(source, harness)
    assert (failing.status, failing.sets, healed.status, healed.sets) == (3, (made[0],), 0, (made[1],))


def test_a_set_of_which_nothing_was_chosen_stays_away(harness: StoreHarness, source: StoreHarness) -> None:
    """One of which a part was chosen goes along, and is thinned there: that much can be restored."""
    cities, towns = add(source, 1), add(source, 2, "towns")
    both, only = add_set(source, 1, [cities, towns]), add_set(source, 2, [towns])
    report = mirror_now(source, harness, "--include", "c*")
    assert (report.status, report.sets) == (0, (both,))
    assert only not in list_files(harness)


HOSTILE = (
    b'{"schema":1,"run_id":"aa","created":"2026-11-20T12:00:00Z","server":"1","collections":['
    b'{"collection":"cities","file":"cities_20261119_120000.snapshot","sha256":"%s"},'
    b'{"collection":"x","file":"../x","sha256":"%s"}]}' % (b"0" * 64, b"0" * 64)
)


@pytest.mark.parametrize("text", [b"{", HOSTILE], ids=["no document", "leads out of the store"])
def test_a_document_that_must_not_be_followed_is_not_handed_on(
    harness: StoreHarness, source: StoreHarness, text: bytes
) -> None:
    """A pin that is not a document of ours is not copied either."""
    file = add(source, 1)
    source.write("20261119_120000_aaaaaaaa.set.json", text)
    source.write(f"{file}.pin.json", b"{")
    report = mirror_now(source, harness)
    assert (report.status, report.sets, report.pins, list_files(harness)) == (0, (), (), [file])


def test_the_target_has_a_rule_of_its_own_and_nothing_goes_back_and_forth(
    harness: StoreHarness, source: StoreHarness
) -> None:
    """What it would prune is not copied, what it has too much is deleted; pinned and latest stay; sets follow."""
    files = [add(source, age) for age in range(9, 0, -1)]
    sets = [add_set(source, age, [file]) for age, file in zip(range(9, 0, -1), files, strict=True)]
    pin.pin(resolve_settings("pin", files[2], store=Path("unused")), source.open(), FixedClock())
    stale = add(harness, 20)
    first = mirror_now(source, harness, "--keep", "last=2")
    there = list_files(harness)
    second = mirror_now(source, harness, "--keep", "last=2")
    kept_there = [files[2], *files[-2:]]
    assert (first.status, [one.file for one in first.outcomes[0].copied], first.outcomes[0].unkept) == (
        0,
        kept_there,
        6,
    )
    assert [one.file for outcome in first.pruned for one in outcome.pruned] == [stale]
    assert there == sorted([*kept_there, f"{files[2]}.pin.json", sets[2], *sets[-2:]])
    assert (second.status, second.sets, second.pins, list_files(harness)) == (0, (), (), there)
    assert (second.outcomes[0].copied, second.outcomes[0].present, second.outcomes[0].unkept) == ((), 3, 6)
    assert len(source.open().list_snapshots("cities")) == 9


def test_without_a_rule_of_its_own_the_target_keeps_everything(harness: StoreHarness, source: StoreHarness) -> None:
    """The rule of the store is not the target's."""
    for age in (3, 2, 1):
        add(source, age)
    settings = resolve_settings(
        "mirror", source.name, harness.name, store=Path("unused"), document={"keep_last": "1"}
    )
    tools = mirror.MirrorSession(
        source=source.open(), target=harness.open(), clock=FixedClock(), log=no_log, progress=NoProgress()
    )
    report = mirror.run(settings, tools)
    assert (report.status, report.pruned, len(report.outcomes[0].copied)) == (0, (), 3)


def test_bytes_that_a_killed_run_left_whole_are_adopted_and_others_are_not(
    minio: BucketServer, source: StoreHarness
) -> None:
    """Killed between the bytes and their manifest, the next run goes on at once and sends nothing twice."""
    harness = make_bucket_harness(minio)
    whole, other = add(source, 2), add(source, 1)
    harness.write(whole, b"2" * 1000)
    harness.write(other, b"x" * 1000)
    report = mirror_now(source, harness)
    store = harness.open()
    assert [(one.file, one.status) for one in report.outcomes[0].failed] == [(other, 13)]
    assert [one.file for one in store.list_snapshots("cities")] == [whole]
    assert harness.read(store) == b"2" * 1000


LARGE = bytes(range(256)) * 60_000


# Where it is killed, and how many snapshots the next run sends.
MOMENTS = {
    "in the middle of the bytes": (r"PUT .*cities_20261119_120000\.snapshot\?.*partNumber=2", 1),
    "before the manifest": (r"PUT .*cities_20261119_120000\.snapshot\.json", 0),
}


@pytest.mark.parametrize("killed", MOMENTS)
def test_killed_at_any_moment_it_goes_on_with_what_is_missing(
    minio: BucketServer, tmp_path: Path, source: StoreHarness, killed: str
) -> None:
    """Kill -9: what is there is not sent again, the source was only read, and the end is the same."""
    moment, again = MOMENTS[killed]
    source.publish(LARGE, NOON - timedelta(days=2))
    source.publish(LARGE[::-1], NOON - timedelta(days=1))
    before = {file.name: file.read_bytes() for file in Path(source.name).iterdir()}
    hold = RequestHold()
    with RecordingProxy(minio.url) as proxy:
        behind = {**minio.environment, "AWS_ENDPOINT_URL": proxy.url}
        harness = make_bucket_harness(minio)
        proxy.inject(moment, Fault(before=hold))
        command = [sys.executable, "-m", "restore", "mirror", source.name, harness.name]
        with subprocess.Popen(command, env=make_environment(**behind), cwd=tmp_path) as child:
            assert hold.reached.wait(30)
            child.send_signal(signal.SIGKILL)
        proxy.reset()
        # The dead one's lease is over in a minute; nobody has to wait for that here.
        harness.open().delete_document(".lease.json")
        proxy.forget()
        result = run_program("mirror", source.name, harness.name, cwd=tmp_path, environment=behind)
        begun = proxy.find(r"POST .*\?uploads")
    assert (result.status, len(begun)) == (0, again), result
    assert [harness.read(harness.open(), selector=one) for one in ("previous", "latest")] == [LARGE, LARGE[::-1]]
    assert {file.name: file.read_bytes() for file in Path(source.name).iterdir()} == before


def test_a_source_in_a_bucket_is_only_read(minio: BucketServer, tmp_path: Path) -> None:
    """With a proxy before it: nothing but GET and HEAD, and no lock."""
    with RecordingProxy(minio.url) as proxy:
        harness = make_bucket_harness(minio)
        add_set(harness, 1, [add(harness, 1)])
        behind = {**minio.environment, "AWS_ENDPOINT_URL": proxy.url}
        result = run_program("mirror", harness.name, "target", cwd=tmp_path, environment=behind)
        methods = {seen.method for seen in proxy.seen}
    assert (result.status, methods) == (0, {"GET", "HEAD"})


@pytest.mark.parametrize("target", ["directory", "bucket"])
def test_a_dry_run_makes_not_even_the_target(
    minio: BucketServer, tmp_path: Path, source: StoreHarness, target: str
) -> None:
    """It says what would be copied into what is not there yet; and nothing is there afterwards."""
    add(source, 1)
    bucket = minio.make_bucket()
    name = "target" if target == "directory" else f"s3://{bucket}/backups"
    before = sorted(tmp_path.iterdir())
    result = run_program("mirror", source.name, name, "--dry-run", cwd=tmp_path, environment=minio.environment)
    missing = run_program(
        "mirror", source.name, "s3://no-such-bucket/x", "--dry-run", cwd=tmp_path, environment=minio.environment
    )
    assert (result.status, result.stdout.splitlines()[0]) == (0, "cities: 1 would be copied (1 kB), 0 there")
    assert sorted(tmp_path.iterdir()) == before
    assert list_files(make_bucket_harness(minio, at=f"s3://{bucket}/backups")) == []
    assert missing.status == 10
