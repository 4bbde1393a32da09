"""Stores of every kind, for the contract that they share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.store_fixtures import azurite, fake_gcs, minio
from tests.support.store_harness import StoreHarness, make_bucket_harness, make_directory_harness

__all__ = ["azurite", "fake_gcs", "minio"]


@pytest.fixture(params=["directory", "minio", "fake_gcs", "azurite"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> StoreHarness:
    """Return an empty store of a test's own: a directory, then one in a bucket of each kind."""
    if request.param == "directory":
        return make_directory_harness(tmp_path / "store")
    return make_bucket_harness(request.getfixturevalue(request.param))
