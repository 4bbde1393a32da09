"""The table of routes: method, path, required access, endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qdrant_embedded import errors
from qdrant_embedded.api_keys import RequiredAccess
from qdrant_embedded.http.endpoints import aliases, collections, downloads, points, queries, reads, service, snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_embedded.http.request import ApiRequest

COLLECTION = "/collections/{name}"
POINTS = f"{COLLECTION}/points"
SNAPSHOTS = f"{COLLECTION}/snapshots"
SHARD_SNAPSHOTS = f"{COLLECTION}/shards/{{shard}}/snapshots"
METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"]
FREE, READ, MANAGE = RequiredAccess.NOTHING, RequiredAccess.READ, RequiredAccess.MANAGE
ROUTES: tuple[tuple[str, str, RequiredAccess, Callable[[ApiRequest], Any]], ...] = (
    ("GET", "/", FREE, service.root),
    ("GET", "/healthz", FREE, service.healthy),
    ("GET", "/livez", FREE, service.healthy),
    ("GET", "/readyz", FREE, service.ready),
    ("GET", "/metrics", READ, service.metrics),
    ("GET", "/telemetry", READ, service.telemetry),
    ("GET", "/cluster", READ, service.cluster),
    ("GET", "/aliases", READ, aliases.list_all),
    ("POST", "/collections/aliases", MANAGE, aliases.change),
    ("PUT", f"{COLLECTION}/shards", MANAGE, collections.refuse_distributed),
    ("POST", f"{COLLECTION}/shards/delete", MANAGE, collections.refuse_distributed),
    ("POST", f"{COLLECTION}/cluster", MANAGE, collections.refuse_distributed),
    ("GET", "/collections", READ, collections.list_names),
    ("PUT", COLLECTION, MANAGE, collections.create),
    ("GET", COLLECTION, READ, collections.describe),
    ("PATCH", COLLECTION, MANAGE, collections.patch),
    ("DELETE", COLLECTION, MANAGE, collections.delete),
    ("GET", f"{COLLECTION}/exists", READ, collections.exists),
    ("GET", f"{COLLECTION}/cluster", READ, collections.cluster),
    ("GET", f"{COLLECTION}/aliases", READ, aliases.list_of_collection),
    ("PUT", f"{COLLECTION}/index", MANAGE, collections.create_index),
    ("DELETE", f"{COLLECTION}/index/{{field}}", MANAGE, collections.delete_index),
    ("PUT", POINTS, MANAGE, points.make_endpoint(points.upsert)),
    ("POST", POINTS, READ, reads.retrieve),
    ("GET", f"{POINTS}/{{id}}", READ, reads.point),
    ("POST", f"{POINTS}/count", READ, reads.count),
    ("POST", f"{POINTS}/scroll", READ, reads.scroll),
    ("POST", f"{POINTS}/delete", MANAGE, points.make_endpoint(points.delete)),
    ("POST", f"{POINTS}/payload", MANAGE, points.make_endpoint(points.set_payload)),
    ("PUT", f"{POINTS}/payload", MANAGE, points.make_endpoint(points.overwrite_payload)),
    ("POST", f"{POINTS}/payload/delete", MANAGE, points.make_endpoint(points.delete_payload)),
    ("POST", f"{POINTS}/payload/clear", MANAGE, points.make_endpoint(points.clear_payload)),
    ("PUT", f"{POINTS}/vectors", MANAGE, points.make_endpoint(points.update_vectors)),
    ("POST", f"{POINTS}/vectors/delete", MANAGE, points.make_endpoint(points.delete_vectors)),
    ("POST", f"{POINTS}/batch", MANAGE, points.batch),
    ("POST", f"{POINTS}/query", READ, queries.query),
    ("POST", f"{POINTS}/query/batch", READ, queries.query_batch),
    ("POST", f"{POINTS}/search", READ, queries.search),
    ("POST", f"{COLLECTION}/facet", READ, queries.facet),
    ("GET", SNAPSHOTS, READ, snapshots.list_snapshots),
    ("POST", SNAPSHOTS, MANAGE, snapshots.create),
    ("PUT", f"{SNAPSHOTS}/recover", MANAGE, snapshots.recover),
    ("GET", f"{SNAPSHOTS}/{{snapshot}}", READ, downloads.download),
    ("DELETE", f"{SNAPSHOTS}/{{snapshot}}", MANAGE, snapshots.delete),
    ("GET", SHARD_SNAPSHOTS, READ, snapshots.list_snapshots),
    ("POST", SHARD_SNAPSHOTS, MANAGE, snapshots.create_of_shard),
    ("GET", f"{SHARD_SNAPSHOTS}/{{snapshot}}", READ, downloads.download),
    ("DELETE", f"{SHARD_SNAPSHOTS}/{{snapshot}}", MANAGE, snapshots.delete),
    ("GET", "/snapshots", READ, snapshots.list_snapshots),
    ("POST", "/snapshots", MANAGE, snapshots.create_of_everything),
    ("GET", "/snapshots/{snapshot}", READ, downloads.download),
    ("DELETE", "/snapshots/{snapshot}", MANAGE, snapshots.delete),
)
NOT_EMULATED = (
    f"{COLLECTION}/shards{{rest:path}}",
    f"{COLLECTION}/optimizations",
    f"{POINTS}/query/groups",
    f"{POINTS}/search/{{kind:path}}",
    f"{POINTS}/recommend{{rest:path}}",
    f"{POINTS}/discover{{rest:path}}",
    "/cluster/{rest:path}",
    "/issues",
)
"""Paths that a real server has and the emulation answers with 501; an unknown path gets a 404."""


def refuse_not_emulated(request: ApiRequest) -> None:
    """Raise ApiError 501."""
    raise errors.not_emulated(request.line)
