"""What a bucket may do to us: refuse, be away, cut, change under our hands. Nothing of it is ever 'no snapshot'."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from restore.errors import AuthError, IntegrityError, LockedError, NotFoundError, SpaceError, StoreError
from restore.snapshots.archive_scan import scan_archive
from restore.snapshots.name import SnapshotName
from restore.stores.bucket.client import BucketClient
from restore.stores.bucket.lease import Lease
from restore.stores.bucket.range_reader import RangedReader
from restore.stores.bucket.writer import WritableBucketStore
from restore.stores.layout import Kind
from restore.system.events import no_op
from tests.stores.conftest import BucketScenario
from tests.support.bucket_servers import BucketServer
from tests.support.program import make_environment
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.request_hold import RequestHold
from tests.support.run_publish import FIRST, SECOND
from tests.support.sample_stores import FilledStore
from tests.support.store_harness import make_bucket_harness

pytestmark = pytest.mark.xdist_group("buckets")

CANARY = "canary-8Zq4vT2mLx/9"
LARGE = bytes(range(256)) * 100_000
REFUSED = {
    "another key": {"AWS_ACCESS_KEY_ID": CANARY},
    "another secret": {"AWS_SECRET_ACCESS_KEY": CANARY},
    "a session that is none": {"AWS_SESSION_TOKEN": CANARY},
}


COMMANDS = {
    "restore": ("restore",),
    "restore a set": ("restore", "--set", "latest"),
    "snapshot": ("snapshot",),
    "list": ("list",),
    "list --sets": ("list", "--sets"),
    "verify": ("verify",),
    "drill": ("drill",),
    "prune": ("prune", "--keep-last", "1"),
    "pin": ("pin", "cities"),
    "unpin": ("unpin", "cities"),
    "mirror from": ("mirror", "STORE", "copy"),
    "mirror to": ("mirror", "local", "STORE"),
    "mirror, dry": ("mirror", "local", "STORE", "--dry-run"),
    "doctor": ("doctor",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_bucket_in_trouble_is_never_no_snapshot_to_any_command(scenario: BucketScenario, command: str) -> None:
    """A refused key is 12, a missing bucket 10, a store that is away 18; within seconds, and explained."""
    scenario.add()
    FilledStore(scenario.root / "local").add("cities")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    troubles = {
        12: {"AWS_SECRET_ACCESS_KEY": CANARY},
        10: {"RESTORE_STORE": "s3://no-such-bucket/x"},
        18: {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"},
    }
    begin = time.monotonic()
    ends = {}
    for status, trouble in troubles.items():
        store = trouble.get("RESTORE_STORE", scenario.harness.name)
        ends[status] = scenario.run(*(store if one == "STORE" else one for one in COMMANDS[command]), **trouble)
    took = time.monotonic() - begin
    said = "".join(result.stdout + result.stderr for result in ends.values())
    assert {status: result.status for status, result in ends.items()} == dict(zip(troubles, troubles, strict=True))
    assert [words for words in ("no snapshot", "nothing to", "Traceback", CANARY) if words in said] == []
    assert took < 60.0
    assert not (scenario.root / "copy").exists()


@pytest.mark.parametrize("command", ["restore", "list", "snapshot", "verify"])
@pytest.mark.parametrize("wrong", REFUSED)
def test_a_refused_key_is_12_and_never_no_snapshot(scenario: BucketScenario, wrong: str, command: str) -> None:
    """401 and 403 concern the key; no credential is shown."""
    scenario.add()
    result = scenario.run(command, **REFUSED[wrong])
    said = result.stdout + result.stderr
    assert result.status == 12
    assert f"store '{scenario.harness.name}'" in said
    assert "no snapshot" not in said
    assert [secret for secret in (CANARY, *secrets_of(scenario)) if secret in said] == []


def secrets_of(scenario: BucketScenario) -> list[str]:
    """Return the secrets that must not be shown."""
    return [scenario.server.environment[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")]


@pytest.mark.parametrize("command", ["restore", "list", "snapshot", "verify", "mirror"])
def test_a_bucket_that_is_not_there_is_10_and_is_not_made(scenario: BucketScenario, command: str) -> None:
    """Buckets are never made by this program."""
    stores = ("s3://no-such-bucket/x", str(scenario.root / "copy")) if command == "mirror" else ()
    result = scenario.run(command, *stores, RESTORE_STORE="s3://no-such-bucket/x")
    assert (result.status, "error: store 's3://no-such-bucket/x': there is no such bucket" in result.stderr) == (
        10,
        True,
    )
    again = scenario.run("list", RESTORE_STORE="s3://no-such-bucket/x")
    assert again.status == 10


def test_a_prefix_where_nothing_is_is_no_store(scenario: BucketScenario) -> None:
    """A prefix with a typing error is not an empty store."""
    scenario.add()
    result = scenario.run("restore", RESTORE_STORE=scenario.harness.name + "x")
    assert result.status == 10
    assert result.stderr.startswith(
        f"error: store '{scenario.harness.name}x' has neither a stamp (README.md) nor a snapshot in it"
    )


@pytest.fixture
def silent_url() -> Iterator[str]:
    """Yield the address of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_store_that_is_away_is_18_and_says_why(
    scenario: BucketScenario, minio: BucketServer, silent_url: str
) -> None:
    """Refused, unknown, no TLS, silent: each has its own words, and none is 'no snapshot'."""
    scenario.add()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ends = {
        "connection refused": f"http://127.0.0.1:{port}",
        "its host name does not resolve": "http://nosuch.invalid",
        "it does not speak TLS": minio.url.replace("http:", "https:"),
        "no answer in time": f"http://{silent_url}",
    }
    found = {
        words: scenario.run("restore", AWS_ENDPOINT_URL=url, RESTORE_STALL_TIMEOUT="1s")
        for words, url in ends.items()
    }
    assert {words: result.status for words, result in found.items()} == dict.fromkeys(ends, 18)
    output = {words: result.stderr.splitlines()[0] for words, result in found.items()}
    assert output == {words: f"error: store '{scenario.harness.name}' cannot be reached: {words}" for words in ends}


