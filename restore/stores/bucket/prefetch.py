"""The manifests of a whole listing, requested ahead of their use.

Prune and verify go over every entry in the order of the listing. One request after the other would cost a round trip
for each manifest, and another for each snapshot, whose size the listing has already.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future

from restore.snapshots.name import name_manifest
from restore.stores.bucket.client import BucketClient, StoredObject, obstore_errors

_AHEAD = 32
_LONGEST_BYTES = 1 << 20


class ManifestPrefetcher:
    """The snapshots of one listing, each of which is used once. Their sizes are as old as the listing."""

    def __init__(self, client: BucketClient, find_key: Callable[[str], str]) -> None:
        self._client = client
        self._find_key = find_key
        self._found: dict[str, StoredObject] = {}
        self._positions: dict[str, int] = {}
        self._files: list[str] = []
        self._requested = 0
        self._pending: dict[str, Future[bytes | None]] = {}

    def begin(self, listed: Iterable[tuple[str, StoredObject]]) -> None:
        """Take a listing's snapshots, in its order. No manifest is requested yet."""
        self._found = dict(listed)
        self._files = list(self._found)
        self._positions = {file: position for position, file in enumerate(self._files)}

    def reach(self, file: str) -> StoredObject | None:
        """Return a file's object as listed, once, and request the next manifests; None for an unknown file."""
        found = self._found.pop(file, None)
        if found is None:
            return None
        position = self._positions[file]
        # Files that the caller passed over are not used any more.
        for passed in [one for one in self._pending if self._positions[one] < position]:
            del self._pending[passed]
        self._requested = max(self._requested, position)
        while self._requested < min(position + _AHEAD, len(self._files)):
            self._request(self._files[self._requested])
            self._requested += 1
        return found

    def take(self, file: str) -> bytes | None:
        """Return a requested manifest, once. None when it was not requested, or the request failed."""
        pending = self._pending.pop(file, None)
        if pending is None:
            return None
        try:
            return pending.result()
        except obstore_errors():
            # The caller requests it again, which raises the error if it lasts.
            return None

    def _request(self, file: str) -> None:
        key = self._find_key(name_manifest(file))
        self._pending[file] = self._client.begin(lambda: self._client.read_small(key, _LONGEST_BYTES))
