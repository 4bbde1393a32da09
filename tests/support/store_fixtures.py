"""Fixtures for tests that need bucket servers: each is started once a session; its tests are skipped without it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.bucket_server_installs import AbsentError
from tests.support.bucket_servers import BucketServer, run_azurite, run_fake_gcs, run_minio

Run = Callable[[Path], AbstractContextManager[BucketServer]]


def _serve(run: Run, root: Path) -> Iterator[BucketServer]:
    with contextlib.ExitStack() as running:
        try:
            server = running.enter_context(run(root))
        except AbsentError as error:
            pytest.skip(str(error))
        yield server


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    """Yield MinIO."""
    yield from _serve(run_minio, tmp_path_factory.mktemp("minio"))


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    """Yield fake-gcs-server, with Google's XML API before it."""
    yield from _serve(run_fake_gcs, tmp_path_factory.mktemp("gcs"))


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    """Yield Azurite."""
    yield from _serve(run_azurite, tmp_path_factory.mktemp("azurite"))
