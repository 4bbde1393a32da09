"""`python -m bench.fill URL COLLECTION POINTS`: put random points into a collection, as fast as it takes them.

A process of its own, because its memory would be taken for that of the processes measured later.
"""

from __future__ import annotations

import http.client
import os
import random
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

DIMENSIONS = 768
_BATCH = 1000
_POOL = 1 << 20
# `0.1234567,`: numbers of one width, so that a vector is a slice of the pool and costs nothing to make.
_WIDTH = 10


def main(url: str, collection: str, points: int) -> None:
    """Fill the collection; each point has a number as payload."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port or (443 if secure else 80), timeout=300)
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("QDRANT_API_KEY"):
        headers["api-key"] = key
    path = f"{parts.path.rstrip('/')}/collections/{collection}/points?wait=true"
    for body in _make_batches(points):
        connection.request("PUT", path, body, headers)
        answer = connection.getresponse()
        text = answer.read(2000)
        if answer.status != http.client.OK:
            sys.exit(f"the server answered {answer.status} to an upsert: {text.decode(errors='replace')}")


def _make_batches(points: int) -> Iterator[bytes]:
    chance = random.Random(768)  # noqa: S311 - data to measure with
    pool = "".join(f"0.{chance.randrange(1_000_000, 10_000_000)}," for _ in range(_POOL))
    for begin in range(0, points, _BATCH):
        made = (
            f'{{"id":{number},"vector":[{_slice(pool, chance)}],"payload":{{"number":{number}}}}}'
            for number in range(begin, min(begin + _BATCH, points))
        )
        yield f'{{"points":[{",".join(made)}]}}'.encode()


def _slice(pool: str, chance: random.Random) -> str:
    begin = chance.randrange(_POOL - DIMENSIONS) * _WIDTH
    return pool[begin : begin + DIMENSIONS * _WIDTH - 1]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
