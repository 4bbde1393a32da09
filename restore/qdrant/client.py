"""Qdrant's HTTP API: the server, its collections and points, and by inheritance its snapshots.

No policy: what a response means for a restore is decided elsewhere.
"""

import ssl
from collections.abc import Callable
from typing import Any, Self

import msgspec

from restore.errors import AuthError, QdrantError
from restore.qdrant.model import (
    CollectionInfo,
    CollectionLimit,
    Point,
    RunningOperations,
    SearchHit,
    ServerRoom,
    ShardUpdates,
    UnreadableCollection,
)
from restore.qdrant.snapshot_api import SnapshotApi
from restore.qdrant.transport.connection import Connection
from restore.qdrant.transport.exchange import READ_SECONDS, Request
from restore.qdrant.transport.proxy import Proxy
from restore.qdrant.transport.requests import NOT_FOUND, NOT_UNDERSTOOD, OK, Result, make_path
from restore.qdrant.transport.responses import read_info, summarise_response
from restore.qdrant.url import redact_url
from restore.qdrant.version import Version, parse_version
from restore.system.events import no_op
from restore.system.files import read_named_file

_LONG_SECONDS = 24 * 3600.0
_PROXY_LOGIN = 407
_CONFLICT = 409
_REFUSED = frozenset({401, 403})
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
_ABOUT_ONE = frozenset({NOT_FOUND, 500})


