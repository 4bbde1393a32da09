"""The command lines that are compared: ours, curl's, and those of hand-written scripts."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import msgspec

from bench.workspace import Source, Workspace
from restore.snapshots.manifest import Manifest

_SCRIPTS = Path(__file__).resolve().parent / "scripts"
_OURS = [sys.executable, "-m", "restore"]
_BATCH = 16


class StoredSource(msgspec.Struct, frozen=True):
    """The snapshot of a source in a store."""

    source: Source
    path: Path
    manifest: Manifest


def restore_ours(workspace: Workspace, stored: StoredSource, transfer: str, *, store: str = "") -> list[str]:
    """Return the command of a restore; it includes its marker, verification and cleanup."""
    command = [*_OURS, "restore", stored.source.name, "--to", workspace.target]
    return [*command, *_name_store(workspace, store), "--transfer", transfer]


def restore_many_ours(workspace: Workspace, many: Sequence[StoredSource], transfer: str) -> list[str]:
    """Return the command that restores several collections in one run, each under its own name."""
    names = [stored.source.name for stored in many]
    return [*_OURS, "restore", *names, *_name_store(workspace), "--transfer", transfer]


def restore_with_curl(
    workspace: Workspace, stored: StoredSource, *, target: str = "", file: Path | None = None
) -> list[str]:
    """Return a curl that uploads with the checksum, then makes our verification's reads on the same connection."""
    url = f"{workspace.server.url}/collections/{target or workspace.target}"
    query = f"priority=snapshot&checksum={stored.manifest.sha256}&wait=true"
    upload = ["-F", f"snapshot=@{file or stored.path}", f"{url}/snapshots/upload?{query}"]
    ids = [sample.id for sample in stored.manifest.samples]
    count: tuple[str, object] = ("points/count", {"exact": True})
    batches = (ids[begin : begin + _BATCH] for begin in range(0, len(ids), _BATCH))
    points = [("points", {"ids": batch, "with_payload": True, "with_vector": True}) for batch in batches]
    json_type = "Content-Type: application/json"
    reads = [["-H", json_type, "-d", json.dumps(body), f"{url}/{path}"] for path, body in (count, *points)]
    return _chain(workspace, [upload, [url], *reads])


def restore_many_with_curl(workspace: Workspace, many: Sequence[StoredSource]) -> list[str]:
    """Return a script that restores several collections with curl, one after the other."""
    curls = [restore_with_curl(workspace, stored, target=stored.source.name) for stored in many]
    return run_script(*(shlex.join(curl) for curl in curls))


def restore_with_script(workspace: Workspace, stored: StoredSource) -> list[str]:
    """Return the hand-written script that uploads with requests (`files={…}`) and makes the same reads."""
    ids = workspace.work / "ids.json"
    ids.write_text(json.dumps([sample.id for sample in stored.manifest.samples]), encoding="utf-8")
    script = [sys.executable, str(_SCRIPTS / "upload.py"), workspace.server.url, workspace.target]
    return [*script, str(stored.path), stored.manifest.sha256, str(ids)]


def snapshot_ours(sources: Sequence[Source], store: Path | str) -> list[str]:
    """Return the command of a snapshot; it includes samples, manifest and fsync."""
    return [*_OURS, "snapshot", *(source.name for source in sources), "--store", str(store)]


def snapshot_with_curl(workspace: Workspace, sources: Sequence[Source], directory: Path) -> list[str]:
    """Return a script that creates, downloads with curl and runs `sha256sum`, for one source after the other."""
    files = [directory / f"{source.name}.snapshot" for source in sources]
    fetches = [fetch_with_curl(workspace, source, file) for source, file in zip(sources, files, strict=True)]
    hashes = [f"sha256sum {quote(str(file))}" for file in files]
    return run_script(*(f"{fetch}\n{hashed}" for fetch, hashed in zip(fetches, hashes, strict=True)))


def fetch_with_curl(workspace: Workspace, source: Source, file: Path) -> str:
    """Return the lines of a script that creates a snapshot on the server and downloads it."""
    curl = f"curl -sS -f -K {quote(str(_write_curl_settings(workspace)))}"
    url = f"{workspace.server.url}/collections/{source.name}/snapshots"
    created = quote(f"{file}.json")
    return f"""{curl} -X POST -o {created} '{url}?wait=true'
name=$(sed 's/.*"name":"\\([^"]*\\)".*/\\1/' {created})
{curl} -o {quote(str(file))} "{url}/$name\""""


def snapshot_with_script(workspace: Workspace, source: Source, directory: Path) -> list[str]:
    """Return the hand-written script that downloads with one `requests.get`, writes the file and hashes it."""
    file = directory / "script.snapshot"
    return [sys.executable, str(_SCRIPTS / "snapshot.py"), workspace.server.url, source.name, str(file)]


def boot_ours(workspace: Workspace, source: Source) -> list[str]:
    """Return the command of a restore that finds its collection restored already."""
    return [*_OURS, "restore", source.name, "--store", str(workspace.store)]


def boot_with_script(workspace: Workspace, source: Source) -> list[str]:
    """Return the hand-written script that makes the same reads with requests."""
    return [sys.executable, str(_SCRIPTS / "boot.py"), workspace.server.url, source.name]


def start_only() -> list[str]:
    """Return a command that only starts our program; its peak is subtracted from the others'."""
    return [*_OURS, "version"]


def run_script(*lines: str) -> list[str]:
    """Return a shell that runs these lines one after the other and stops at the first failure."""
    return ["sh", "-c", "\n".join(["set -e", *lines])]


def _name_store(workspace: Workspace, store: str = "") -> list[str]:
    """Return the options that name a store: the given one, else the workspace's, as the server sees it too."""
    if store:
        return ["--store", store]
    seen = ["--server-store", workspace.server_store] if workspace.server_store else []
    return ["--store", str(workspace.store), *seen]


def _chain(workspace: Workspace, requests: list[list[str]]) -> list[str]:
    """Return one curl for several requests, which keeps its connection between them."""
    settings = str(_write_curl_settings(workspace))
    command = ["curl", "--fail-early"]
    for number, request in enumerate(requests):
        command += ["--next"] if number else []
        command += ["-sS", "-f", "-K", settings, "-o", os.devnull, *request]
    return command


def _write_curl_settings(workspace: Workspace) -> Path:
    """Write the API key to a file, because every user can read a command line."""
    path = workspace.work / "curlrc"
    key = os.environ.get("QDRANT_API_KEY", "")
    path.touch(mode=0o600)
    path.write_text(f'header = "api-key: {key}"\n' if key else "", encoding="utf-8")
    return path