def test_an_answer_of_503_is_tried_again_and_then_18(scenario: BucketScenario) -> None:
    """Transient trouble is waited out, for seconds, not for ever."""
    scenario.add()
    scenario.proxy.inject("GET .*list-type", Fault(status=503), times=2)
    assert scenario.run("restore").status == 0
    scenario.proxy.inject("", Fault(status=503))
    result = scenario.run("list")
    assert (result.status, "it answered 503" in result.stderr) == (18, True)


def test_reading_goes_on_where_it_was_cut(scenario: BucketScenario) -> None:
    """A clean early end and a lost connection cost one part, and never a wrong byte."""
    scenario.harness.publish(LARGE, FIRST)
    scenario.proxy.inject(r"GET .*\.snapshot(\?|$)", Fault(cut_answer=1000), times=3)
    scenario.proxy.inject(r"GET .*\.snapshot(\?|$)", Fault(lost=True), times=2)
    assert scenario.harness.read(scenario.harness.open()) == LARGE


def test_a_store_that_is_away_for_a_while_is_waited_for(scenario: BucketScenario) -> None:
    """It is tried for longer than one request, and no longer than a transfer may stand still."""
    scenario.harness.publish(LARGE, FIRST)
    scenario.proxy.inject(r"GET .*\.snapshot(\?|$)", Fault(status=503), times=9)
    assert scenario.harness.read(scenario.harness.open()) == LARGE
    scenario.proxy.inject(r"GET .*\.snapshot(\?|$)", Fault(status=503))
    begin = time.monotonic()
    with pytest.raises(StoreError, match="it answered 503"):
        scenario.harness.read(scenario.harness.open())
    assert time.monotonic() - begin < 40.0


def test_an_early_end_that_looks_clean_is_noticed(scenario: BucketScenario) -> None:
    """The bytes received are compared with the range asked for, whatever the answer says of itself."""
    scenario.harness.publish(LARGE, FIRST)
    scenario.proxy.inject(r"GET .*\.snapshot(\?|$)", Fault(rewrite=lambda body: body[:1000]))
    with pytest.raises(IntegrityError, match="1,000 bytes came where"):
        scenario.harness.read(scenario.harness.open())


def test_a_document_in_a_bucket_that_is_not_there_is_no_missing_document(minio: BucketServer) -> None:
    """A 404 stands for both, and they are told apart."""
    store = make_bucket_harness(minio, at="s3://no-such-bucket/x").open()
    with pytest.raises(NotFoundError, match="there is no such bucket"):
        store.read_document("20261118_101500_0123abcd.set.json")


