"""Snapshots of collections, of shards and of everything: create, list, delete; recover a collection."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qdrant_embedded import errors
from qdrant_embedded.engine.collection_names import check_name
from qdrant_embedded.http.parameters import require_field
from qdrant_embedded.http.responses import accepted_response
from qdrant_embedded.snapshots import create as creation
from qdrant_embedded.snapshots import files
from qdrant_embedded.snapshots.location import open_location
from qdrant_embedded.snapshots.recover import recover_collection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qdrant_embedded.http.request import ApiRequest

HEX_DIGITS = 64
PRIORITIES = ("no_sync", "snapshot", "replica")


def run_or_accept(work: Callable[[], Any], started: float, *, wait: bool) -> Any:  # noqa: ANN401 - any result
    """Return the result of the work, or start it and return a 202 without waiting; its ApiError is then lost."""
    if wait:
        return work()

    def ignore_error() -> None:
        with contextlib.suppress(errors.ApiError):
            work()

    threading.Thread(target=ignore_error, daemon=True).start()
    return accepted_response(started)


def run_for_request(request: ApiRequest, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - a result or a response
    """Run the work as the `wait` parameter asks."""
    return run_or_accept(work, request.started, wait=request.should_wait(default=True))


def create(request: ApiRequest) -> Any:  # noqa: ANN401 - a result or a response
    """Create a snapshot of a collection."""
    request.server.catalog.get(request.name)
    return run_for_request(request, lambda: creation.create_collection_snapshot(request.server, request.name))


def create_of_shard(request: ApiRequest) -> Any:  # noqa: ANN401 - a result or a response
    """Create a snapshot of a shard."""
    number = parse_shard(request)
    return run_for_request(request, lambda: creation.create_shard_snapshot(request.server, request.name, number))


def create_of_everything(request: ApiRequest) -> Any:  # noqa: ANN401 - a result or a response
    """Create a snapshot of all collections in one file."""
    return run_for_request(request, lambda: creation.create_full_snapshot(request.server))


def parse_shard(request: ApiRequest) -> int:
    """Return the number of the shard in the path. Raise ApiError 404."""
    given = request.path["shard"]
    number = int(given) if given.isdigit() else -1
    request.server.catalog.get(request.name).shard(number)
    return number


def find_directory(request: ApiRequest) -> Path:
    """Return the directory of the snapshots that the path means: a collection's, a shard's, or the full ones."""
    if "name" not in request.path:
        return request.server.settings.snapshots
    name = request.server.catalog.get(request.name).name
    if "shard" not in request.path:
        return request.server.snapshots_of(name)
    return request.server.shard_snapshots_of(name, parse_shard(request))


def list_snapshots(request: ApiRequest) -> list[dict[str, Any]]:
    """Return the snapshots of the path's collection or shard, or the full ones."""
    return files.list_snapshots(find_directory(request))


def delete(request: ApiRequest) -> Any:  # noqa: ANN401 - a result or a response
    """Delete a snapshot file."""
    directory = find_directory(request)

    def work() -> bool:
        files.delete_snapshot(directory, request.path["snapshot"])
        return True

    return run_for_request(request, work)


def parse_checksum(given: str | None, where: str) -> str | None:
    """Return a checksum in lower case, None for none. Raise ApiError 422 for one of another length."""
    if given is not None and len(given) != HEX_DIGITS:
        found = f'"value": String("{given}"), "length": Number({len(given)})'
        detail = f'invalid_sha256_hash [{{"expected_length": Number({HEX_DIGITS}), {found}}}]'
        raise errors.ApiError(422, f"Validation error in {where}: [checksum: Validation error: {detail}]")
    return None if given is None else given.lower()


def describe_unknown_priority(given: str) -> str:
    """Return the message for a priority that does not exist; it lists those that do."""
    return f"unknown variant `{given}`, expected one of " + ", ".join(f"`{priority}`" for priority in PRIORITIES)


def recover(request: ApiRequest) -> Any:  # noqa: ANN401 - a result or a response
    """Recover a collection from a file under the snapshots directory or from a URL."""
    check_name(request.name, strict=False)
    location, priority = require_field(request.document, "location", str), request.document.get("priority")
    if priority is not None and priority not in PRIORITIES:
        raise errors.bad_json(describe_unknown_priority(priority))
    if not urlsplit(location).scheme:
        raise errors.bad_json(f'relative URL without a base: "{location}"')
    expected = parse_checksum(request.document.get("checksum"), "JSON body")
    server, api_key = request.server, request.document.get("api_key")

    def work() -> bool:
        with server.operations.count_recovery(request.name), open_location(server, location, api_key) as path:
            if expected is not None and (found := files.compute_checksum(path)) != expected:
                raise errors.wrong_input(f"Snapshot checksum mismatch: expected {expected}, got {found}")
            recover_collection(server, request.name, path)
        return True

    return run_for_request(request, work)
