"""What the pages let people type about buckets is typed: on MinIO, fake-gcs-server and Azurite."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from qdrant_embedded.process import EmbeddedQdrant
from restore.stores.bucket.credentials import open_client
from restore.stores.layout import SCHEDULE_FILE
from restore.stores.location import parse_location
from tests.support.bucket_server_installs import AGE_KEYGEN, MINIO_CLIENT, AbsentError, find_go
from tests.support.bucket_servers import BucketServer
from tests.support.open_server import find_free_port
from tests.support.pages import README, list_blocks
from tests.support.program import ROOT
from tests.support.run_serve import receive, write_missed
from tests.support.server_under_test import Server
from tests.support.shell import ScriptResult, Shell, fill
from tests.support.store_fixtures import azurite, fake_gcs, minio

__all__ = ["azurite", "fake_gcs", "minio"]

pytestmark = pytest.mark.xdist_group("buckets")

DOCS = ROOT / "docs"
# Nobody in a test asks a machine of Amazon's or Google's who it is.
AT_HOME = {"AWS_EC2_METADATA_DISABLED": "true"}


def show(page: Path, mark: str) -> str:
    """Return the one block with that mark."""
    (block,) = list_blocks(page, mark)
    return block


def fill_in(shown: str, server: BucketServer, bucket: str) -> str:
    """Put a server's own values in the place of the page's, and before them what a real one need not be told."""
    left = dict(server.environment)

    def put(found: re.Match[str]) -> str:
        name = found[1]
        if name == "RESTORE_STORE":
            return re.sub("://[^/]+/", f"://{bucket}/", found[0])
        return f"export {name}='{left.pop(name)}'" if name in left else ""

    written = re.sub("^export ([A-Z0-9_]+)=.*$", put, shown, flags=re.MULTILINE)
    return "".join(f"export {name}='{value}'\n" for name, value in left.items()) + written


@pytest.fixture
def desk(tmp_path: Path, embedded: EmbeddedQdrant) -> Shell:
    """Return a shell with forty cities in its Qdrant."""
    fill(embedded.url)
    return Shell(tmp_path, embedded.url)


def provide(desk: Shell, module: str) -> None:
    """Let a tool that `make test-stores` installs be a command there."""
    try:
        desk.provide(find_go(module))
    except AbsentError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("provider", "server"), [("s3", "minio"), ("minio", "minio"), ("gs", "fake_gcs"), ("az", "azurite")]
)
def test_the_first_backup_from_nothing(
    provider: str, server: str, desk: Shell, request: pytest.FixtureRequest
) -> None:
    """From an empty bucket to a proven snapshot, with what the page lets people say of each provider."""
    running: BucketServer = request.getfixturevalue(server)
    given = fill_in(show(DOCS / "stores.md", f"from nothing: {provider}"), running, running.make_bucket())

    before = desk.type(f"{given}\nqdrant-restore list", **AT_HOME)
    done = desk.type(f"{given}\n{show(DOCS / 'stores.md', 'from nothing: first backup')}", **AT_HOME)

    assert (before.status, "neither a stamp" in before.output) == (10, True), before.output
    assert done.status == 0, done.output
    assert "; proven: count, schema, 32 sampled points, 5 searches" in done.output
    assert re.search(r"^  cities_\d{8}_\d{6}\.snapshot  latest  ", done.output, re.MULTILINE)


def test_a_bucket_is_made_with_minios_own_client(desk: Shell, minio: BucketServer) -> None:
    """Where the page says how."""
    provide(desk, MINIO_CLIENT)
    environment = minio.environment
    key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    shown = show(DOCS / "stores.md", "from nothing: mc").replace("http://localhost:9000", minio.url)
    typed = shown.replace("minioadmin minioadmin", f"{key} {secret}").replace("my-backups", "made-by-mc")

    done = desk.type(typed, MC_CONFIG_DIR=str(desk.directory / "mc"))

    assert done.status == 0, done.output
    assert open_client(parse_location("s3://made-by-mc/x"), environment).list("x") == ()


@pytest.fixture
def offsite(minio: BucketServer) -> str:
    """Return the name of a bucket for `s3://offsite`."""
    return minio.make_bucket()


def test_a_copy_is_kept_elsewhere_and_falls_in_for_the_first(desk: Shell, minio: BucketServer, offsite: str) -> None:
    """Mirrored, pruned by a rule of its own; the directory is lost, and a restore goes on to the bucket."""
    markers = ("runs: mirror", "runs: mirror by rule", "runs: fallback")
    typed = [show(DOCS / "stores.md", mark).replace("s3://offsite", f"s3://{offsite}") for mark in markers]
    server = Server(desk.url)
    points = server.points("cities")

    copied = desk.type(f"qdrant-restore snapshot\n{typed[0]}{typed[1]}", **minio.environment)
    shutil.rmtree(desk.directory / "qdrant_snapshots")
    server.drop("cities")
    restored = desk.type(typed[2], **minio.environment)

    assert (copied.status, restored.status) == (0, 0), copied.output + restored.output
    assert server.points("cities") == points


def test_a_bucket_holds_what_the_page_shows(desk: Shell, minio: BucketServer) -> None:
    """Each kind of object at its place, and no other."""
    bucket = minio.make_bucket()
    made = desk.type(f"qdrant-restore snapshot --store s3://{bucket}/backups", **minio.environment)
    there = open_client(parse_location(f"s3://{bucket}/backups"), minio.environment).list("backups")
    shown = [line.split()[0] for line in show(DOCS / "stores.md", "said: bucket").splitlines()]

    assert made.status == 0, made.output
    assert sorted(map(_take_out_times, (one.key for one in there))) == sorted(map(_take_out_times, shown))


def _take_out_times(key: str) -> str:
    return re.sub(r"\d{8}_\d{6}(_[0-9a-f]{8})?", "T", key)


REHEARSAL = ("copy", "server", "restore", "again", "onward")


def test_the_rehearsal_works_from_an_encrypted_bucket(tmp_path: Path, minio: BucketServer) -> None:
    """The disaster's page word for word: nothing on the bare machine but the program, the bucket's key and age's."""
    page = DOCS / "disaster-recovery.md"
    bucket = minio.make_bucket()
    with EmbeddedQdrant(tmp_path / "burned") as burned:
        server = fill(burned.url)
        server.alias("towns", "cities")
        before = server.points("cities")
        office = Shell(tmp_path / "office", burned.url)
        provide(office, AGE_KEYGEN)
        made = office.type(
            show(DOCS / "encryption.md", "runs: keys")
            + f"qdrant-restore snapshot --store s3://{bucket}/qdrant --encrypt age --recipients-file recipients.txt",
            **minio.environment,
        )
    reach = fill_in(show(page, "rehearsal: bucket"), minio, bucket)
    key = show(page, "rehearsal: key").replace("cat >", f"cat {tmp_path}/office/backup-key.txt >")
    with EmbeddedQdrant(tmp_path / "new") as new:
        desk = Shell(tmp_path / "bare", new.url)
        keyless = desk.type(f"{reach}\n{show(page, 'rehearsal: copy')}", **AT_HOME)
        said: dict[str, ScriptResult] = {
            step: desk.type(f"{reach}\n{key}\n{show(page, f'rehearsal: {step}')}", **AT_HOME) for step in REHEARSAL
        }
        after = Server(new.url)
        found = (after.collections(), after.points("cities"), after.aliases())

    assert (made.status, keyless.status) == (0, 19), made.output + keyless.output
    assert {step: one.status for step, one in said.items()} == dict.fromkeys(REHEARSAL, 0), said
    assert found == (["cities"], before, {"towns": "cities"})
    assert f"last proven {datetime.now(UTC):%Y-%m-%d}" in said["again"].output


