"""The example application: print what is in Qdrant at the start, and serve the same on port 8000.

It needs the standard library only, so that any image with Python runs it.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

QDRANT_URL = os.environ.get("QDRANT_URL", "http://localhost:6333")
SECRET = Path("/run/secrets/qdrant_api_key")
PORT = 8000


def read_key() -> str:
    """Return the API key from the environment, else from the Compose secret; empty if there is none."""
    key = os.environ.get("QDRANT_API_KEY", "")
    return key or (SECRET.read_text(encoding="utf-8").strip() if SECRET.exists() else "")


def ask(path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Return the `result` of Qdrant's response: a GET without a body, else a POST."""
    headers = {"Content-Type": "application/json"}
    if key := read_key():
        headers["api-key"] = key
    payload = None if body is None else json.dumps(body).encode()
    with urlopen(Request(QDRANT_URL + path, payload, headers), timeout=10) as response:
        return json.load(response)["result"]


def describe(collection: str) -> dict[str, Any]:
    """Return the number of points of a collection and three of them."""
    path = f"/collections/{quote(collection, safe='')}/points"
    points = ask(f"{path}/query", {"limit": 3, "with_payload": True})["points"]
    return {"points": ask(f"{path}/count", {"exact": True})["count"], "some": [point["payload"] for point in points]}


def describe_all() -> dict[str, Any]:
    """Describe every collection; names with a leading dot are markers of a restore in progress."""
    names = sorted(entry["name"] for entry in ask("/collections")["collections"])
    return {name: describe(name) for name in names if not name.startswith(".")}


class Page(BaseHTTPRequestHandler):
    """Serves what is in Qdrant now."""

    def do_GET(self) -> None:
        """Respond with 200 and JSON by collection."""
        body = json.dumps(describe_all(), indent=2).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the health check asks every few seconds."""


def main() -> None:
    """Print what is in Qdrant, then serve."""
    collections = describe_all()
    for name, seen in collections.items():
        print(f"{name}: {seen['points']:,} points, such as {seen['some'][:1]}", flush=True)
    if not collections:
        print("Qdrant has no collections yet", flush=True)
    ThreadingHTTPServer(("", PORT), Page).serve_forever()


if "--healthy" in sys.argv:
    urlopen(f"http://127.0.0.1:{PORT}/", timeout=4).close()
else:
    main()
