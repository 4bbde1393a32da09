"""From Qdrant into a bucket and back in one stream: cut at any byte on either side, and with no file in between."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.stores.conftest import BucketScenario
from tests.support.program import make_environment
from tests.support.recording_proxy import Fault, RecordingProxy
from tests.support.server_under_test import Server

pytestmark = pytest.mark.xdist_group("buckets")

POINTS, SIZE = 3000, 512
CHANCE = random.Random(20261120)  # noqa: S311 - the same places every time
CUTS = [CHANCE.randrange(1, 1_500_000) for _ in range(3)]
PACKED = {"plain": (), "zstd": ("--compress", "zstd")}


@pytest.fixture
def qdrant(scenario: BucketScenario) -> Iterator[RecordingProxy]:
    """Yield a proxy before a Qdrant with a collection whose snapshot has several parts of an upload."""
    server = Server(scenario.qdrant)
    server.create("cities", vectors={"size": SIZE, "distance": "Dot"})
    chance = random.Random(7)  # noqa: S311 - bytes that do not compress
    for begin in range(0, POINTS, 500):
        points = [
            {"id": number, "vector": [chance.random() for _ in range(SIZE)], "payload": {"name": str(number)}}
            for number in range(begin, begin + 500)
        ]
        server.ask("PUT", "/collections/cities/points?wait=true", {"points": points}).result  # noqa: B018 - it asserts
    with RecordingProxy(scenario.qdrant) as proxy:
        yield proxy


def take(scenario: BucketScenario, qdrant: RecordingProxy, *arguments: str) -> str:
    """Take a snapshot into the bucket and return its file, once the bytes there are what the server sent."""
    run_result = scenario.run("snapshot", "cities", "--json", *arguments, QDRANT_URL=qdrant.url)
    assert run_result.status == 0, run_result
    (outcome,) = json.loads(run_result.stdout)["outcomes"]
    content = scenario.harness.read(scenario.harness.open(), selector=outcome["snapshot"]) or b""
    assert (len(content) > 6_000_000, hashlib.sha256(content).hexdigest()) == (True, outcome["sha256"])
    return str(outcome["snapshot"])


@pytest.mark.parametrize("packed", PACKED)
def test_a_snapshot_cut_on_both_sides_is_the_servers_byte_by_byte(
    scenario: BucketScenario, qdrant: RecordingProxy, packed: str
) -> None:
    """The download goes on where it was cut, and each cut part of the upload is sent again."""
    for cut in CUTS:
        qdrant.inject(r"GET .*/snapshots/[^?]+", Fault(cut_answer=cut), times=1)
    scenario.proxy.inject(r"PUT .*partNumber=1", Fault(cut_request=CUTS[0] // 2), times=1)
    scenario.proxy.inject(r"PUT .*partNumber=2", Fault(lost=True), times=1)
    take(scenario, qdrant, *PACKED[packed])
    assert len(qdrant.find(r"GET .*/snapshots/[^?]+")) == 1 + len(CUTS)
    assert len(scenario.proxy.find(r"PUT .*partNumber=1")) == 2


@pytest.mark.parametrize("packed", PACKED)
def test_a_restore_cut_on_the_buckets_side_brings_back_every_point(
    scenario: BucketScenario, qdrant: RecordingProxy, packed: str
) -> None:
    """Ranges that were cut are asked for again while the upload to Qdrant goes on."""
    take(scenario, qdrant, *PACKED[packed])
    server = Server(scenario.qdrant)
    before = server.points("cities")
    server.drop("cities")
    for cut in CUTS:
        scenario.proxy.inject(r"GET .*\.snapshot", Fault(cut_answer=cut % 60_000), times=1)
    run_result = scenario.run("restore", "cities", "--transfer", "upload", "--json", QDRANT_URL=qdrant.url)
    (outcome,) = json.loads(run_result.stdout)["outcomes"]
    assert (run_result.status, outcome["transfer"], outcome["points"]) == (0, "upload", POINTS)
    assert server.points("cities") == before


def test_a_restore_cut_on_the_servers_side_sends_it_once_more(
    scenario: BucketScenario, qdrant: RecordingProxy
) -> None:
    """The connection is lost in the middle of the upload: it is found out what came of it, and sent again."""
    take(scenario, qdrant)
    server = Server(scenario.qdrant)
    server.drop("cities")
    qdrant.inject("POST .*/snapshots/upload", Fault(cut_request=CUTS[1]), times=1)
    run_result = scenario.run("restore", "cities", "--transfer", "upload", "--json", QDRANT_URL=qdrant.url)
    (outcome,) = json.loads(run_result.stdout)["outcomes"]
    assert (run_result.status, outcome["points"], len(qdrant.find("POST .*/snapshots/upload"))) == (0, POINTS, 2)


WRITES = re.compile(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)", [^)]*(?:O_WRONLY|O_RDWR|O_CREAT)|(memfd_create)\(')


def test_no_file_is_written_on_the_way(scenario: BucketScenario, qdrant: RecordingProxy) -> None:
    """Into the bucket, packed, and back: no temporary file, neither here nor elsewhere (strace sees every open)."""
    if not shutil.which("strace"):
        pytest.skip("strace, which sees every file that is opened, is not installed")
    given = {
        **scenario.server.environment,
        "QDRANT_URL": qdrant.url,
        "RESTORE_STORE": scenario.harness.name,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(scenario.root),
    }
    before = sorted(scenario.root.iterdir())
    written: list[tuple[str, ...]] = []
    for arguments in (
        ("snapshot", "cities", "--compress", "zstd"),
        ("restore", "cities", "--to", "back", "--transfer", "upload"),
    ):
        seen = scenario.root.parent / f"{scenario.root.name}-{arguments[0]}.strace"
        command = ["strace", "-f", "-qq", "-s", "200", "-o", str(seen), "-e", "trace=open,openat,creat,memfd_create"]
        run_result = subprocess.run(
            [*command, sys.executable, "-m", "restore", *arguments],
            env=make_environment(**given),
            cwd=scenario.root,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert run_result.returncode == 0, run_result.stderr
        written += WRITES.findall(seen.read_text(errors="replace"))
    assert [one for one in written if not one[0].startswith(("/dev/", "/proc/"))] == []
    assert sorted(scenario.root.iterdir()) == before
