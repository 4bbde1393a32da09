"""What is sent to a server."""

from __future__ import annotations

import msgspec


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot (`path` here or its URL, `server_path` as the server sees it or empty), its size and its SHA-256.

    `by_url`: the store can give the server a URL to read it from. Size and checksum are those of the server's bytes.
    `upload_name` is the name under which the server keeps an uploaded file.
    """

    target: str
    path: str
    server_path: str
    size: int
    checksum: str
    upload_name: str
    by_url: bool = False
