"""Small JSON documents on disk, each replaced as a whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec


def read(path: Path, default: Any = None) -> Any:  # noqa: ANN401 - any JSON value
    """Return the document, or the default if there is none."""
    try:
        return msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return default


def write(path: Path, document: Any) -> None:  # noqa: ANN401 - any JSON value
    """Write and fsync a temporary file, then rename it: after a kill the old document is there, or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".document-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(document))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
