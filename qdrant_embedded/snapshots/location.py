"""Open the file that a recovery names: under the snapshots directory, or behind a URL."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from qdrant_embedded.errors import bad_request, forbidden, service_error, wrong_input

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qdrant_embedded.server import Server

STALL_SECONDS = 60


@contextlib.contextmanager
def open_location(server: Server, location: str, api_key: str | None) -> Iterator[Path]:
    """Yield the file at a location; a downloaded one is deleted afterwards. Raise ApiError."""
    scheme = urlsplit(location).scheme
    if scheme == "file":
        yield resolve_file(server, location)
    elif scheme in {"http", "https"}:
        handle, name = tempfile.mkstemp(prefix="download-", dir=server.catalog.temporary_path)
        os.close(handle)
        try:
            download(location, api_key, Path(name))
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
    else:
        raise bad_request(f"URL {location} with scheme {scheme} is not supported")


def resolve_file(server: Server, location: str) -> Path:
    """Return the file of a `file://` location, links resolved. Raise ApiError 400 and 403 in the server's order."""
    parts = urlsplit(location)
    if parts.netloc not in {"", "localhost"}:
        raise bad_request("Invalid snapshot URI, file path must be absolute or on localhost")
    path = Path("/", unquote(parts.path))  # the server reads `file:x` as `/x`
    if not path.exists():
        raise bad_request(f'Snapshot file "{path}" does not exist')
    allowed = server.settings.snapshots.resolve()
    resolved = path.resolve()
    if not resolved.is_relative_to(allowed):
        raise forbidden(f'Snapshot file path must be inside the snapshots directory "{allowed}"')
    return resolved


def download(location: str, api_key: str | None, target: Path) -> None:
    """Download to a file. Raise ApiError 400 for a status that is no success, 500 if there is no answer."""
    request = urllib.request.Request(location, headers={"api-key": api_key} if api_key else {})
    try:
        with urllib.request.urlopen(request, timeout=STALL_SECONDS) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
    except urllib.error.HTTPError as error:
        raise wrong_input(f"Failed to download tar from {location}: status - {error.code}") from error
    except OSError as error:
        raise service_error(f"Http request error: error sending request for url ({location})") from error
