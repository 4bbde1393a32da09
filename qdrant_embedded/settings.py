"""Settings of the embedded Qdrant: arguments first, then the server's own environment variables."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Settings:
    """The settings of a server; its repr shows no secret."""

    storage: Path
    snapshots: Path
    host: str
    port: int
    api_key: str | None
    read_only_api_key: str | None
    ready_file: Path | None
    allow_misbehaviour: bool
    misbehave: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Settings(storage={self.storage}, host={self.host}, port={self.port})"


def parser() -> argparse.ArgumentParser:
    """Return the command line of `python -m qdrant_embedded`."""
    result = argparse.ArgumentParser(
        prog="python -m qdrant_embedded",
        description="An emulation of Qdrant's HTTP API for demos, tests and CI. Not a Qdrant server.",
    )
    result.add_argument("--storage", type=Path, required=True, help="directory of the collections")
    result.add_argument("--snapshots", type=Path, help="directory of the snapshots (default: STORAGE/snapshots)")
    result.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    result.add_argument("--port", type=int, default=6333, help="port, 0 for a free one (default: %(default)s)")
    keys = result.add_mutually_exclusive_group()
    keys.add_argument("--api-key", help="full-access key")
    keys.add_argument("--api-key-file", type=Path, help="file with the full-access key")
    result.add_argument("--read-only-api-key", help="key that may only read")
    result.add_argument("--ready-file", type=Path, help="file that gets the URL once the server listens")
    result.add_argument("--allow-misbehaviour", action="store_true", help="serve /__misbehave, for tests")
    result.add_argument("--misbehave", action="append", default=[], metavar="JSON", help="a fault from the start on")
    return result


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Return settings from a command line and an environment. Exit with status 2 if they are invalid."""
    options = parser().parse_args(arguments)
    key = options.api_key
    if options.api_key_file is not None:
        key = options.api_key_file.read_text().removesuffix("\n").removesuffix("\r")
    return Settings(
        storage=options.storage.absolute(),
        snapshots=(options.snapshots or options.storage / "snapshots").absolute(),
        host=options.host,
        port=options.port,
        api_key=key or environment.get("QDRANT__SERVICE__API_KEY") or None,
        read_only_api_key=options.read_only_api_key or environment.get("QDRANT__SERVICE__READ_ONLY_API_KEY") or None,
        ready_file=options.ready_file,
        allow_misbehaviour=options.allow_misbehaviour or bool(options.misbehave),
        misbehave=tuple(options.misbehave),
    )
