"""A bucket has no pointers: what is told to be the latest is what a restore would take."""

import pytest

from restore.errors import RefusedError
from tests.support.run_publish import FIRST, SECOND, THIRD
from tests.support.store_harness import make_memory_harness

FUTURE = THIRD.replace(year=2099)


@pytest.mark.parametrize("damaged", [b"{", b""])
def test_a_broken_manifest_of_the_future_stays_the_latest_and_is_told(damaged: bytes) -> None:
    """Every restore would take it, so a new snapshot is kept and does not become the latest."""
    harness = make_memory_harness()
    harness.publish(b"one", FIRST)
    broken = harness.publish(b"two", FUTURE).file
    harness.write(f"{broken}.json", damaged)
    published = harness.publish(b"three", SECOND)
    latest = harness.open().find_snapshot("cities")

    assert isinstance(published.hindrance, RefusedError)
    assert published.hindrance.left == f"'{published.file}' is kept, latest stays '{broken}'"
    assert latest is not None
    assert latest.file == broken


def test_a_broken_manifest_of_the_past_hinders_nothing() -> None:
    """The newer one is taken by the next restore."""
    harness = make_memory_harness()
    broken = harness.publish(b"one", FIRST).file
    harness.write(f"{broken}.json", b"{")
    published = harness.publish(b"two", SECOND)

    assert published.hindrance is None
    assert harness.read(harness.open()) == b"two"
