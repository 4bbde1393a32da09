"""Read a collection as far as a comparison needs it."""

from __future__ import annotations

import msgspec

from restore.qdrant.client import Qdrant
from restore.qdrant.model import Broken
from restore.recovery.comparison import Found, Verdict, compare, find_config_differences, promise_from
from restore.recovery.policy import Verify
from restore.recovery.request import Offer, Promise
from restore.snapshots.point_digest import digest_point

# Small, so that a rate limit is met in small steps; the edge waits as `Retry-After` says.
_BATCH = 16


def verify_collection(qdrant: Qdrant, target: str, promise: Promise, depth: Verify) -> Verdict:
    """Compare a collection with what its snapshot promised. Only reads.

    `none` still reads that it is there and answers; `counts` compares points and configuration, `full` also the
    payload and vectors of sampled points.
    """
    info = qdrant.get_collection(target)
    if info is None or isinstance(info, Broken):
        return compare(promise, info, samples_read=False)
    if depth is Verify.NONE:
        return Verdict()
    points = qdrant.count_points(target)
    if points is None or isinstance(points, Broken):
        return compare(promise, points, samples_read=False)
    samples = promise.samples if depth is Verify.FULL else ()
    found = Found(
        info=info, points=points + info.deferred_points, digests=_digest(qdrant, target, [one.id for one in samples])
    )
    return compare(promise, found, samples_read=bool(samples))


def verify_restored(
    qdrant: Qdrant, target: str, offer: Offer, *, keeps_settings: bool, depth: Verify, samples: int, answered: bool
) -> Verdict:
    """Compare a collection with what an offer promises after it was restored. `answered`: the server said so.

    Where the target was missing, its settings are the snapshot's, unless an application created it while the upload
    was under way: the server then recovered onto that collection, whose own settings win. That is told, no failure.
    """
    promise = promise_from(offer, keeps_settings=keeps_settings, samples=samples, answered=answered)
    verdict = verify_collection(qdrant, target, promise, depth)
    if verdict.is_whole or keeps_settings or not _was_created_by_others(qdrant, target, offer):
        return verdict
    kept = verify_collection(qdrant, target, msgspec.structs.replace(promise, keeps_settings=True), depth)
    if not kept.is_whole:
        return verdict
    return Verdict(
        warnings=(
            *kept.warnings,
            f"it was created by somebody else meanwhile and keeps its settings: {verdict.differences[0]}",
        )
    )


def _was_created_by_others(qdrant: Qdrant, target: str, offer: Offer) -> bool:
    """Tell whether a collection was not made of the archive: then its settings are not those in there.

    When they are, and the manifest says otherwise, something is wrong with what was promised.
    """
    info = qdrant.get_collection(target)
    if info is None or isinstance(info, Broken) or offer.archive is None:
        return False
    return bool(find_config_differences(offer.archive.config, {}, info))


def _digest(qdrant: Qdrant, target: str, ids: list[int | str]) -> dict[int | str, str]:
    digests: dict[int | str, str] = {}
    for start in range(0, len(ids), _BATCH):
        for point in qdrant.retrieve_points(target, ids[start : start + _BATCH]):
            digests[point.id] = digest_point(point.payload, point.vector)
    return digests
