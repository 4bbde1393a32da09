"""Qdrant's HTTP API in words. No policy: what an answer means for a restore is decided elsewhere."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from restore.errors import AuthError, QdrantError
from restore.qdrant.model import (
    CollectionInfo,
    CollectionLimit,
    Point,
    RunningOperations,
    SearchHit,
    ShardUpdates,
    SnapshotDescription,
    UnreadableCollection,
)
from restore.qdrant.transport.connection import READ_SECONDS, Connection, PendingResponse, Request, Response
from restore.qdrant.transport.network_errors import describe_network_error
from restore.qdrant.transport.responses import (
    error_from_response,
    read_description,
    read_info,
    read_whole_size,
    summarise_response,
)
from restore.qdrant.transport.streaming import MultipartFile
from restore.qdrant.url import redact_url
from restore.qdrant.version import Version, parse_version
from restore.snapshots.stored import SnapshotReader
from restore.system.secret import Secret

_LONG_SECONDS = 24 * 3600.0
_POLL_SECONDS = 0.005
_OK = 200
_ACCEPTED = 202
_PARTIAL = 206
_NOT_FOUND = 404
_CONFLICT = 409
_TOO_LARGE = 413
_UNSATISFIABLE = frozenset({412, 416})
_REFUSED = frozenset({401, 403})
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
_ABOUT_ONE = frozenset({_NOT_FOUND, 500})
# What reading some other program's JSON meets.
_NOT_UNDERSTOOD = (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError, RecursionError)

Read = TypeVar("Read")


class Download(msgspec.Struct, frozen=True):
    """A running download. `whole_size` is the file's size, `etag` names this very file for `If-Match`."""

    whole_size: int
    etag: str
    response: http.client.HTTPResponse

    def read_into(self, buffer: memoryview) -> int:
        """Fill a buffer; 0 at the end. A stream cut short ends early: compare with `whole_size`."""
        try:
            return self.response.readinto(buffer)
        except http.client.IncompleteRead:
            return 0


