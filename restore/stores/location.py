"""Where a store is: a directory, or a bucket and the prefix of its keys."""

import re
from enum import StrEnum

import msgspec

from restore.system.text import suggest

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)\Z", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9]|\$root\Z")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


class LocationKind(StrEnum):
    """The kind of a store; the value is its URL's scheme."""

    DIRECTORY = "file"
    S3 = "s3"
    GCS = "gs"
    AZURE = "az"


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where a store is. A directory has a `path`; a bucket (Azure: a container) has a name and a `prefix`.

    `prefix` has no slash at either end and may be empty.
    """

    kind: LocationKind
    path: str = ""
    bucket: str = ""
    prefix: str = ""

    def __str__(self) -> str:
        """Return the path or the URL; neither ever holds a secret."""
        if self.kind is LocationKind.DIRECTORY:
            return self.path
        return f"{self.kind}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def is_bucket(self) -> bool:
        """Return True if the store is a bucket."""
        return self.kind is not LocationKind.DIRECTORY


def parse_location(text: str) -> Location:
    """Parse a path, `file:///path`, `s3://bucket/prefix`, `gs://…` or `az://container/prefix`.

    Raise `ValueError` with the problem; it never contains a password.
    """
    match = _SCHEME.match(text)
    if not match:
        return Location(kind=LocationKind.DIRECTORY, path=text)
    scheme, rest = match[1].lower(), match[2]
    if scheme == LocationKind.DIRECTORY:
        return _parse_file(rest)
    if scheme not in set(LocationKind):
        known = ", ".join(f"{kind}://" for kind in LocationKind)
        raise ValueError(f"begins with {match[1]}://, a store is a directory or one of {known}{_suggest(scheme)}")
    if "@" in rest.partition("/")[0]:
        raise ValueError(
            "comes with a user name or password; they are taken from where the provider's tools have them"
        )
    if "?" in rest or "#" in rest:
        raise ValueError("goes on with a query or fragment; leave it out")
    bucket, _, prefix = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"has '{bucket}' where the bucket's name belongs ({scheme}://BUCKET/PREFIX)")
    return Location(kind=LocationKind(scheme), bucket=bucket, prefix=_parse_prefix(prefix))


def _parse_prefix(prefix: str) -> str:
    parts = [part for part in prefix.split("/") if part]
    if any(part in {".", ".."} for part in parts) or _FORBIDDEN.search(prefix):
        raise ValueError(f"has '{prefix}' as a prefix; it cannot hold '.', '..', '\\' and control characters")
    return "/".join(parts)


def _parse_file(rest: str) -> Location:
    host, slash, path = rest.partition("/")
    if host not in {"", "localhost"} or not slash:
        raise ValueError(f"names the host '{host}'; a directory is file:///PATH")
    from urllib.parse import unquote  # noqa: PLC0415 - boot: a plain path does not need it

    return Location(kind=LocationKind.DIRECTORY, path="/" + unquote(path))


def _suggest(scheme: str) -> str:
    return suggest(scheme, [str(kind) for kind in LocationKind])
