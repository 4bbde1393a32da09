"""Server versions: their text parsed, and which ones are supported."""

import re
from typing import Self

import msgspec

_VERSION = re.compile(r"v?(?P<major>[0-9]{1,9})\.(?P<minor>[0-9]{1,9})(?:\.(?P<patch>[0-9]{1,9}))?")


class Version(msgspec.Struct, frozen=True, order=True):
    """A version of Qdrant, compared by its three numbers. `text` is what the server said."""

    major: int
    minor: int
    patch: int
    text: str = ""

    def __str__(self) -> str:
        """Return what the server said, else the numbers."""
        return self.text or f"{self.major}.{self.minor}.{self.patch}"

    @property
    def line(self) -> tuple[int, int]:
        """Major and minor version. Upstream supports a snapshot on its own line and on the next one."""
        return (self.major, self.minor)

    def is_supported_on(self, server: Self) -> bool:
        """Return whether upstream supports a snapshot of this version on that server: the same minor or the next."""
        return self.major == server.major and server.minor - self.minor in {0, 1}


OLDEST_SUPPORTED = Version(1, 16, 0)
# RocksDB was removed from the server in 1.18.0 (qdrant lib/common/common/src/flags.rs).
FIRST_WITHOUT_ROCKSDB = (1, 18)
FIRST_WITH_QUOTAS = (1, 19)


def parse_version(text: str) -> Version | None:
    """Return the version in `1.18.3`, `v1.16` or `1.18.3-dev`; None when there is none."""
    match = _VERSION.match(text.strip())
    if not match:
        return None
    return Version(int(match["major"]), int(match["minor"]), int(match["patch"] or 0), text.strip())
