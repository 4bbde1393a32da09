"""A Qdrant as tests see it: asked over HTTP with the standard library, independent of our own client."""

from __future__ import annotations

import http.client
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from restore.qdrant.collection_names import MARKER_PREFIX, find_attempts, name_marker, name_upload

TIMEOUT_SECONDS = 60.0
ALL = 100_000


class ServerResponse(NamedTuple):
    """An answer: the status, and the body as JSON, else as text."""

    status: int
    body: Any

    @property
    def result(self) -> Any:  # noqa: ANN401 - JSON
        """The result of a success. Raises AssertionError with the whole answer for anything else."""
        assert self.status == 200, self
        return self.body["result"]


@dataclass(frozen=True)
class Server:
    """One Qdrant at a URL. `snapshots` is its snapshots directory where we see it, else None."""

    url: str
    key: str = ""
    snapshots: Path | None = None

    def ask(self, method: str, path: str, body: object = None) -> ServerResponse:
        """Send one request on a connection of its own."""
        return self._ask(method, path, None if body is None else json.dumps(body).encode(), "application/json")

    def send_form(self, path: str, form: bytes, boundary: str) -> ServerResponse:
        """Send a multipart form."""
        return self._ask("POST", path, form, f"multipart/form-data; boundary={boundary}")

    def _ask(self, method: str, path: str, body: bytes | None, content_type: str) -> ServerResponse:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT_SECONDS)
        headers = {"content-type": content_type} | ({"api-key": self.key} if self.key else {})
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        is_json = (response.getheader("content-type") or "").startswith("application/json")
        return ServerResponse(response.status, json.loads(content) if is_json else content.decode(errors="replace"))

    # --- looking --------------------------------------------------------------------------------------------

    def collections(self) -> list[str]:
        """Name every collection, markers included."""
        return sorted(entry["name"] for entry in self.ask("GET", "/collections").result["collections"])

    def markers(self, collection: str) -> list[str]:
        """Name the markers for a collection."""
        return [name_marker(collection, attempt) for attempt in find_attempts(collection, self.collections())]

    def metadata(self, collection: str) -> dict[str, Any]:
        """Return a marker's metadata."""
        found = self.info(collection)["config"].get("metadata") or {}
        return dict(found)

    def info(self, collection: str) -> dict[str, Any]:
        """Return the server's information about a collection."""
        return dict(self.ask("GET", path(collection)).result)

    def count(self, collection: str) -> int:
        """Count exactly."""
        return int(self.ask("POST", path(collection, "points/count"), {"exact": True}).result["count"])

    def points(self, collection: str) -> Points:
        """Return every point, comparable with another server's."""
        body = {"limit": ALL, "with_payload": True, "with_vector": True}
        return comparable(self.ask("POST", path(collection, "points/scroll"), body).result["points"])

    def aliases(self) -> dict[str, str]:
        """Map each alias to its collection."""
        found = self.ask("GET", "/aliases").result["aliases"]
        return {entry["alias_name"]: entry["collection_name"] for entry in found}

    def indexes(self, collection: str) -> list[str]:
        """Name the fields that have a payload index."""
        return sorted(self.info(collection)["payload_schema"])

    def snapshots_of(self, collection: str) -> list[str]:
        """Name the snapshots that the server keeps of a collection, uploaded files included."""
        return sorted(entry["name"] for entry in self.ask("GET", path(collection, "snapshots")).result)

    def files(self) -> dict[str, int]:
        """Return every file in the server's snapshots directory, with its size."""
        assert self.snapshots is not None, "this server's directory cannot be seen from here"
        found = (file for file in self.snapshots.rglob("*") if file.is_file())
        return {str(file.relative_to(self.snapshots)): file.stat().st_size for file in found}

    # --- changing -------------------------------------------------------------------------------------------

    def create(self, collection: str, **config: Any) -> None:  # noqa: ANN401 - JSON
        """Create a collection."""
        self.ask("PUT", path(collection), config).result  # noqa: B018 - it asserts

    def upsert(self, collection: str, ids: range, *, size: int = 4) -> None:
        """Write points of an application: `{"by": "application"}` and a vector of ones."""
        points = [{"id": number, "vector": [1.0] * size, "payload": {"by": "application"}} for number in ids]
        self.ask("PUT", path(collection, "points?wait=true"), {"points": points}).result  # noqa: B018 - it asserts

    def alias(self, alias: str, collection: str) -> None:
        """Point an alias at a collection."""
        action = {"create_alias": {"collection_name": collection, "alias_name": alias}}
        self.ask("POST", "/collections/aliases", {"actions": [action]}).result  # noqa: B018 - it asserts

    def drop(self, collection: str) -> None:
        """Drop a collection."""
        self.ask("DELETE", path(collection)).result  # noqa: B018 - it asserts

    def forget(self, collection: str) -> None:
        """Drop a collection, its markers and the file that an upload may have left."""
        for mark in self.markers(collection):
            self.drop(mark)
        upload = path(collection, f"snapshots/{quote(name_upload(collection))}")
        if (
            self.ask("DELETE", upload).status == 404
            and self.ask("PUT", path(collection), {"vectors": {}}).status == 200
        ):
            self.ask("DELETE", upload)
        self.drop(collection)


Points = dict[int | str, tuple[Any, Any]]


def comparable(points: list[dict[str, Any]]) -> Points:
    """Map ids to payload and vectors, every number as float32: their JSON texts differ between servers."""
    return {point["id"]: (rounded(point.get("payload") or {}), rounded(point.get("vector"))) for point in points}


def rounded(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return JSON back with every float as its float32."""
    match value:
        case float():
            return struct.unpack("<f", struct.pack("<f", value))[0] if abs(value) < 3e38 else value
        case Mapping():
            return {key: rounded(inner) for key, inner in value.items()}
        case list():
            return [rounded(inner) for inner in value]
    return value


def path(collection: str, rest: str = "") -> str:
    """Return a collection's path, percent-encoded."""
    encoded = quote(collection, safe="")
    return f"/collections/{encoded}/{rest}" if rest else f"/collections/{encoded}"


def is_mark(name: str) -> bool:
    """Return True if a collection of this name markers a restore."""
    return name.startswith(MARKER_PREFIX)
