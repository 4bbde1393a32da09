"""Decide how a snapshot is sent, and what stands before it and after a server said no."""

from restore.errors import QdrantError, RestoreError
from restore.qdrant.collection_names import name_upload
from restore.qdrant.model import UnreadableCollection
from restore.recovery.marker.model import TargetBefore
from restore.recovery.plan import Restore
from restore.recovery.policy_choices import Transfer
from restore.recovery.request import SnapshotCandidate, TransferSource
from restore.recovery.target_state import Absent, AliasOf, Present, Target

_TOOK_NOTHING = frozenset({400, 403, 404, 409})


def make_transfer_source(
    candidate: SnapshotCandidate, target: str, checksum: str, *, server_store: str, by_url: bool = False
) -> TransferSource:
    """Return what is sent. The server is given the resolved file, never the latest pointer.

    `by_url`: the store can sign URLs. Neither a file nor a URL is given for bytes that are packed.
    """
    plain = candidate.stored.in_store and not candidate.stored.encoding
    seen = f"{server_store.rstrip('/')}/{candidate.stored.file}" if server_store and plain and not by_url else ""
    return TransferSource(
        target=target,
        path=candidate.stored.path,
        server_path=seen,
        size=candidate.size,
        checksum=checksum,
        upload_name=name_upload(target),
        by_url=by_url and plain,
    )


def choose_routes(transfer: Transfer, plan: Restore, source: TransferSource) -> tuple[Transfer, ...]:
    """Return the routes to try, in order. After a removal only upload: nothing proves that the server sees a file."""
    match transfer:
        case Transfer.SERVER_FILE | Transfer.SERVER_URL:
            return (transfer,)
        case Transfer.AUTO if source.server_path and not plan.loses_points:
            return (Transfer.SERVER_FILE, Transfer.UPLOAD)
        case Transfer.AUTO if source.by_url and not plan.loses_points:
            return (Transfer.SERVER_URL, Transfer.UPLOAD)
        case _:
            return (Transfer.UPLOAD,)


def is_as_planned(plan: Restore, target: Target) -> bool:
    """Return whether the target still is what the plan was made for, read again just before anything is sent.

    Where data is replaced anyhow, whatever stands there is what the plan was made for.
    """
    match target:
        case AliasOf():
            return False
        case Present(points=points):
            return plan.was is TargetBefore.PRESENT or (
                points == 0 and (plan.was is TargetBefore.EMPTY or plan.delete_first)
            )
        case UnreadableCollection() as broken:
            return plan.was is not TargetBefore.ABSENT or (plan.delete_first and broken.is_half_made)
        case Absent():
            return True


def is_unchanged(plan: Restore, before: Target, after: Target) -> bool:
    """Return whether a server that refused left the target as it was just before it was asked."""
    match before, after:
        case Present(points=were), Present(points=points):
            return plan.was is TargetBefore.PRESENT or points == were
        case _:
            return type(before) is type(after)


def was_created_by_others(error: RestoreError, before: Target, after: Target) -> bool:
    """Return whether an application, and not this restore, is why a missing target is there after a refusal.

    Qdrant answers a recovery with 4xx before it makes anything (1.18.3: 400 no such file, 403 not allowed, 404, 409
    created meanwhile), so what stands there now is the application's.
    """
    took_nothing = isinstance(error, QdrantError) and error.http_status in _TOOK_NOTHING
    return took_nothing and isinstance(before, Absent) and isinstance(after, Present)
