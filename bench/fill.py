"""`python -m bench.fill URL COLLECTION POINTS [DIGITS]`: put random points into a collection, as fast as it can.

A process of its own, because its memory would be taken for that of the processes measured later.
"""

from __future__ import annotations

import http.client
import os
import random
import sys
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

DIMENSIONS = 768
# As many digits as a number of 32 bits has. With one digit a server has a quarter to read.
PRECISE = 7
_BATCH = 1000
_POOL = 1 << 20
# One is read by the server while the next comes.
_CONNECTIONS = 2


def main(url: str, collection: str, points: int, digits: int = PRECISE) -> None:
    """Fill the collection; each point has a number as payload."""
    batches = _Batches(_make_batches(points, digits))
    troubles: list[str] = []
    senders = [threading.Thread(target=_send, args=(url, collection, batches, troubles)) for _ in range(_CONNECTIONS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if troubles:
        sys.exit(troubles[0])


class _Batches:
    """Batches that several threads take from."""

    def __init__(self, batches: Iterator[bytes]) -> None:
        self._batches = batches
        self._gate = threading.Lock()

    def take(self) -> bytes | None:
        """Give the next one; None when there are no more."""
        with self._gate:
            return next(self._batches, None)


def _send(url: str, collection: str, batches: _Batches, troubles: list[str]) -> None:
    """Send batches until there are none, or somebody had trouble."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port or (443 if secure else 80), timeout=300)
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("QDRANT_API_KEY"):
        headers["api-key"] = key
    path = f"{parts.path.rstrip('/')}/collections/{collection}/points?wait=true"
    while not troubles:
        body = batches.take()
        if body is None:
            return
        try:
            connection.request("PUT", path, body, headers)
            answer = connection.getresponse()
            text = answer.read(2000)
        except OSError as error:
            troubles.append(f"an upsert failed: {error}")
            return
        if answer.status != http.client.OK:
            troubles.append(f"the server answered {answer.status} to an upsert: {text.decode(errors='replace')}")


def _make_batches(points: int, digits: int) -> Iterator[bytes]:
    chance = random.Random(768)  # noqa: S311 - data to measure with
    # Numbers of one width, so that a vector is a slice of the pool and costs nothing to make.
    least, most = 10 ** (digits - 1), 10**digits
    lead = "0." if digits > 1 else ""
    pool = "".join(f"{lead}{chance.randrange(least, most)}," for _ in range(_POOL))
    width = len(pool) // _POOL
    for begin in range(0, points, _BATCH):
        made = (
            f'{{"id":{number},"vector":[{_slice(pool, width, chance)}],"payload":{{"number":{number}}}}}'
            for number in range(begin, min(begin + _BATCH, points))
        )
        yield f'{{"points":[{",".join(made)}]}}'.encode()


def _slice(pool: str, width: int, chance: random.Random) -> str:
    begin = chance.randrange(_POOL - DIMENSIONS) * width
    return pool[begin : begin + DIMENSIONS * width - 1]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
