"""The row `bucket`: into a bucket and out of it, against curl and the vendor's own client one after the other."""

from __future__ import annotations

import shlex

from bench import commands
from bench.commands import Stored, run_script
from bench.contest import Contest, Contestant
from bench.ground import Ground
from bench.minio import Bucket
from bench.results import Ratio
from bench.rows import empty, expect_sizes, hold

_FRESH, _KEPT = "fresh", "kept"
_CURL = "curl and mc"
_UPLOAD, _URL = "upload", "server url"


def measure_bucket(ground: Ground, bucket: Bucket, stored: Stored, rounds: int) -> list[Ratio]:
    """Snapshot into the bucket, then restore from it."""
    ratios = _measure_snapshots(ground, bucket, stored, rounds)
    for path in (stored.path, stored.path.with_name(f"{stored.path.name}.json")):
        bucket.ask("put", "--quiet", str(path), f"{bucket.place}/{_KEPT}/{stored.source.name}/{path.name}")
    ratios += _measure_restores(ground, bucket, stored, rounds)
    bucket.empty(_KEPT)
    return ratios


def _measure_snapshots(ground: Ground, bucket: Bucket, stored: Stored, rounds: int) -> list[Ratio]:
    source, passing = stored.source, ground.work / "passing"
    file = passing / "curl.snapshot"
    send = shlex.join([bucket.client, "put", "--quiet", str(file), f"{bucket.place}/{_FRESH}/curl.snapshot"])

    def prepare() -> None:
        bucket.empty(_FRESH)
        empty(ground, passing, [source])

    contest = Contest(
        title="snapshot into a bucket",
        contestants=(
            Contestant("ours", commands.snapshot_ours([source], f"{bucket.url}/{_FRESH}")),
            Contestant(_CURL, run_script(commands.fetch_with_curl(ground, source, file), send)),
        ),
        prepare=prepare,
        check=lambda: expect_sizes(bucket.list_sizes(_FRESH), [stored]),
    )
    found = hold(contest, rounds, ground)
    prepare()
    return [Ratio(contest=contest.title, ours=found["ours"], against=found[_CURL])]


def _measure_restores(ground: Ground, bucket: Bucket, stored: Stored, rounds: int) -> list[Ratio]:
    kept = f"{bucket.url}/{_KEPT}"
    ways = {_UPLOAD: "upload"}
    if not ground.server.embedded:
        # The server reads a signed URL by itself.
        ways[_URL] = "server-url"
    ours = [Contestant(name, commands.restore_ours(ground, stored, way, store=kept)) for name, way in ways.items()]
    contest = Contest(
        title="restore from a bucket",
        contestants=(*ours, Contestant(_CURL, _restore_with_client(ground, bucket, stored))),
        prepare=ground.remove_target,
        check=lambda: ground.expect(ground.target, stored.source.points),
    )
    found = hold(contest, rounds, ground)
    ground.remove_target()
    (ground.work / "passing" / "mc.snapshot").unlink()
    return [
        Ratio(contest=contest.title, way=f"by {one.name}", ours=found[one.name], against=found[_CURL]) for one in ours
    ]


def _restore_with_client(ground: Ground, bucket: Bucket, stored: Stored) -> list[str]:
    """Get a file with mc, upload it with curl, and make the same reads."""
    file = ground.work / "passing" / "mc.snapshot"
    held = f"{bucket.place}/{_KEPT}/{stored.source.name}/{stored.path.name}"
    get = shlex.join([bucket.client, "get", "--quiet", held, str(file)])
    return run_script(get, shlex.join(commands.restore_with_curl(ground, stored, file=file)))
