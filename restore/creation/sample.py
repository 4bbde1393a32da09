"""Digests of a few points of a collection, spread over its ids."""

import uuid

from restore.qdrant.client import Qdrant
from restore.snapshots.manifest import Sample
from restore.snapshots.point_digest import digest_point

_BATCH = 8


def sample_points(qdrant: Qdrant, collection: str, *, count: int, points: int) -> tuple[Sample, ...]:
    """Return ids and digests of at most `count` points of a collection that has about `points`, as read."""
    ids: dict[int | str, None] = {}
    for offset in _spread_offsets(count, points):
        if len(ids) < count:
            found, _ = qdrant.scroll_points(collection, limit=1, offset=offset)
            ids.update(dict.fromkeys(found))
    if len(ids) < count:
        # Ids that are neither dense nor UUIDs: the first points are better than none.
        found, _ = qdrant.scroll_points(collection, limit=count)
        ids.update(dict.fromkeys(found))
    return _read_digests(qdrant, collection, list(ids)[:count])


def keep_unchanged(qdrant: Qdrant, collection: str, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Read the points of these samples once more. Return the samples with an equal digest."""
    again = set(_read_digests(qdrant, collection, [sample.id for sample in samples]))
    return tuple(sample for sample in samples if sample in again)


def _spread_offsets(count: int, points: int) -> list[int | str]:
    """Return ids to scroll from: half of them numbers up to `points`, half UUIDs over their whole range."""
    half = max(count // 2, 1)
    numbers: list[int | str] = [step * max(points, 1) // half for step in range(half)]
    return numbers + [str(uuid.UUID(int=step * (1 << 128) // half)) for step in range(half)]


def _read_digests(qdrant: Qdrant, collection: str, ids: list[int | str]) -> tuple[Sample, ...]:
    batches = (ids[begin : begin + _BATCH] for begin in range(0, len(ids), _BATCH))
    points = (point for batch in batches for point in qdrant.retrieve_points(collection, batch))
    return tuple(Sample(point.id, digest_point(point.payload, point.vector)) for point in points)