class Qdrant:
    """One Qdrant server. Not for several threads: use `another()`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url = connection.url

    def clone(self) -> Qdrant:
        """Give a second client of the same server, for another thread."""
        return Qdrant(self._connection.clone())

    def interrupt(self) -> None:
        """Let nobody go on waiting for an answer; may be called from another thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # --- the server -----------------------------------------------------------------------------------------

    def require_ready(self, *, seconds: float = 5.0) -> None:
        """Ask `/readyz` once. Raises `QdrantError` when it is not ready, `permanent` where waiting cannot help."""
        answer = self._connection.ask(Request(method="GET", path="/readyz", seconds=seconds))
        if answer.status in _REFUSED:
            raise AuthError(
                f"Qdrant at {self.url} answered {answer.status} to /readyz, which needs no key",
                hint="is a proxy or a login page in front of it? give the server's own address",
            )
        if answer.status == _NOT_FOUND:
            raise self._foreign(answer, "/readyz")
        if answer.status in _ELSEWHERE:
            raise QdrantError(
                f"Qdrant at {self.url} is said to be elsewhere: {redact_url(answer.headers.get('location', '?'))}",
                hint="a proxy redirects: give the address that it leads to, without /readyz, as QDRANT_URL",
                http_status=answer.status,
                permanent=True,
            )
        if answer.status != _OK:
            raise QdrantError(
                f"Qdrant at {self.url} is not ready: it answers {answer.status} ({summarise_response(answer)})",
                hint="it is still loading, or waits for other nodes, or a proxy answers for it; its own log tells",
                http_status=answer.status,
            )

    def get_version(self) -> Version:
        """Read the server's version. Raises `QdrantError` when something else answers at this URL."""
        answer = self._read("GET", "/")
        try:
            version = parse_version(msgspec.json.decode(answer.body)["version"])
        except _NOT_UNDERSTOOD:
            version = None
        if version is None:
            raise self._foreign(answer, "/")
        return version

    def read_clock(self) -> str:
        """Give the `Date` header of an answer; empty when the server sends none."""
        return self._connection.request_with_retry(Request(method="GET", path="/healthz")).headers.get("date", "")

    def read_activity(self, collection: str) -> RunningOperations:
        """Read how many recoveries and snapshot creations run under a name, existing or not (since 1.16)."""

        def read(found: dict[str, Any]) -> RunningOperations:
            for entry in found.get("snapshots") or []:
                if entry.get("id") == collection:
                    return RunningOperations(
                        int(entry.get("running_snapshot_recovery") or 0), int(entry.get("running_snapshots") or 0)
                    )
            return RunningOperations(0, 0)

        return self._read_telemetry(2, read)

    def read_room(self) -> CollectionLimit:
        """Read how many collections the server holds and may hold."""
        return self._read_telemetry(
            1,
            lambda found: CollectionLimit(int(found.get("number_of_collections") or 0), found.get("max_collections")),
        )

    def read_updates(self, collection: str) -> tuple[ShardUpdates, ...]:
        """Read each local shard's last operation and queue; empty when the server does not tell (1.16)."""

        def read(found: dict[str, Any]) -> tuple[ShardUpdates, ...]:
            entries = [entry for entry in found.get("collections") or [] if entry.get("id") == collection]
            updates = []
            for shard in entries[0].get("shards") or [] if entries else []:
                queue = (shard.get("local") or {}).get("update_queue") or {}
                updates.append(ShardUpdates(int(shard["id"]), queue.get("op_num"), queue.get("length")))
            return tuple(sorted(updates, key=lambda update: update.shard))

        return self._read_telemetry(3, read)

    def _read_telemetry(self, level: int, read: Callable[[dict[str, Any]], Read]) -> Read:
        query = {"details_level": str(level)}
        return self._ask("GET", "/telemetry", lambda result: read(result.get("collections") or {}), query=query)

    # --- collections ----------------------------------------------------------------------------------------

    def list_collections(self) -> list[str]:
        """List every collection's name, marks included."""
        return self._ask(
            "GET", "/collections", lambda result: [str(entry["name"]) for entry in result["collections"]]
        )

    def list_aliases(self) -> dict[str, str]:
        """Map each alias to its collection."""
        return self._ask(
            "GET",
            "/aliases",
            lambda result: {str(entry["alias_name"]): str(entry["collection_name"]) for entry in result["aliases"]},
        )

    def get_collection(self, collection: str) -> CollectionInfo | UnreadableCollection | None:
        """Read a collection (an alias is resolved).

        None when it is not there, `UnreadableCollection` when it does not answer.
        """
        answer = self._read("GET", _path(collection), accept=_ABOUT_ONE)
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            return UnreadableCollection(summarise_response(answer))
        return self._understand(answer, "GET /collections/…", read_info)

    def count_points(self, collection: str) -> int | UnreadableCollection | None:
        """Count exactly; None when the collection is not there, `UnreadableCollection` when it does not answer."""
        answer = self._read(
            "POST",
            _path(collection, "points/count"),
            json={"exact": True},
            accept=_ABOUT_ONE,
            seconds=300.0,
        )
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            return UnreadableCollection(summarise_response(answer))
        return self._understand(answer, "a count", lambda result: int(result["count"]))

    def create_collection(self, collection: str, body: dict[str, Any]) -> bool:
        """Create a collection. False: the name is taken (409), also when our own lost request took it."""
        answer = self._write("PUT", _path(collection), json=body, accept=_CONFLICT)
        return answer.status != _CONFLICT

    def patch_metadata(self, collection: str, metadata: dict[str, Any]) -> None:
        """Merge top-level keys into a collection's metadata; a value of None deletes its key.

        Done twice it does the same, so it is tried again while the trouble may pass.
        """
        path = _path(collection)
        request = _request("PATCH", path, json={"metadata": metadata}, query=None, seconds=READ_SECONDS)
        self._expect(self._connection.request_with_retry(request), asked=f"PATCH {path}")

    def delete_collection(self, collection: str, *, seconds: float = 60.0) -> bool:
        """Delete a collection. False: there was none of this name. Idempotent."""
        answer = self._write("DELETE", _path(collection), seconds=seconds)
        return self._understand(answer, "DELETE", bool)

    def create_alias(self, alias: str, collection: str) -> None:
        """Point an alias at a collection. It moves an alias that exists: look first."""
        action = {"create_alias": {"collection_name": collection, "alias_name": alias}}
        self._write("POST", "/collections/aliases", json={"actions": [action]})

    def create_payload_index(self, collection: str, field: str, schema: object) -> None:
        """Create a payload index and wait until it is built. Idempotent for an equal schema."""
        body = {"field_name": field, "field_schema": schema}
        self._write("PUT", _path(collection, "index"), json=body, query={"wait": "true"}, seconds=_LONG_SECONDS)

    # --- points ---------------------------------------------------------------------------------------------

    def retrieve_points(self, collection: str, ids: list[int | str]) -> list[Point]:
        """Read points with payload and vectors; ids that are not there are left out."""
        body = {"ids": ids, "with_payload": True, "with_vector": True}
        return self._ask(
            "POST", _path(collection, "points"), lambda result: msgspec.convert(result, list[Point]), json=body
        )

    def scroll_points(
        self, collection: str, *, limit: int, offset: int | str | None = None
    ) -> tuple[list[int | str], int | str | None]:
        """List ids in order from `offset`; the second value is the next offset, None at the end."""
        body = {"limit": limit, "offset": offset, "with_payload": False, "with_vector": False}
        return self._ask(
            "POST",
            _path(collection, "points/scroll"),
            lambda result: ([point["id"] for point in result["points"]], result.get("next_page_offset")),
            json=body,
        )

    def query_points(
        self, collection: str, vector: list[float], *, using: str = "", limit: int, exact: bool = False
    ) -> list[SearchHit]:
        """Search the nearest points of a dense vector, nearest first. `exact` leaves the index out."""
        body = {"query": vector, "limit": limit, "params": {"exact": exact}, **({"using": using} if using else {})}
        return self._ask(
            "POST",
            _path(collection, "points/query"),
            lambda result: msgspec.convert(result["points"], list[SearchHit]),
            json=body,
        )

    # --- snapshots ------------------------------------------------------------------------------------------

    def list_snapshots(self, collection: str) -> list[SnapshotDescription]:
        """List a collection's snapshots on the server, uploaded files included, in no order."""
        return self._ask(
            "GET", _path(collection, "snapshots"), lambda result: [read_description(entry) for entry in result]
        )

    def create_snapshot(self, collection: str) -> PendingResponse:
        """Ask the server to create a snapshot; read the answer with `read_created`."""
        request = Request(method="POST", path=_path(collection, "snapshots"), query={"wait": "true"})
        return self._connection.send(request)

    def read_created(self, collection: str, answer: Response) -> SnapshotDescription:
        """Read the answer to `create_snapshot`."""
        self._expect(answer, subject=f"collection '{collection}'")
        return self._understand(answer, "a snapshot's creation", read_description)

    def delete_snapshot(self, collection: str, name: str, *, seconds: float = 60.0) -> bool:
        """Delete a snapshot on the server. False: there was none of this name. Idempotent.

        Returns when the server says so, or no longer lists it: its name goes at once, and then freeing a gigabyte of
        the disk may take another second (1.1 s on ext4), which nobody has to wait for.
        """
        path = _path(collection, f"snapshots/{quote(name, safe='')}")
        asked = f"DELETE {path}"
        end = time.monotonic() + seconds
        with contextlib.closing(self._connection.send(Request(method="DELETE", path=path, seconds=seconds))) as sent:
            while (answer := self._poll(sent, asked)) is None:
                if not self._lists_snapshot(collection, name):
                    return True
                if time.monotonic() > end:
                    raise QdrantError(f"Qdrant at {self.url} did not answer to {asked} within {seconds:g} s")
        self._expect(answer, asked=asked, accept=frozenset({_NOT_FOUND}))
        return answer.status != _NOT_FOUND

    def _poll(self, sent: PendingResponse, asked: str) -> Response | None:
        try:
            return sent.poll(_POLL_SECONDS)
        except OSError as error:
            words = describe_network_error(error)
            raise QdrantError(f"Qdrant at {self.url} gave no answer to {asked}: {words}") from error

    def _lists_snapshot(self, collection: str, name: str) -> bool:
        try:
            return any(found.name == name for found in self.list_snapshots(collection))
        except QdrantError:
            # Not known; the answer to the deletion will tell.
            return True

    @contextlib.contextmanager
    def download_snapshot(
        self, collection: str, name: str, *, offset: int = 0, etag: str = "", silence_seconds: float = READ_SECONDS
    ) -> Iterator[Download | None]:
        """Open a download, from `offset` when an `etag` names the same file; None when it is not there (any more).

        Bytes come as they lie on the server's disk: compression is declined.
        """
        headers = {"Range": f"bytes={offset}-", "If-Match": etag} if etag else {}
        path = _path(collection, f"snapshots/{quote(name, safe='')}")
        request = Request(method="GET", path=path, headers=headers)
        response = self._connection.receive(request, silence_seconds=silence_seconds)
        with contextlib.closing(response):
            if response.status == _NOT_FOUND or response.status in _UNSATISFIABLE:
                yield None
                return
            if response.status not in {_OK, _PARTIAL} or (etag and response.status != _PARTIAL):
                body = response.read(1 << 16)
                names = {key.lower(): value for key, value in response.headers.items()}
                self._expect(Response(response.status, names, body), subject=f"snapshot '{name}'")
                raise QdrantError(f"snapshot '{name}': the server ignored Range and sent it from its start")
            yield Download(read_whole_size(response), response.headers.get("etag") or "", response)

    def upload_snapshot(
        self,
        collection: str,
        file: SnapshotReader,
        *,
        size: int,
        file_name: str,
        checksum: str,
        on_sent: Callable[[int], None],
        stall_seconds: float,
    ) -> PendingResponse:
        """Stream a snapshot to the server, which recovers it; read the answer with `read_recovered`.

        The server keeps the file under `file_name`, after success and after failure.
        """
        boundary = "qdrant-restore-3f9a1c27d6e84b05"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="snapshot"; filename="{file_name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        part = MultipartFile(head.encode(), file, size, f"\r\n--{boundary}--\r\n".encode())
        request = Request(
            method="POST",
            path=_path(collection, "snapshots/upload"),
            query={"wait": "true", "priority": "snapshot", "checksum": checksum},
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        return self._connection.send_file(request, part, on_sent=on_sent, stall_seconds=stall_seconds)

    def recover_snapshot(self, collection: str, *, path: str, checksum: str) -> PendingResponse:
        """Let the server recover from a file it can see; read the answer with `read_recovered`.

        Raw spaces, `#` and `?` in a `file://` location name other files, so the path is percent-encoded here.
        """
        return self._recover(collection, "file://" + quote(path), checksum)

    def recover_from_url(self, collection: str, *, url: Secret, checksum: str) -> PendingResponse:
        """Let the server recover from what it reads at a URL; read the answer with `read_recovered`.

        403 since 1.18.0 where URL recovery is switched off. The server repeats the URL in its errors: what stands
        behind its `?` is taken out of them.
        """
        return self._recover(collection, url.reveal(), checksum, hides_queries=True)

    def _recover(
        self, collection: str, location: str, checksum: str, *, hides_queries: bool = False
    ) -> PendingResponse:
        body = {"location": location, "priority": "snapshot", "checksum": checksum}
        return self._connection.send(
            Request(
                hides_queries=hides_queries,
                method="PUT",
                path=_path(collection, "snapshots/recover"),
                query={"wait": "true"},
                body=msgspec.json.encode(body),
                headers={"Content-Type": "application/json"},
            )
        )

    def read_recovered(self, collection: str, answer: Response) -> None:
        """Read the answer to an upload or a recover; raises what the server refused it for."""
        if answer.status == _TOO_LARGE:
            raise QdrantError(
                f"collection '{collection}': a proxy before Qdrant answered 413, the snapshot is too large for it",
                hint="raise its limit (nginx: client_max_body_size 0), or give the server's own address",
                http_status=answer.status,
            )
        self._expect(answer, subject=f"collection '{collection}'")

    # --- how answers are read -------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        read: Callable[[Any], Read],
        *,
        json: object = None,
        query: dict[str, str] | None = None,
    ) -> Read:
        return self._understand(self._read(method, path, json=json, query=query), f"{method} {path}", read)

    def _read(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: dict[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
        seconds: float = READ_SECONDS,
    ) -> Response:
        """Send what changes nothing; it is tried again while the trouble may pass."""
        request = _request(method, path, json=json, query=query, seconds=seconds)
        answer = self._connection.request_with_retry(request)
        self._expect(answer, asked=f"{method} {path}", accept=accept)
        return answer

    def _write(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: dict[str, str] | None = None,
        accept: int = _OK,
        seconds: float = 60.0,
    ) -> Response:
        """Send what changes something, once."""
        answer = self._connection.ask(_request(method, path, json=json, query=query, seconds=seconds))
        self._expect(answer, asked=f"{method} {path}", accept=frozenset({accept}))
        return answer

    def _understand(self, answer: Response, asked: str, read: Callable[[Any], Read]) -> Read:
        """Read the result of a success; an answer of another form is some other program's."""
        try:
            return read(msgspec.json.decode(answer.body)["result"])
        except _NOT_UNDERSTOOD as error:
            raise self._foreign(answer, asked) from error

    def _expect(
        self, answer: Response, *, subject: str = "", asked: str = "", accept: frozenset[int] = frozenset()
    ) -> None:
        """Raise what an answer stands for, unless it is a success, or Qdrant's own word of an accepted status.

        A proxy's 404 does not say that a collection is not there, nor its 500 that one is broken.
        """
        if answer.status != _OK and not (answer.status in accept and answer.is_json):
            raise error_from_response(answer, self.url, subject=subject, asked=asked)

    def _foreign(self, answer: Response, asked: str) -> QdrantError:
        return QdrantError(
            f"{self.url} answered {answer.status} to {asked}, but not as Qdrant does: {summarise_response(answer)}",
            hint="is this Qdrant's HTTP port (usually 6333), and is no other program or login page in front?",
            http_status=answer.status,
            permanent=True,
        )


def connect(url: str, api_key: str, *, ca_file: str = "", insecure: bool = False) -> Qdrant:
    """Build a client; nothing is sent yet. `ca_file` is a PEM file of authorities to trust."""
    tls: ssl.SSLContext | None = None
    if url.startswith("https:"):
        tls = ssl.create_default_context(cafile=ca_file or None)
        if insecure:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
    return Qdrant(Connection(url, {"api-key": api_key} if api_key else {}, tls=tls))


def _path(collection: str, rest: str = "") -> str:
    encoded = quote(collection, safe="", errors="surrogatepass")
    return f"/collections/{encoded}/{rest}" if rest else f"/collections/{encoded}"


def _request(method: str, path: str, *, json: object, query: dict[str, str] | None, seconds: float) -> Request:
    if json is None:
        return Request(method=method, path=path, query=query or {}, seconds=seconds)
    headers = {"Content-Type": "application/json"}
    body = msgspec.json.encode(json)
    return Request(method=method, path=path, query=query or {}, body=body, headers=headers, seconds=seconds)