def test_a_clock_that_is_wrong_is_named(scenario: BucketScenario) -> None:
    """A signature's time is compared by the store; nothing else of ours compares two clocks."""
    scenario.add()
    body = b"<Error><Code>RequestTimeTooSkewed</Code></Error>"
    scenario.proxy.inject("", Fault(status=403, body=body))
    result = scenario.run("restore")
    assert (result.status, "hint: is this machine's clock right?" in result.stderr) == (12, True)


def test_a_snapshot_that_is_replaced_while_it_is_read_is_not_mixed(scenario: BucketScenario) -> None:
    """Whoever writes there without us: the bytes of two files never become one."""
    file = scenario.harness.publish(LARGE, FIRST).file
    store = scenario.harness.open()
    stored = store.find_snapshot("cities")
    assert stored is not None
    with contextlib.closing(store.open_snapshot(stored)) as opened:
        opened.read(10)
        scenario.harness.write(file, LARGE[::-1])
        with pytest.raises(IntegrityError) as caught:
            opened.read()
    assert str(caught.value).endswith("was replaced while it was read")


def receive(scenario: BucketScenario, content: bytes) -> None:
    """Send a snapshot of now into the bucket, up to its manifest."""
    scenario.harness.publish(content, SECOND)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(403, "AccessDenied", AuthError), (400, "InvalidPart", StoreError)],
)
def test_a_part_that_is_refused_ends_the_upload_and_leaves_nothing(
    scenario: BucketScenario, status: int, code: str, error: type[Exception]
) -> None:
    """A status of its own; the old latest stays, and no part is left behind."""
    scenario.harness.publish(b"the old one", FIRST)
    body = f"<Error><Code>{code}</Code></Error>".encode()
    scenario.proxy.inject("PUT .*partNumber=2", Fault(status=status, body=body))
    with pytest.raises(error):
        receive(scenario, LARGE)
    assert scenario.harness.read(scenario.harness.open()) == b"the old one"
    assert [entry.file for entry in scenario.harness.open().list_entries() if entry.kind is Kind.DEBRIS] == []
    assert scenario.proxy.find("DELETE .*uploadId=")


def test_a_bucket_that_is_full_is_15(scenario: BucketScenario) -> None:
    """No room is a status of its own."""
    scenario.proxy.inject(
        r"PUT .*\.snapshot$", Fault(status=507, body=b"<Error><Code>XMinioStorageFull</Code></Error>")
    )
    with pytest.raises(SpaceError) as caught:
        receive(scenario, b"a little")
    assert caught.value.status == 15


@pytest.mark.parametrize("refused", [r"PUT .*partNumber=2", r"POST .*uploads", r"POST .*uploadId"])
def test_a_bucket_that_gets_full_on_the_way_says_so_in_seconds(scenario: BucketScenario, refused: str) -> None:
    """A lost part is sent again for minutes; a part without room for it is not."""
    scenario.harness.publish(b"the old one", FIRST)
    full = Fault(status=507, body=b"<Error><Code>XMinioStorageFull</Code></Error>")

    def fill(_: object) -> None:
        scenario.proxy.inject("PUT", full)

    scenario.proxy.inject(refused, dataclasses.replace(full, before=fill))
    begin = time.monotonic()
    with pytest.raises(SpaceError) as caught:
        receive(scenario, LARGE)
    took = time.monotonic() - begin
    scenario.proxy.reset()
    assert (caught.value.status, took < 20.0) == (15, True)
    assert scenario.harness.read(scenario.harness.open()) == b"the old one"


def test_a_part_that_fails_is_sent_again(scenario: BucketScenario) -> None:
    """The bucket's side cuts and refuses for a while."""
    scenario.proxy.inject("PUT .*partNumber=1", Fault(status=503), times=2)
    scenario.proxy.inject("PUT .*partNumber=2", Fault(cut_request=1000), times=2)
    receive(scenario, LARGE)
    assert scenario.harness.read(scenario.harness.open()) == LARGE


def test_without_its_manifest_nobody_sees_a_snapshot(scenario: BucketScenario) -> None:
    """The manifest is the commit point; the bytes alone are debris, which the next run leaves for an hour."""
    scenario.harness.publish(b"the old one", FIRST)
    scenario.proxy.inject(r"PUT .*\.snapshot\.json", Fault(status=403), times=1)
    with pytest.raises(AuthError):
        receive(scenario, LARGE)
    store = scenario.harness.open()
    bare = "cities_20261119_101500.snapshot"
    assert {entry.file: entry.kind for entry in store.list_entries()}[bare] is Kind.DEBRIS
    assert [store.find_snapshot("cities", bare), store.find_snapshot("cities", "previous")] == [None, None]
    assert scenario.harness.read(store) == b"the old one"
    with store.lock(5.0):
        assert store.remove_debris() == ()
    receive(scenario, b"the new one")
    assert scenario.harness.read(scenario.harness.open()) == b"the new one"


