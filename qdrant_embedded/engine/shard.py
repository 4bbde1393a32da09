"""One shard of a collection in the real engine: opened on first use, durable at every acknowledged write."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import qdrant_edge as edge

from qdrant_embedded.engine.vectors import PLACEHOLDER, is_vectorless, to_engine_config
from qdrant_embedded.errors import ApiError, not_found, service_error, wrong_input

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATION_NUMBER = "op_num"


@contextlib.contextmanager
def translate_engine_errors() -> Iterator[None]:
    """Raise the engine's exceptions as ApiError.

    The engine raises plain exceptions with the server's own messages, and its panics are not an `Exception`.
    """
    try:
        yield
    except (ApiError, OSError):
        raise
    except Exception as error:
        message = str(error)
        if message.startswith("No point with id"):
            raise not_found(f"{message} found") from error
        raise wrong_input(message) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise service_error(f"the engine panicked: {error}") from None
        raise


class Shard:
    """A directory with segments and a write-ahead log, and the engine over it, which is opened on first use."""

    def __init__(self, path: Path, params: dict[str, Any]) -> None:
        self.path = path
        self.params = params
        self._engine: Any = None
        self._number: int | None = None

    @property
    def engine(self) -> Any:  # noqa: ANN401 - engine type
        """The open engine. Opening it replays the write-ahead log, or creates the shard if it was never used."""
        if self._engine is None:
            with translate_engine_errors():
                self._engine = self._load() if self.has_segments() else self._create()
        return self._engine

    def has_segments(self) -> bool:
        """Return whether anything was ever stored here."""
        return (self.path / "segments").is_dir()

    def _load(self) -> Any:  # noqa: ANN401 - engine type
        return edge.EdgeShard.load(str(self.path))

    def _create(self) -> Any:  # noqa: ANN401 - engine type
        # A kill half-way must not leave a directory that loads as a shard: created elsewhere, then renamed.
        new_path = self.path.with_name(f"{self.path.name}.unborn")
        shutil.rmtree(new_path, ignore_errors=True)
        new_path.mkdir(parents=True)
        engine = edge.EdgeShard.create(str(new_path), to_engine_config(self.params))
        # Operation 0, so that the first write gets number 1 as on a server.
        if is_vectorless(self.params):
            engine.update(edge.UpdateOperation.delete_vector_name(PLACEHOLDER))
        else:
            engine.update(edge.UpdateOperation.delete_points([]))
        engine.flush()
        engine.close()
        shutil.rmtree(self.path, ignore_errors=True)
        new_path.rename(self.path)
        return self._load()

    def close(self) -> None:
        """Close the files; the next use opens them again."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    @property
    def op_num(self) -> int:
        """How many write operations this shard has taken; the count goes on after restarts and recoveries."""
        if self._number is None:
            try:
                self._number = int((self.path / OPERATION_NUMBER).read_text())
            except (FileNotFoundError, ValueError):
                self._number = max(self._segment_versions(), default=0)
        return self._number

    def apply(self, operation: Any) -> int:  # noqa: ANN401 - engine type
        """Apply one operation; it is in the write-ahead log when this returns. Return its number."""
        engine = self.engine
        with translate_engine_errors():
            engine.update(operation)
        self._number = self.op_num + 1
        (self.path / OPERATION_NUMBER).write_text(str(self._number))
        return self._number

    def apply_to_schema(self, operation: Any) -> int:  # noqa: ANN401 - engine type
        """Apply a change of the payload indexes. Return its number; it takes two, as on a server."""
        self.apply(edge.UpdateOperation.delete_points([]))
        return self.apply(operation)

    def flush(self) -> None:
        """Write everything from the write-ahead log to the segments."""
        with translate_engine_errors():
            self.engine.flush()

    def last_version(self) -> int | None:
        """Return the newest operation in the shard's files, None if it had none."""
        versions = self._segment_versions()
        with contextlib.suppress(FileNotFoundError):
            versions.append(msgspec.json.decode((self.path / "wal" / "first-index").read_bytes())["ack_index"])
        return max(versions, default=None)

    def indexed_fields(self) -> dict[str, Any]:
        """Return the payload indexes of the segments, those of a recovered snapshot included."""
        fields: dict[str, Any] = {}
        for path in sorted(self.path.glob("segments/*/payload_index/config.json")):
            fields |= msgspec.json.decode(path.read_bytes()).get("indexed_fields", {})
        return fields

    def _segment_versions(self) -> list[int]:
        read = (msgspec.json.decode(path.read_bytes()) for path in self.path.glob("segments/*/segment.json"))
        return [one["version"] for one in read if one.get("version") is not None]

    def replace_with(self, incoming: Path) -> None:
        """Replace the shard's directory by another on the same file system."""
        incoming.replace(self.path)
        self._number = None
