"""Read a collection and compare it with what its snapshot promised."""

import msgspec

from restore.qdrant.client import Qdrant
from restore.qdrant.model import UnreadableCollection
from restore.recovery.comparison import Comparison, Observation, compare, find_config_differences
from restore.recovery.policy_choices import Verify
from restore.recovery.request import Expectation
from restore.snapshots.archive import Archive
from restore.snapshots.point_digest import digest_point

# Small, so that a rate limit is met in small steps; the client waits as `Retry-After` says.
_BATCH = 16


def verify_collection(qdrant: Qdrant, target: str, expectation: Expectation, depth: Verify) -> Comparison:
    """Compare a collection with what its snapshot promised. Only reads.

    `none` reads only that it is there and answers. `counts` compares points and configuration. `full` compares also
    the payload and vectors of sampled points.
    """
    info = qdrant.get_collection(target)
    if info is None or isinstance(info, UnreadableCollection):
        return compare(expectation, info, samples_read=False)
    if depth is Verify.NONE:
        return Comparison()
    points = qdrant.count_points(target)
    if points is None or isinstance(points, UnreadableCollection):
        return compare(expectation, points, samples_read=False)
    samples = expectation.samples if depth is Verify.FULL else ()
    found = Observation(
        info=info, points=points + info.deferred_points, digests=_digest(qdrant, target, [one.id for one in samples])
    )
    return compare(expectation, found, samples_read=bool(samples))


def verify_after_restore(
    qdrant: Qdrant, target: str, expectation: Expectation, depth: Verify, *, archive: Archive | None
) -> Comparison:
    """Compare a collection with what its snapshot promised after it was restored. Only reads.

    Where the target was missing, its settings are the snapshot's. If an application created it during the upload, the
    server recovered onto that collection, which keeps its own settings: a warning, no failure. `archive` is what the
    file showed, None where it was not looked into.
    """
    comparison = verify_collection(qdrant, target, expectation, depth)
    if comparison.is_whole or expectation.keeps_settings or not _was_created_by_others(qdrant, target, archive):
        return comparison
    kept = verify_collection(qdrant, target, msgspec.structs.replace(expectation, keeps_settings=True), depth)
    if not kept.is_whole:
        return comparison
    return Comparison(
        warnings=(
            *kept.warnings,
            f"it was created by another program meanwhile and keeps its settings: {comparison.differences[0]}",
        )
    )


def _was_created_by_others(qdrant: Qdrant, target: str, archive: Archive | None) -> bool:
    """Return whether the collection has other settings than the archive: then it was not made of it.

    When they are, and the manifest says otherwise, the manifest is wrong.
    """
    info = qdrant.get_collection(target)
    if info is None or isinstance(info, UnreadableCollection) or archive is None:
        return False
    return bool(find_config_differences(archive.config, {}, info, unshown_differ=False))


def _digest(qdrant: Qdrant, target: str, ids: list[int | str]) -> dict[int | str, str]:
    digests: dict[int | str, str] = {}
    for start in range(0, len(ids), _BATCH):
        for point in qdrant.retrieve_points(target, ids[start : start + _BATCH]):
            digests[point.id] = digest_point(point.payload, point.vector)
    return digests
