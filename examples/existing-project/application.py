"""A typical application: create the collection if it is missing, then work with its points."""

import json
import os
import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

COLLECTION = f"{os.environ['QDRANT_URL']}/collections/cities"


def ask(method: str, url: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Return the `result` of Qdrant's response."""
    headers = {"Content-Type": "application/json", "api-key": os.environ["QDRANT_API_KEY"]}
    payload = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, payload, headers, method=method), timeout=30) as response:
        return json.load(response)["result"]


def create_if_missing() -> None:
    """Create the empty collection unless it exists."""
    if not ask("GET", f"{COLLECTION}/exists")["exists"]:
        ask("PUT", COLLECTION, {"vectors": {"size": 3, "distance": "Cosine"}})
        print("created the collection cities, empty", flush=True)


def main() -> None:
    """Create the collection if it is missing, then print the number of cities whenever it changes."""
    known = None
    while True:
        try:
            create_if_missing()
            cities = ask("POST", f"{COLLECTION}/points/count", {"exact": True})["count"]
        except (HTTPError, URLError, ConnectionError) as error:
            print(f"Qdrant is not ready: {error}", flush=True)
        else:
            if cities != known:
                print(f"{cities} cities", flush=True)
                known = cities
        time.sleep(1)


main()
