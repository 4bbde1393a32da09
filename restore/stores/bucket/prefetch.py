"""Reading the manifests of a whole listing: the next ones are asked for while somebody looks at this one.

Who prunes or verifies a store goes over every entry in the order of the listing; one request after the other would
cost a round trip each, and two for those whose size the listing has told already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future

from restore.snapshots.name import name_manifest
from restore.stores.bucket.client import BucketClient, StoredObject, obstore_errors

_AHEAD = 32
_LONGEST = 1 << 20


class ManifestPrefetcher:
    """A walk over the snapshots of one listing. What it knows is as old as that listing, and used once."""

    def __init__(self, client: BucketClient, find_key: Callable[[str], str]) -> None:
        self._client = client
        self._find_key = find_key
        self._found: dict[str, StoredObject] = {}
        self._places: dict[str, int] = {}
        self._files: list[str] = []
        self._asked = 0
        self._coming: dict[str, Future[bytes | None]] = {}

    def begin(self, listed: Iterable[tuple[str, StoredObject]]) -> None:
        """Take a listing's snapshots, in its order. Nothing is asked for before somebody reaches one."""
        self._found = dict(listed)
        self._files = list(self._found)
        self._places = {file: place for place, file in enumerate(self._files)}

    def reach(self, file: str) -> StoredObject | None:
        """Give what the listing told of a file, once; the manifests of those behind it are asked for."""
        found = self._found.pop(file, None)
        if found is None:
            return None
        place = self._places[file]
        # Those that were passed over are not looked at any more.
        for passed in [one for one in self._coming if self._places[one] < place]:
            del self._coming[passed]
        self._asked = max(self._asked, place)
        while self._asked < min(place + _AHEAD, len(self._files)):
            self._ask_for(self._files[self._asked])
            self._asked += 1
        return found

    def take(self, file: str) -> bytes | None:
        """Give a manifest that was asked for, once; None when it was not, or must be asked for again."""
        coming = self._coming.pop(file, None)
        if coming is None:
            return None
        try:
            return coming.result()
        except obstore_errors():
            # Asked for again, whoever wants it is told the trouble.
            return None

    def _ask_for(self, file: str) -> None:
        key = self._find_key(name_manifest(file))
        self._coming[file] = self._client.begin(lambda: self._client.read_small(key, _LONGEST))
