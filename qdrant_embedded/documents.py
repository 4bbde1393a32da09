"""Small JSON documents on disk, replaced as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec


def read(path: Path, default: Any = None) -> Any:  # noqa: ANN401 - any JSON value
    """Give the document, or the default when there is none."""
    try:
        return msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return default


def write(path: Path, document: Any) -> None:  # noqa: ANN401 - any JSON value
    """Write and fsync beside the place, then rename: a kill leaves the old one or the new one."""
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
