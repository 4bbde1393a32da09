"""How a snapshot is sent, and what may still be sent to."""

from __future__ import annotations

import pytest

from restore.qdrant.model import UnreadableCollection
from restore.recovery.marker.model import TargetBefore
from restore.recovery.plan import Restore
from restore.recovery.policy_choices import Transfer
from restore.recovery.request import SnapshotCandidate, TransferSource
from restore.recovery.target_state import Absent, AliasOf, Present, Target
from restore.recovery.transfer.routes import choose_routes, is_as_planned, is_unchanged, make_transfer_source
from restore.snapshots.stored import StoredSnapshot
from tests.pure.recovery.test_plan import make_info

EMPTY, FILLED, MORE = Present(0, make_info()), Present(7, make_info()), Present(9, make_info())
DIRTY, BROKEN = UnreadableCollection("Dirty shard"), UnreadableCollection("Too many open files")
ABSENT = Restore(was=TargetBefore.ABSENT)
HALF_MADE = Restore(was=TargetBefore.ABSENT, delete_first=True)
ONTO_EMPTY = Restore(was=TargetBefore.EMPTY)
ONTO_POINTS = Restore(was=TargetBefore.PRESENT, points=7)
INSTEAD = Restore(was=TargetBefore.PRESENT, points=7, delete_first=True)


def make_parcel(server_path: str = "/seen/file") -> TransferSource:
    """Return a source for a transfer."""
    return TransferSource(
        target="cities", path="/s/file", server_path=server_path, size=1, checksum="", upload_name="u"
    )


@pytest.mark.parametrize(
    ("transfer", "plan", "server_path", "routes"),
    [
        (Transfer.AUTO, ABSENT, "/seen/file", (Transfer.SERVER_FILE, Transfer.UPLOAD)),
        (Transfer.AUTO, ONTO_POINTS, "/seen/file", (Transfer.SERVER_FILE, Transfer.UPLOAD)),
        (Transfer.AUTO, ABSENT, "", (Transfer.UPLOAD,)),
        (Transfer.AUTO, INSTEAD, "/seen/file", (Transfer.UPLOAD,)),
        (Transfer.UPLOAD, ABSENT, "/seen/file", (Transfer.UPLOAD,)),
        (Transfer.SERVER_FILE, ABSENT, "/seen/file", (Transfer.SERVER_FILE,)),
    ],
)
def test_the_routes_are_tried_in_order(
    transfer: Transfer, plan: Restore, server_path: str, routes: tuple[Transfer, ...]
) -> None:
    """The server's own file first; where a collection was removed before, only what is sure to arrive."""
    assert choose_routes(transfer, plan, make_parcel(server_path)) == routes


@pytest.mark.parametrize(
    ("plan", "fits", "fits_not"),
    [
        (ABSENT, [Absent()], [EMPTY, FILLED, DIRTY, BROKEN, AliasOf("towns")]),
        (HALF_MADE, [Absent(), EMPTY, DIRTY], [FILLED, BROKEN, AliasOf("towns")]),
        (ONTO_EMPTY, [Absent(), EMPTY, DIRTY, BROKEN], [FILLED, AliasOf("towns")]),
        (ONTO_POINTS, [Absent(), EMPTY, FILLED, MORE, DIRTY, BROKEN], [AliasOf("towns")]),
        (INSTEAD, [Absent(), EMPTY, FILLED, MORE, DIRTY, BROKEN], [AliasOf("towns")]),
    ],
)
def test_a_plan_holds_only_for_what_it_was_made_for(
    plan: Restore, fits: list[Target], fits_not: list[Target]
) -> None:
    """Rule 5: looked at once more before the first byte; points that came meanwhile are nobody's to overwrite."""
    assert [is_as_planned(plan, target) for target in fits] == [True] * len(fits)
    assert [is_as_planned(plan, target) for target in fits_not] == [False] * len(fits_not)


@pytest.mark.parametrize(
    ("plan", "before", "same", "other"),
    [
        (ABSENT, Absent(), [Absent()], [EMPTY, FILLED, DIRTY]),
        (ONTO_EMPTY, EMPTY, [EMPTY], [Absent(), FILLED, DIRTY]),
        (ONTO_EMPTY, DIRTY, [DIRTY], [Absent(), EMPTY, FILLED]),
        (ONTO_POINTS, FILLED, [FILLED, MORE], [Absent(), DIRTY]),
        (INSTEAD, Absent(), [Absent()], [EMPTY, FILLED, DIRTY]),
    ],
)
def test_after_a_refusal_the_target_must_be_as_it_was(
    plan: Restore, before: Target, same: list[Target], other: list[Target]
) -> None:
    """Rule 5: only then the second route is tried; a replaced collection's writers do not count."""
    assert [is_unchanged(plan, before, after) for after in same] == [True] * len(same)
    assert [is_unchanged(plan, before, after) for after in other] == [False] * len(other)


@pytest.mark.parametrize(
    ("server_store", "in_store", "server_path"),
    [
        ("/seen", True, "/seen/cities_20261120_120000.snapshot"),
        ("/seen/", True, "/seen/cities_20261120_120000.snapshot"),
        ("", True, ""),
        ("/seen", False, ""),
    ],
)
def test_the_server_is_given_the_file_and_never_the_pointer(
    server_store: str, in_store: int, server_path: str
) -> None:
    """Rule 5: the resolved name; a file outside the store is nothing that the server sees."""
    stored = StoredSnapshot(
        collection="cities",
        file="cities_20261120_120000.snapshot",
        path="/store/cities_20261120_120000.snapshot",
        size=7,
        in_store=bool(in_store),
        latest=True,
    )
    source = make_transfer_source(SnapshotCandidate(stored=stored), "copy", "0" * 64, server_store=server_store)
    assert source == TransferSource(
        target="copy",
        path="/store/cities_20261120_120000.snapshot",
        server_path=server_path,
        size=7,
        checksum="0" * 64,
        upload_name=".restoring-6f5a6034e770acbf.snapshot",
    )
