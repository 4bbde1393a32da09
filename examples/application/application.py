"""The example application: says what is in Qdrant when it starts, and answers the same on port 8000.

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
    """Give the key from the environment, else from the Compose secret; empty where there is none."""
    given = os.environ.get("QDRANT_API_KEY", "")
    return given or (SECRET.read_text(encoding="utf-8").strip() if SECRET.exists() else "")


def ask(path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Give the `result` of Qdrant's answer: a GET without a body, else a POST."""
    headers = {"Content-Type": "application/json"}
    if key := read_key():
        headers["api-key"] = key
    payload = None if body is None else json.dumps(body).encode()
    with urlopen(Request(QDRANT_URL + path, payload, headers), timeout=10) as answer:
        return json.load(answer)["result"]


def look(collection: str) -> dict[str, Any]:
    """Count the points of a collection and show three of them."""
    path = f"/collections/{quote(collection, safe='')}/points"
    points = ask(f"{path}/query", {"limit": 3, "with_payload": True})["points"]
    return {"points": ask(f"{path}/count", {"exact": True})["count"], "some": [point["payload"] for point in points]}


def look_at_all() -> dict[str, Any]:
    """Look at every collection; names with a leading dot are the marks of a restore that is under way."""
    names = sorted(each["name"] for each in ask("/collections")["collections"])
    return {name: look(name) for name in names if not name.startswith(".")}


class Page(BaseHTTPRequestHandler):
    """Answers every GET with what is in Qdrant now."""

    def do_GET(self) -> None:
        """Answer 200 and JSON by collection."""
        body = json.dumps(look_at_all(), indent=2).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay silent: the health check asks every few seconds."""


def main() -> None:
    """Say what is there, then serve."""
    found = look_at_all()
    for name, seen in found.items():
        print(f"{name}: {seen['points']:,} points, such as {seen['some'][:1]}", flush=True)
    if not found:
        print("Qdrant has no collections yet", flush=True)
    ThreadingHTTPServer(("", PORT), Page).serve_forever()


if "--healthy" in sys.argv:
    urlopen(f"http://127.0.0.1:{PORT}/", timeout=4).close()
else:
    main()
