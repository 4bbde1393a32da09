"""Stores of every kind, for the contract that they share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.store_fixtures import azurite, fake_gcs, minio
from tests.support.store_harness import Kept, keep_bucket, keep_directory

__all__ = ["azurite", "fake_gcs", "minio"]


@pytest.fixture(params=["directory", "minio", "fake_gcs", "azurite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """Give an empty store of a test's own: a directory, then one in a bucket of each kind."""
    if request.param == "directory":
        return keep_directory(tmp_path / "store")
    return keep_bucket(request.getfixturevalue(request.param))
