"""The embedded Qdrant, where it is installed, started on a temporary directory."""

import contextlib
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from restore.errors import QdrantError, SettingsError

_NEEDED = ("qdrant_edge", "starlette", "uvicorn", "python_multipart")


@contextlib.contextmanager
def open_embedded() -> Iterator[str]:
    """Start it for the time of a `with`, and yield its URL. Its data is deleted afterwards.

    Raise `SettingsError` where it is not installed, `QdrantError` when it does not start.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise SettingsError(
            f"--on embedded: the embedded engine is not installed ({missing[0]} is missing)",
            hint="pip install 'qdrant-restore[embedded]', or give a server: --on http://…",
        )
    from qdrant_embedded.process import EmbeddedQdrant, StartError  # noqa: PLC0415 - optional package

    with tempfile.TemporaryDirectory(prefix="qdrant-restore-drill-") as directory:
        server = EmbeddedQdrant(Path(directory) / "storage")
        try:
            server.start()
        except StartError as error:
            reason = str(error).strip().splitlines()[-1]
            raise QdrantError(f"the embedded engine did not start: {reason}", permanent=True) from error
        try:
            yield server.url
        finally:
            server.stop()
