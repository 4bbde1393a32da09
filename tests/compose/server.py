"""A Qdrant as tests see it: asked over HTTP with the standard library, independent of our own client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

# POST requests that only read.
READS = ("/count", "/scroll", "/query", "/points")


@dataclass(frozen=True)
class Server:
    """One Qdrant at a URL, with a key or without."""

    url: str
    key: str = ""

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Return the `result` of an answer.

        Raises `HTTPError` for every status but 2xx.
        """
        headers = {"Content-Type": "application/json"} | ({"api-key": self.key} if self.key else {})
        payload = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, payload, headers, method=method), timeout=60) as answer:
            return json.load(answer)["result"]

    def status(self, path: str) -> int:
        """Return the status that a GET is answered with."""
        try:
            with urlopen(Request(self.url + path), timeout=60) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    def collections(self) -> list[str]:
        """Name every collection, markers of a restore included."""
        return sorted(each["name"] for each in self.ask("GET", "/collections")["collections"])

    def points(self, collection: str) -> list[dict[str, Any]]:
        """Return every point of a collection with its payload and vectors, by id."""
        body = {"limit": 100_000, "with_payload": True, "with_vector": True}
        found = self.ask("POST", f"/collections/{collection}/points/scroll", body)["points"]
        return sorted(found, key=lambda point: int(point["id"]))

    def writes(self) -> dict[str, int]:
        """Count the requests since the server started that could have changed something, by method and path."""
        answered = self.ask("GET", "/telemetry?details_level=3")["requests"]["rest"]["responses"]
        return {
            route: sum(status["count"] for status in by_status.values())
            for route, by_status in answered.items()
            if not route.startswith("GET ") and not (route.startswith("POST ") and route.endswith(READS))
        }

    def transfers(self) -> dict[str, int]:
        """Count the recoveries that succeeded: by a file that the server sees, and by an upload."""
        answered = self.ask("GET", "/telemetry?details_level=3")["requests"]["rest"]["responses"]
        ok = {route: by_status.get("200", {}).get("count", 0) for route, by_status in answered.items()}
        return {
            "server-file": ok.get("PUT /collections/{collection_name}/snapshots/recover", 0),
            "upload": ok.get("POST /collections/{collection_name}/snapshots/upload", 0),
        }
