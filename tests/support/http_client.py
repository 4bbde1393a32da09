"""Asking a Qdrant over HTTP, and comparing what it holds."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from filelock import FileLock

from tests.support.bucket_server_installs import find_cache

SNAPSHOTS = Path(__file__).parent.parent / "data" / "snapshots"
EVERYTHING = {"limit": 100_000, "with_payload": True, "with_vector": True}


@dataclass(frozen=True)
class HttpClient:
    """A client of one server, with a key."""

    url: str
    api_key: str | None = None

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        **more: Any,  # noqa: ANN401 - as requests takes them
    ) -> requests.Response:
        """Send one request; `body` goes as JSON, the rest to requests."""
        headers = {"accept-encoding": "identity", **({"api-key": self.api_key} if self.api_key else {})}
        headers |= more.pop("headers", {})
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=30, **more)

    def result(
        self,
        method: str,
        path: str,
        body: object = None,
        **more: Any,  # noqa: ANN401 - as requests takes them
    ) -> Any:  # noqa: ANN401 - any JSON value
        """Return the `result` of an answer that must be a 200."""
        answer = self.ask(method, path, body, **more)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()["result"]

    def create(self, name: str, **configuration: object) -> None:
        """Create a collection; four dimensions and Dot unless told otherwise."""
        self.result("PUT", f"/collections/{name}", {"vectors": {"size": 4, "distance": "Dot"}, **configuration})

    def upsert(self, name: str, *points: dict[str, Any]) -> None:
        """Write points and wait."""
        self.result("PUT", f"/collections/{name}/points?wait=true", {"points": list(points)})

    def count(self, name: str, condition: object = None) -> int:
        """Count exactly, under a filter if one is given."""
        body = {"exact": True} | ({"filter": condition} if condition else {})
        return int(self.result("POST", f"/collections/{name}/points/count", body)["count"])

    def ids(self, name: str, condition: object) -> list[Any]:
        """List the ids that a filter finds."""
        body = {"filter": condition, "limit": 1000, "with_payload": False}
        return [one["id"] for one in self.result("POST", f"/collections/{name}/points/scroll", body)["points"]]

    def points(self, name: str) -> list[Any]:
        """Return all points of a collection in a form that two servers agree on."""
        return comparable(self.result("POST", f"/collections/{name}/points/scroll", EVERYTHING)["points"])

    def upload(
        self, name: str, content: bytes | Path, file_name: str = "up.snapshot", **params: str
    ) -> requests.Response:
        """Upload a snapshot."""
        given = content.read_bytes() if isinstance(content, Path) else content
        return self.ask(
            "POST", f"/collections/{name}/snapshots/upload", files={"snapshot": (file_name, given)}, params=params
        )

    def snapshot(self, name: str) -> bytes:
        """Make a snapshot and download it."""
        made = self.result("POST", f"/collections/{name}/snapshots")["name"]
        return self.ask("GET", f"/collections/{name}/snapshots/{made}").content


def alone(url: str) -> FileLock:
    """Keep the other test processes off a real server that they share."""
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    return FileLock(find_cache() / f"tests-of-{name}.lock", timeout=300)


def comparable(points: list[dict[str, Any]]) -> list[Any]:
    """Return (id, payload, vectors) with the vectors' numbers as float32."""
    return [(one["id"], one["payload"], as_float32(one["vector"])) for one in points]


def as_float32(value: object) -> object:
    """Return numbers as float32, whether they were written as 1 or as 1.0; indices of sparse vectors too."""
    match value:
        case dict():
            return {key: as_float32(inner) for key, inner in value.items()}
        case list():
            return [as_float32(inner) for inner in value]
        case int() | float():
            return struct.unpack("f", struct.pack("f", value))[0]
    return value
