"""Decide how a snapshot is sent, and what stands after a server said no."""

from __future__ import annotations

import msgspec

from restore.decisions.plan import Restore
from restore.words.collection import name_upload
from restore.words.look import Absent, Look, Present
from restore.words.mark import Was
from restore.words.offer import Offer
from restore.words.parcel import Parcel
from restore.words.policy import Transfer


class Found(msgspec.Struct, frozen=True):
    """What was planned, and what the target looks like after a refusal."""

    plan: Restore
    look: Look


def name_parcel(offer: Offer, target: str, checksum: str, *, server_store: str) -> Parcel:
    """Say what is sent. The server is given the resolved file, never the latest pointer."""
    seen = f"{server_store.rstrip('/')}/{offer.stored.file}" if server_store and offer.stored.in_store else ""
    return Parcel(
        target=target,
        path=offer.stored.path,
        server_path=seen,
        size=offer.stored.size,
        checksum=checksum,
        upload_name=name_upload(target),
    )


def choose_routes(transfer: Transfer, plan: Restore, parcel: Parcel) -> tuple[Transfer, ...]:
    """Give the ways to try, in order. What was removed first is uploaded: nothing proves that a file is seen."""
    match transfer:
        case Transfer.SERVER_FILE:
            return (Transfer.SERVER_FILE,)
        case Transfer.AUTO if parcel.server_path and not plan.loses_points:
            return (Transfer.SERVER_FILE, Transfer.UPLOAD)
        case _:
            return (Transfer.UPLOAD,)


def stands_as_before(found: Found) -> bool:
    """Tell whether the target is as it was before anything was sent."""
    target = found.look.target
    match found.plan.was:
        case Was.ABSENT:
            return isinstance(target, Absent)
        case Was.EMPTY:
            return isinstance(target, Present) and target.points == 0
        case Was.PRESENT if found.plan.delete_first:
            return False
        case Was.PRESENT:
            return isinstance(target, Present) and target.points == found.plan.points
