"""The settings of a command line, with nothing from this machine's environment."""

from __future__ import annotations

from pathlib import Path

from restore.cli.parser import parse_arguments
from restore.settings.model import Settings
from restore.settings.resolve import read_settings
from restore.settings.sources import Sources


def resolve_settings(
    command: str,
    *arguments: str,
    store: Path,
    url: str = "",
    key: str = "",
    document: dict[str, object] | None = None,
) -> Settings:
    """Read them as the program does. `document` is what the settings file holds."""
    invocation = parse_arguments([command, *arguments])
    assert invocation is not None
    return read_settings(
        invocation.command,
        Sources(
            arguments=invocation.arguments,
            flags=invocation.flags,
            environment={"QDRANT_URL": url, "RESTORE_STORE": str(store), "QDRANT_API_KEY": key},
            document=document or {},
            problems=invocation.problems,
        ),
    )
