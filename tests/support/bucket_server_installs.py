"""Bucket servers for the tests: installed once from the package registries, outside the repository.

Each is built or fetched by its own toolchain into a cache directory, pinned, and found there the next time. Only
`python -m tests.support.bucket_server_installs` (`make test-stores`) installs: a test that needs a server which is
not there is skipped with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import filelock

MINIO = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
MINIO_CLIENT = "github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9"
FAKE_GCS = "github.com/fsouza/fake-gcs-server@v1.56.1"
AZURITE = "azurite@3.37.0"
# Not servers: what people open encrypted snapshots with, without this program.
AGE = "filippo.io/age/cmd/age@v1.2.1"
AGE_KEYGEN = "filippo.io/age/cmd/age-keygen@v1.2.1"
# What checks the workflows.
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
# A first build of MinIO takes five minutes on two cores.
_BUILD_SECONDS = 1500.0


class AbsentError(Exception):
    """A server cannot be had here; says why, in one line."""


def find_cache() -> Path:
    """Return the directory where installed servers are kept, made when it is not there."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(home) / "qdrant-restore-tests"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def find_go(module: str, *, install: bool = False) -> Path:
    """Return the program of a Go module; `install` builds it when it is not there. Raises `AbsentError`."""
    name = module.rpartition("@")[0].rpartition("/")[2]
    target = find_cache() / "bin" / name

    def build(place: Path) -> None:
        if not shutil.which("go"):
            raise AbsentError(f"{name} is built with go, which is not installed here")
        environment = {**os.environ, "GOBIN": str(place), "GOFLAGS": "-trimpath -buildvcs=false"}
        _run(["nice", "go", "install", module], name, environment)
        target.parent.mkdir(exist_ok=True)
        (place / name).rename(target)

    return _find(name, target, build if install else None)


def find_npm(package: str, program: str, *, install: bool = False) -> Path:
    """Return a program of an npm package; `install` fetches it when it is not there. Raises `AbsentError`."""
    name = package.rpartition("@")[0]
    home = find_cache() / name

    def fetch(place: Path) -> None:
        if not shutil.which("npm"):
            raise AbsentError(f"{name} is fetched with npm, which is not installed here")
        _run(["npm", "install", "--prefix", str(place), "--no-audit", "--no-fund", package], name, dict(os.environ))
        shutil.rmtree(home, ignore_errors=True)
        place.rename(home)

    return _find(name, home / "node_modules" / ".bin" / program, fetch if install else None)


def _find(name: str, target: Path, install: Callable[[Path], None] | None) -> Path:
    """Return the program. What is being installed is not there for anybody else before it is whole."""
    if target.exists():
        return target
    if install is None:
        raise AbsentError(f"{name} is not installed; make test-stores does it")
    with filelock.FileLock(find_cache() / f"{name}.lock"):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=find_cache(), ignore_cleanup_errors=True) as place:
                install(Path(place))
    return target


def _run(command: list[str], name: str, environment: dict[str, str]) -> None:
    try:
        result = subprocess.run(
            command, cwd="/", env=environment, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AbsentError(f"{name} could not be installed: {error}") from error
    if result.returncode:
        last = result.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise AbsentError(f"{name} could not be installed: {last[0]}")


def main() -> None:
    """Install every server whose toolchain is there; say in a line each what is missing."""
    wanted = [partial(find_go, module) for module in (ACTIONLINT, MINIO, MINIO_CLIENT, FAKE_GCS, AGE, AGE_KEYGEN)]
    for find in (*wanted, partial(find_npm, AZURITE, "azurite-blob")):
        try:
            print(find(install=True))  # noqa: T201 - a step of make says what it did
        except AbsentError as error:
            print(f"test-stores: {error}")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