def test_killed_before_the_manifest_leaves_the_old_latest(scenario: BucketScenario) -> None:
    """SIGKILL between the bytes and the manifest that makes them a snapshot."""
    scenario.harness.publish(b"the old one", FIRST)
    script = (
        "import sys; sys.path.insert(0, '.')\n"
        "from restore.stores.bucket.credentials import open_client\n"
        "from restore.stores.bucket.writer import WritableBucketStore\n"
        "from restore.stores.location import parse_location\n"
        "from restore.snapshots.name import SnapshotName\n"
        "import os; from datetime import UTC, datetime\n"
        "location = parse_location(sys.argv[1])\n"
        "shelf = WritableBucketStore(open_client(location, os.environ), location, holder='x', since='y')\n"
        "name = SnapshotName('cities', datetime(2026, 11, 19, 10, 15, tzinfo=UTC))\n"
        "with shelf.lock(5.0), shelf.receive(name) as incoming:\n"
        "    incoming.expect(20_000_000)\n"
        "    incoming.write(b'x' * 20_000_000)\n"
        "    shelf.publish(incoming, name, b'{}')\n"
    )
    hold = RequestHold()
    scenario.proxy.inject(r"PUT .*\.snapshot\.json", Fault(before=hold))
    command = [sys.executable, "-c", script, scenario.harness.name]
    with subprocess.Popen(command, env=make_environment(**scenario.server.environment)) as child:
        assert hold.reached.wait(30)
        child.send_signal(signal.SIGKILL)
    scenario.proxy.reset()
    assert scenario.harness.read(scenario.harness.open()) == b"the old one"
    assert [one.file for one in scenario.harness.open().list_snapshots("cities")] == [
        "cities_20261118_101500.snapshot"
    ]


def test_looking_into_an_archive_reads_little_of_it(scenario: BucketScenario) -> None:
    """Headers and small documents: a few ranges, whatever lies between them."""
    filler = make_large_archive()
    scenario.harness.publish(filler, FIRST)
    store = scenario.harness.open()
    stored = store.find_snapshot("cities")
    assert stored is not None
    with contextlib.closing(store.open_snapshot(stored)) as opened:
        assert isinstance(opened, RangedReader)
        scan_archive(opened, name="large")
        assert (len(filler) > 60_000_000, opened.requests) == (True, 7)


def make_large_archive() -> bytes:
    """Return a collection's archive with six segments of 10 MB each."""
    import io
    import tarfile

    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in [
            ("config.json", b'{"params":{"shard_number":1}}'),
            ("0/wal/open-1", b"x"),
            *((f"0/segments/{number}.tar", bytes(10_000_000)) for number in range(6)),
            ("0/replica_state.json", b'{"is_local":true}'),
        ]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


# --- the lock -------------------------------------------------------------------------------------------------------


def open_lease(scenario: BucketScenario, holder: str, seconds: float = 1.0) -> Lease:
    """Return a lease of a holder."""
    store = scenario.harness.open()
    assert isinstance(store, WritableBucketStore)
    client: BucketClient = store._client  # noqa: SLF001 - the bucket below the store
    return Lease(client, store.key(".lease.json"), holder=holder, since="2026-11-20T10:15:00+00:00", seconds=seconds)


def test_a_living_holder_keeps_its_lease_and_is_named(scenario: BucketScenario) -> None:
    """It is renewed while the holder lives; a waiting run is told the holder, its host and since when."""
    holder = open_lease(scenario, "host-a process 7")
    holder.acquire(0.0, no_op)
    with pytest.raises(LockedError) as caught:
        open_lease(scenario, "host-b process 8").acquire(3.0, no_op)
    assert holder.is_ours()
    holder.release()
    open_lease(scenario, "host-b process 8").acquire(0.0, no_op)
    assert str(caught.value) == (
        f"store '{scenario.harness.name}' is locked by host-a process 7 since 2026-11-20T10:15:00+00:00 (waited 3 s)"
    )


