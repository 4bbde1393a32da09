"""Choose a few points of a collection, spread over its ids, and read their digests."""

from __future__ import annotations

import uuid

from restore.qdrant.client import Qdrant
from restore.snapshots.manifest import Sample
from restore.snapshots.point_digest import digest_point

_BATCH = 8


def sample_points(qdrant: Qdrant, collection: str, *, count: int, points: int) -> tuple[Sample, ...]:
    """Read at most `count` points of a collection that has about `points`: ids and digests, in the order read."""
    ids: dict[int | str, None] = {}
    for offset in _spread_offsets(count, points):
        if len(ids) < count:
            found, _ = qdrant.scroll_points(collection, limit=1, offset=offset)
            ids.update(dict.fromkeys(found))
    if len(ids) < count:
        # Ids that are neither dense nor UUIDs: the first ones are better than none.
        found, _ = qdrant.scroll_points(collection, limit=count)
        ids.update(dict.fromkeys(found))
    return _read_digests(qdrant, collection, list(ids)[:count])


def keep_unchanged(qdrant: Qdrant, collection: str, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Read the points of these samples once more; give those whose digest is the same."""
    again = set(_read_digests(qdrant, collection, [sample.id for sample in samples]))
    return tuple(sample for sample in samples if sample in again)


def _spread_offsets(count: int, points: int) -> list[int | str]:
    """Give places to look from: numbers from 0 to `points`, then UUIDs over their whole room, half and half."""
    half = max(count // 2, 1)
    numbers: list[int | str] = [step * max(points, 1) // half for step in range(half)]
    return numbers + [str(uuid.UUID(int=step * (1 << 128) // half)) for step in range(half)]


def _read_digests(qdrant: Qdrant, collection: str, ids: list[int | str]) -> tuple[Sample, ...]:
    batches = (ids[begin : begin + _BATCH] for begin in range(0, len(ids), _BATCH))
    points = (point for batch in batches for point in qdrant.retrieve_points(collection, batch))
    return tuple(Sample(point.id, digest_point(point.payload, point.vector)) for point in points)
