"""A bucket of the bench's own: MinIO on loopback, and its vendor's client `mc`, where both are installed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tests.support.bucket_server_installs import MINIO, MINIO_CLIENT, AbsentError, find_go
from tests.support.bucket_servers import run_minio

_ALIAS = "bench"


class Bucket(msgspec.Struct, frozen=True):
    """A bucket that is there for as long as the bench runs. `environment` is what clients of it are given.

    `client` is mc, which knows the bucket as `place`. No key or secret is on any command line.
    """

    url: str
    client: str
    place: str
    environment: dict[str, str]

    def ask(self, *arguments: str) -> str:
        """Run mc to its end; give what it said."""
        command = [self.client, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, **self.environment}
        )
        return done.stdout

    def empty(self, prefix: str) -> None:
        """Remove what lies under a prefix."""
        if self.list_sizes(prefix):
            self.ask("rm", "--quiet", "--recursive", "--force", f"{self.place}/{prefix}/")

    def list_sizes(self, prefix: str) -> list[int]:
        """Give the sizes of the objects under a prefix."""
        told = self.ask("ls", "--json", "--recursive", f"{self.place}/{prefix}/")
        return [found["size"] for line in told.splitlines() if "size" in (found := json.loads(line))]


@contextlib.contextmanager
def open_bucket(work: Path) -> Iterator[Bucket | None]:
    """Give a bucket, whose server ends with the `with`; None, and a note on stderr, where it is not installed."""
    try:
        find_go(MINIO)
        client = find_go(MINIO_CLIENT)
    except AbsentError as absent:
        print(f"left out what needs a bucket: {absent}", file=sys.stderr)
        yield None
        return
    with run_minio(work / "minio") as server:
        name, given = server.make_bucket(), server.environment
        key, secret = given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"]
        reached = f"http://{key}:{secret}@{urlsplit(server.url).netloc}"
        environment = {
            **given,
            "AWS_EC2_METADATA_DISABLED": "true",
            f"MC_HOST_{_ALIAS}": reached,
            "MC_CONFIG_DIR": str(work / "mc"),
        }
        yield Bucket(f"s3://{name}", str(client), f"{_ALIAS}/{name}", environment)
