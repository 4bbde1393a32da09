"""The contestants' command lines: ours, curl's, and those of the scripts that people write by hand."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import msgspec

from bench.ground import Ground, Source
from restore.snapshots.manifest import Manifest

_NAIVE = Path(__file__).resolve().parent / "naive"
_OURS = [sys.executable, "-m", "restore"]
_BATCH = 16


class Stored(msgspec.Struct, frozen=True):
    """A snapshot in a store, to be restored by everybody."""

    source: Source
    path: Path
    manifest: Manifest


def restore_ours(ground: Ground, stored: Stored, transfer: str, *, store: str = "") -> list[str]:
    """`qdrant-restore restore`, the whole program with its marks, its verification and its tidying."""
    command = [*_OURS, "restore", stored.source.name, "--to", ground.target]
    return [*command, *_name_store(ground, store), "--transfer", transfer]


def restore_many_ours(ground: Ground, many: Sequence[Stored], transfer: str) -> list[str]:
    """Restore several collections in one run, each under its own name."""
    names = [stored.source.name for stored in many]
    return [*_OURS, "restore", *names, *_name_store(ground), "--transfer", transfer]


def restore_with_curl(ground: Ground, stored: Stored, *, target: str = "", file: Path | None = None) -> list[str]:
    """`curl -F` with the checksum, then the reads that our verification makes, over the same connection."""
    where = f"{ground.server.url}/collections/{target or ground.target}"
    query = f"priority=snapshot&checksum={stored.manifest.sha256}&wait=true"
    upload = ["-F", f"snapshot=@{file or stored.path}", f"{where}/snapshots/upload?{query}"]
    ids = [sample.id for sample in stored.manifest.samples]
    bodies: list[tuple[str, object]] = [("points/count", {"exact": True})]
    for begin in range(0, len(ids), _BATCH):
        asked = {"ids": ids[begin : begin + _BATCH], "with_payload": True, "with_vector": True}
        bodies.append(("points", asked))
    reads = [[where]]
    for path, body in bodies:
        reads.append(["-H", "Content-Type: application/json", "-d", json.dumps(body), f"{where}/{path}"])
    return _chain(ground, [upload, *reads])


def restore_many_with_curl(ground: Ground, many: Sequence[Stored]) -> list[str]:
    """Restore several collections in a plain loop, one after the other."""
    curls = [restore_with_curl(ground, stored, target=stored.source.name) for stored in many]
    return run_script(*(shlex.join(curl) for curl in curls))


def restore_naively(ground: Ground, stored: Stored) -> list[str]:
    """Upload with a script of requests, `files={'snapshot': …}`, and make the same reads."""
    ids = ground.work / "ids.json"
    ids.write_text(json.dumps([sample.id for sample in stored.manifest.samples]), encoding="utf-8")
    script = [sys.executable, str(_NAIVE / "upload.py"), ground.server.url, ground.target]
    return [*script, str(stored.path), stored.manifest.sha256, str(ids)]


def snapshot_ours(sources: Sequence[Source], store: Path | str) -> list[str]:
    """`qdrant-restore snapshot`, the whole program: both looks, samples, manifest, synced to the disk."""
    return [*_OURS, "snapshot", *(source.name for source in sources), "--store", str(store)]


def snapshot_with_curl(ground: Ground, sources: Sequence[Source], directory: Path) -> list[str]:
    """Create on the server, download with curl, `sha256sum`; in a plain loop where there are several."""
    files = [directory / f"{source.name}.snapshot" for source in sources]
    fetches = [fetch_with_curl(ground, source, file) for source, file in zip(sources, files, strict=True)]
    hashes = [f"sha256sum {quote(str(file))}" for file in files]
    return run_script(*(f"{fetch}\n{hashed}" for fetch, hashed in zip(fetches, hashes, strict=True)))


def fetch_with_curl(ground: Ground, source: Source, file: Path) -> str:
    """Give the lines of a script that creates a snapshot on the server and downloads it."""
    curl = f"curl -sS -f -K {quote(str(_write_curl_settings(ground)))}"
    where = f"{ground.server.url}/collections/{source.name}/snapshots"
    created = quote(f"{file}.json")
    return f"""{curl} -X POST -o {created} '{where}?wait=true'
name=$(sed 's/.*"name":"\\([^"]*\\)".*/\\1/' {created})
{curl} -o {quote(str(file))} "{where}/$name\""""


def snapshot_naively(ground: Ground, source: Source, directory: Path) -> list[str]:
    """Download with a script of requests: all at once with `requests.get`, then hash what it wrote."""
    file = directory / "naive.snapshot"
    return [sys.executable, str(_NAIVE / "snapshot.py"), ground.server.url, source.name, str(file)]


def boot_ours(ground: Ground, source: Source) -> list[str]:
    """`qdrant-restore restore` of a collection that is there."""
    return [*_OURS, "restore", source.name, "--store", str(ground.store)]


def boot_naively(ground: Ground, source: Source) -> list[str]:
    """Make the same reads with a script of requests."""
    return [sys.executable, str(_NAIVE / "boot.py"), ground.server.url, source.name]


def start_only() -> list[str]:
    """Start our program and end it: what memory is counted from."""
    return [*_OURS, "version"]


def run_script(*lines: str) -> list[str]:
    """Give a shell that runs these lines one after the other, and stops at the first that fails."""
    return ["sh", "-c", "\n".join(["set -e", *lines])]


def _name_store(ground: Ground, store: str = "") -> list[str]:
    """Give the options that name a store: that of the ground, as the server sees it too, unless it is another."""
    if store:
        return ["--store", store]
    seen = ["--server-store", ground.server_store] if ground.server_store else []
    return ["--store", str(ground.store), *seen]


def _chain(ground: Ground, requests: list[list[str]]) -> list[str]:
    """Give one curl for several requests, which keeps its connection between them."""
    settings = str(_write_curl_settings(ground))
    command = ["curl", "--fail-early"]
    for number, request in enumerate(requests):
        command += ["--next"] if number else []
        command += ["-sS", "-f", "-K", settings, "-o", os.devnull, *request]
    return command


def _write_curl_settings(ground: Ground) -> Path:
    """Write the API key where no command line shows it."""
    path = ground.work / "curlrc"
    key = os.environ.get("QDRANT_API_KEY", "")
    path.touch(mode=0o600)
    path.write_text(f'header = "api-key: {key}"\n' if key else "", encoding="utf-8")
    return path
