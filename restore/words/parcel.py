"""What is sent to a server."""

from __future__ import annotations

import msgspec


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A file (`path` here, `server_path` as the server sees it or empty), its size in bytes and its SHA-256.

    `upload_name` is the name under which the server keeps an uploaded file.
    """

    target: str
    path: str
    server_path: str
    size: int
    checksum: str
    upload_name: str