class Qdrant(SnapshotApi):
    """A client of one Qdrant server, for one thread: another thread uses a `clone`."""

    def clone(self, *, check_stop: Callable[[], None] = no_op) -> Self:
        """Return a second client of the same server, for another thread; `check_stop` is that thread's."""
        return type(self)(self._connection.clone(check_stop=check_stop))

    def check_stop(self) -> None:
        """Raise `Interrupted` when the thread of this client is asked to end."""
        self._connection.check_stop()

    def interrupt(self) -> None:
        """Shut the connection, so that the client waits for no response any more. Any thread may call this."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # --- the server -----------------------------------------------------------------------------------------

    def require_ready(self, *, seconds: float = 5.0) -> None:
        """Ask `/readyz` once. Raise `QdrantError` when it is not ready, `permanent` where waiting cannot help."""
        response = self._connection.request(Request(method="GET", path="/readyz", seconds=seconds))
        if response.status in _REFUSED:
            raise AuthError(
                f"Qdrant at {self.url} answered {response.status} to /readyz, which needs no key",
                hint="is a proxy or a login page in front of it? give the server's own address",
            )
        if response.status == _PROXY_LOGIN:
            raise QdrantError(
                f"before Qdrant at {self.url} a proxy asks for a user and a password (407)",
                hint="give them as http://USER:PASSWORD@HOST:PORT in HTTP_PROXY; NO_PROXY leads past it",
                http_status=response.status,
                permanent=True,
            )
        if response.status == NOT_FOUND:
            raise self._foreign_error(response, "/readyz")
        if response.status in _ELSEWHERE:
            raise QdrantError(
                f"Qdrant at {self.url} is said to be elsewhere: {redact_url(response.headers.get('location', '?'))}",
                hint="a proxy redirects: give the address that it leads to, without /readyz, as QDRANT_URL",
                http_status=response.status,
                permanent=True,
            )
        if response.status != OK:
            raise QdrantError(
                f"Qdrant at {self.url} is not ready: it answers {response.status} ({summarise_response(response)})",
                hint="it is still loading, or waits for other nodes, or a proxy answers for it; its own log tells",
                http_status=response.status,
            )

    def get_version(self) -> Version:
        """Return the server's version. Raise `QdrantError` when another program answers at this URL."""
        response = self._read("GET", "/")
        try:
            version = parse_version(msgspec.json.decode(response.body)["version"])
        except NOT_UNDERSTOOD:
            version = None
        if version is None:
            raise self._foreign_error(response, "/")
        return version

    def read_clock(self) -> str:
        """Return the `Date` header of a response; empty when the server sends none."""
        return self._connection.request_with_retry(Request(method="GET", path="/healthz")).headers.get("date", "")

    def read_activity(self, collection: str) -> RunningOperations:
        """Return how many recoveries and snapshot creations run under a name, existing or not (since 1.16)."""

        def read(found: dict[str, Any]) -> RunningOperations:
            for entry in found.get("snapshots") or []:
                if entry.get("id") == collection:
                    return RunningOperations(
                        int(entry.get("running_snapshot_recovery") or 0), int(entry.get("running_snapshots") or 0)
                    )
            return RunningOperations(0, 0)

        return self._read_telemetry(2, read)

    def read_room(self) -> CollectionLimit:
        """Return how many collections the server holds, and how many it may hold."""
        return self._read_telemetry(
            1,
            lambda found: CollectionLimit(int(found.get("number_of_collections") or 0), found.get("max_collections")),
        )

    def read_disk(self) -> ServerRoom:
        """Return how full the server's disk is. Raise `QdrantError` for a server before 1.19 (404)."""

        def read_quotas(found: dict[str, Any]) -> tuple[int | None, bool]:
            usage, quota = found["usage"], found.get("config") or {}
            limits = {
                "disk_usage_percent": quota.get("max_disk_usage_percent"),
                "resident_memory_percent": quota.get("max_resident_memory_percent"),
            }
            over = any(limit is not None and (usage.get(key) or 0) >= limit for key, limit in limits.items())
            return usage.get("disk_usage_percent"), bool(quota.get("enabled")) and over

        used, over_quota = self._read_result("GET", "/quotas", read_quotas)
        query = {"details_level": "1"}
        system = self._read_result("GET", "/telemetry", lambda found: found["app"].get("system") or {}, query=query)
        size = system.get("disk_size")
        return ServerRoom(size * 1024 if isinstance(size, int) else None, used, over_quota)

    @property
    def sends_key(self) -> bool:
        """True if this client sends an API key."""
        return self._connection.has_key

    def answers_without_key(self) -> bool:
        """Return whether the server lists its collections also for a request without a key."""
        connection = self._connection.without_key()
        try:
            return connection.request(Request(method="GET", path="/collections")).status == OK
        finally:
            connection.close()

    def read_updates(self, collection: str) -> tuple[ShardUpdates, ...]:
        """Return each local shard's last operation and queue; empty when the server does not say (1.16)."""

        def read(found: dict[str, Any]) -> tuple[ShardUpdates, ...]:
            entries = [entry for entry in found.get("collections") or [] if entry.get("id") == collection]
            updates = []
            for shard in entries[0].get("shards") or [] if entries else []:
                queue = (shard.get("local") or {}).get("update_queue") or {}
                updates.append(ShardUpdates(int(shard["id"]), queue.get("op_num"), queue.get("length")))
            return tuple(sorted(updates, key=lambda update: update.shard))

        return self._read_telemetry(3, read)

    def _read_telemetry(self, level: int, read: Callable[[dict[str, Any]], Result]) -> Result:
        query = {"details_level": str(level)}
        return self._read_result(
            "GET", "/telemetry", lambda result: read(result.get("collections") or {}), query=query
        )

    # --- collections ----------------------------------------------------------------------------------------

    def list_collections(self) -> list[str]:
        """Return the name of every collection, markers included."""
        return self._read_result(
            "GET", "/collections", lambda result: [str(entry["name"]) for entry in result["collections"]]
        )

    def list_aliases(self) -> dict[str, str]:
        """Return each alias with the collection it points at."""
        return self._read_result(
            "GET",
            "/aliases",
            lambda result: {str(entry["alias_name"]): str(entry["collection_name"]) for entry in result["aliases"]},
        )

    def get_collection(
        self, collection: str, *, seconds: float = READ_SECONDS, retry: bool = True
    ) -> CollectionInfo | UnreadableCollection | None:
        """Return what the server says of a collection; an alias is resolved.

        None when it does not exist, `UnreadableCollection` when it does not answer.
        """
        response = self._read("GET", make_path(collection), accept=_ABOUT_ONE, seconds=seconds, retry=retry)
        if response.status == NOT_FOUND:
            return None
        if response.status != OK:
            return UnreadableCollection(summarise_response(response))
        return self._parse_result(response, "GET /collections/…", read_info)

    def count_points(self, collection: str) -> int | UnreadableCollection | None:
        """Return the exact count; None when there is no such collection, `UnreadableCollection` without an answer."""
        response = self._read(
            "POST",
            make_path(collection, "points/count"),
            json={"exact": True},
            accept=_ABOUT_ONE,
            seconds=300.0,
        )
        if response.status == NOT_FOUND:
            return None
        if response.status != OK:
            return UnreadableCollection(summarise_response(response))
        return self._parse_result(response, "a count", lambda result: int(result["count"]))

    def create_collection(self, collection: str, body: dict[str, Any]) -> bool:
        """Create a collection. False if the name is taken (409), also when our own lost request took it."""
        response = self._write("PUT", make_path(collection), json=body, accept=_CONFLICT)
        return response.status != _CONFLICT

    def patch_metadata(self, collection: str, metadata: dict[str, Any]) -> None:
        """Merge top-level keys into a collection's metadata; a value of None deletes its key.

        Idempotent, so it is retried while the error may be transient.
        """
        self._read("PATCH", make_path(collection), json={"metadata": metadata})

    def patch_params(self, collection: str, params: dict[str, Any]) -> None:
        """Change a collection's parameters; the others stay. Idempotent, so it is retried as metadata is."""
        self._read("PATCH", make_path(collection), json={"params": params})

    def delete_collection(self, collection: str, *, seconds: float = 60.0) -> bool:
        """Delete a collection. False if there was none of this name. Idempotent."""
        response = self._write("DELETE", make_path(collection), seconds=seconds)
        return self._parse_result(response, "DELETE", bool)

    def create_alias(self, alias: str, collection: str) -> None:
        """Point an alias at a collection. An alias that exists is moved: read it first."""
        action = {"create_alias": {"collection_name": collection, "alias_name": alias}}
        self._write("POST", "/collections/aliases", json={"actions": [action]})

    def create_payload_index(self, collection: str, field: str, schema: object) -> None:
        """Create a payload index and wait until it is built. Idempotent for an equal schema."""
        body = {"field_name": field, "field_schema": schema}
        self._write("PUT", make_path(collection, "index"), json=body, query={"wait": "true"}, seconds=_LONG_SECONDS)

    # --- points ---------------------------------------------------------------------------------------------

    def retrieve_points(self, collection: str, ids: list[int | str]) -> list[Point]:
        """Return points with payload and vectors. An id without a point is left out."""
        body = {"ids": ids, "with_payload": True, "with_vector": True}
        return self._read_result(
            "POST", make_path(collection, "points"), lambda result: msgspec.convert(result, list[Point]), json=body
        )

    def scroll_points(
        self, collection: str, *, limit: int, offset: int | str | None = None
    ) -> tuple[list[int | str], int | str | None]:
        """Return ids in order from `offset`, and the next offset; None at the end."""
        body = {"limit": limit, "offset": offset, "with_payload": False, "with_vector": False}
        return self._read_result(
            "POST",
            make_path(collection, "points/scroll"),
            lambda result: ([point["id"] for point in result["points"]], result.get("next_page_offset")),
            json=body,
        )

    def query_points(
        self, collection: str, vector: list[float], *, using: str = "", limit: int, exact: bool = False
    ) -> list[SearchHit]:
        """Return the points nearest to a dense vector, nearest first. `exact` searches without the index."""
        body = {"query": vector, "limit": limit, "params": {"exact": exact}, **({"using": using} if using else {})}
        return self._read_result(
            "POST",
            make_path(collection, "points/query"),
            lambda result: msgspec.convert(result["points"], list[SearchHit]),
            json=body,
        )


def connect(
    url: str, api_key: str, *, ca_file: str = "", insecure: bool = False, proxy: Proxy | None = None
) -> Qdrant:
    """Return a client; nothing is sent yet. `ca_file` is a PEM file of authorities to trust.

    Raise `OSError` or `ValueError` when that cannot be read or holds none.
    """
    tls: ssl.SSLContext | None = None
    if url.startswith("https:"):
        # An empty text would stand for the authorities of the system.
        authorities = (read_named_file(ca_file).decode("ascii", "ignore") or "\n") if ca_file else None
        tls = ssl.create_default_context(cadata=authorities)
        if insecure:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
    return Qdrant(Connection(url, {"api-key": api_key} if api_key else {}, tls=tls, proxy=proxy))