def test_a_dead_holders_lease_is_taken_over_after_its_time(scenario: BucketScenario) -> None:
    """It blocks for at most the lease's length, and the former holder notices that it has lost it."""
    dead = open_lease(scenario, "host-a process 7")
    dead._write(0, None)  # noqa: SLF001 - held, and never renewed, as by a killed process
    new = open_lease(scenario, "host-b process 8")
    new.acquire(30.0, no_op)
    assert not dead._write(1, dead._version)  # noqa: SLF001 - what its thread would have done
    assert new.is_ours()
    new.release()


def test_of_many_who_want_a_lease_one_gets_it(scenario: BucketScenario) -> None:
    """Two hosts on one store: one holder."""
    leases = [open_lease(scenario, f"host-{number}") for number in range(4)]
    got: list[str] = []

    def acquire(lease: Lease) -> None:
        with contextlib.suppress(LockedError):
            lease.acquire(0.0, no_op)
            got.append("got it")

    threads = [threading.Thread(target=acquire, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["got it"]


def test_a_lease_that_could_not_be_renewed_publishes_nothing(scenario: BucketScenario) -> None:
    """A machine that slept through its lease must not write the manifest of what others may have removed."""
    store = scenario.harness.open()
    assert isinstance(store, WritableBucketStore)
    name = SnapshotName("cities", FIRST)
    with store.lock(5.0), store.receive(name) as incoming:
        incoming.write(b"bytes")
        assert store._held_lock is not None  # noqa: SLF001 - what the clock would do in a minute
        store._held_lock._renewed -= 120.0  # noqa: SLF001 - as above
        with pytest.raises(LockedError, match="was lost"):
            store.publish(incoming, name, b"{}")
    assert scenario.harness.open().find_snapshot("cities") is None


# --- the server reads the bucket itself -----------------------------------------------------------------------------


def test_the_server_reads_a_signed_url_first_and_nobody_else_sees_it(scenario: BucketScenario) -> None:
    """Auto: no byte goes through us; the URL's signature stands in no marker, no log and no result."""
    scenario.add()
    with RecordingProxy(scenario.qdrant) as qdrant:
        result = scenario.run("restore", "cities", "--json", "--log-level", "debug", QDRANT_URL=qdrant.url)
        (outcome,) = json.loads(result.stdout)["outcomes"]
        asked = [seen for seen in qdrant.seen if b"X-Amz-Signature" in seen.body]
        assert (result.status, outcome["transfer"], len(qdrant.find("upload"))) == (0, "server-url", 0)
        assert [seen.method for seen in asked] == ["PUT"]
        assert "X-Amz" not in result.stdout + result.stderr


def test_where_urls_are_switched_off_the_snapshot_is_uploaded(scenario: BucketScenario) -> None:
    """Qdrant answers 403 since 1.18.0 where `enable_snapshot_url_recovery` is false; and it repeats the URL."""
    scenario.add()

    said = b'{"status":{"error":"Forbidden: http://host/x?X-Amz-Signature=abc&X-Amz-Date=1 is off"},"time":0}'
    with RecordingProxy(scenario.qdrant) as qdrant:
        qdrant.inject("PUT .*snapshots/recover", Fault(status=403, body=said))
        result = scenario.run("restore", "cities", "--json", QDRANT_URL=qdrant.url)
        (outcome,) = json.loads(result.stdout)["outcomes"]
        assert (result.status, outcome["transfer"]) == (0, "upload")
        only = scenario.run(
            "restore", "cities", "--transfer", "server-url", "--on-existing", "replace", QDRANT_URL=qdrant.url
        )
    assert only.status != 0
    assert "X-Amz" not in result.stdout + result.stderr + only.stdout + only.stderr


@pytest.mark.parametrize("command", ["restore", "snapshot", "list"])
def test_a_signal_ends_a_run_that_waits_for_a_bucket_within_two_seconds(
    scenario: BucketScenario, silent_url: str, command: str
) -> None:
    """Also while a library waits for an answer that never comes."""
    environment = {
        **scenario.server.environment,
        "AWS_ENDPOINT_URL": f"http://{silent_url}",
        "QDRANT_URL": scenario.qdrant,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "restore", command],
        env=make_environment(**environment, RESTORE_STORE=scenario.harness.name),
        cwd=scenario.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        time.sleep(1.5)
        begin = time.monotonic()
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=10)
    assert (running.returncode, time.monotonic() - begin < 2.0) == (143, True)
    assert said.splitlines()[-1] == "error: ended by SIGTERM"