def start_year(desk: Shell, server: BucketServer, told: str) -> tuple[str, subprocess.Popen[str]]:
    """Write the README's settings, with keys as the page on encryption makes them, and start its command.

    What the store remembers is that both jobs were missed, so they run at once. Gives the store and the process.
    """
    store = f"s3://{server.make_bucket()}/qdrant"
    text = show(README, "year: settings")
    (desk.directory / "restore.yaml").write_text(text.replace("s3://backups/qdrant", store), encoding="utf-8")
    (desk.directory / "ping-url.txt").write_text(f"{told}\n", encoding="utf-8")
    keys = desk.type(show(DOCS / "encryption.md", "runs: keys").replace("backup-key.txt", "drill-key.txt"))
    assert keys.status == 0, keys.output
    client = open_client(parse_location(store), server.environment)
    client.put(f"qdrant/{SCHEDULE_FILE}", write_missed(yaml.safe_load(text)["schedule"]))
    running = subprocess.Popen(
        ["sh", "-c", "exec " + show(README, "year: command")],
        cwd=desk.directory,
        env=desk.give(**server.environment, RESTORE_LISTEN=f"127.0.0.1:{find_free_port()}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return store, running


def test_a_year_of_backups_runs(desk: Shell, minio: BucketServer) -> None:
    """Word for word: off the machine, encrypted, pruned by the rule, proven, and somebody is told of each success."""
    provide(desk, AGE_KEYGEN)
    with receive() as receiver:
        store, running = start_year(desk, minio, receiver.url)
        end = time.monotonic() + 60
        while len(receiver.came) < 4 and time.monotonic() < end and running.poll() is None:
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        log, _ = running.communicate(timeout=20)
    there = desk.type(f"qdrant-restore list --store {store}", **minio.environment)
    kept = desk.type(f"qdrant-restore prune --dry-run --store {store}", **minio.environment)

    assert running.returncode == 143, log
    assert [path.partition("?")[0] for path, _ in receiver.came] == ["/start", "/", "/start", "/"], log
    assert re.search(r"\.snapshot\.age  latest  .* checked .*last proven ", there.output), there.output
    assert re.findall(r"(?:daily|weekly|monthly) 1 of \d+", kept.output) == [
        "daily 1 of 7",
        "weekly 1 of 5",
        "monthly 1 of 12",
    ]


def test_a_year_of_backups_is_set_up_in_ten_lines() -> None:
    """Nine and a command, as the README says."""
    settings, command = show(README, "year: settings"), show(README, "year: command")

    assert (len(settings.splitlines()), len(command.splitlines())) == (9, 1)
    assert command.startswith("qdrant-restore serve ")
