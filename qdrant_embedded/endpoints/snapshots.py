"""Snapshots of collections, of shards and of everything: create, list, delete; recover a collection."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qdrant_embedded import answers, creation, location, recovery, shelf
from qdrant_embedded.endpoints.points import field
from qdrant_embedded.names import checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qdrant_embedded.call import Call

HEX_DIGITS = 64
PRIORITIES = ("no_sync", "snapshot", "replica")


def in_time(work: Callable[[], Any], started: float, *, wait: bool) -> Any:  # noqa: ANN401 - any result
    """Do the work, or begin it and give a 202 when the client does not wait; its refusals are then lost."""
    if wait:
        return work()

    def forget() -> None:
        with contextlib.suppress(answers.Refusal):
            work()

    threading.Thread(target=forget, daemon=True).start()
    return answers.accepted(started)


def for_call(call: Call, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - a result or a response
    """Do the work as the `wait` parameter says."""
    return in_time(work, call.started, wait=call.asks_to_wait(default=True))


def create(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Snapshot a collection."""
    call.server.catalog.get(call.name)
    return for_call(call, lambda: creation.of_collection(call.server, call.name))


def create_of_shard(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Snapshot a shard."""
    number = shard_number(call)
    return for_call(call, lambda: creation.of_shard(call.server, call.name, number))


def create_of_everything(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Snapshot all collections into one file."""
    return for_call(call, lambda: creation.of_everything(call.server))


def shard_number(call: Call) -> int:
    """Give the shard in the path. Raises Refusal 404."""
    given = call.path["shard"]
    number = int(given) if given.isdigit() else -1
    call.server.catalog.get(call.name).shard(number)
    return number


def directory(call: Call) -> Path:
    """Give where the snapshots of the path's kind rest: a collection's, a shard's, or the full ones."""
    if "name" not in call.path:
        return call.server.settings.snapshots
    name = call.server.catalog.get(call.name).name
    if "shard" not in call.path:
        return call.server.snapshots_of(name)
    return call.server.shard_snapshots_of(name, shard_number(call))


def listing(call: Call) -> list[dict[str, Any]]:
    """List the snapshots of that kind."""
    return shelf.listing(directory(call))


def delete(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Remove a snapshot of that kind."""
    shelf_of_it = directory(call)

    def work() -> bool:
        shelf.delete(shelf_of_it, call.path["snapshot"])
        return True

    return for_call(call, work)


def checked_checksum(given: str | None, where: str) -> str | None:
    """Give a checksum in lower case, None for none. Raises Refusal 422 for one of another length."""
    if given is not None and len(given) != HEX_DIGITS:
        found = f'"value": String("{given}"), "length": Number({len(given)})'
        sentence = f'invalid_sha256_hash [{{"expected_length": Number({HEX_DIGITS}), {found}}}]'
        raise answers.Refusal(422, f"Validation error in {where}: [checksum: Validation error: {sentence}]")
    return None if given is None else given.lower()


def unknown_priority(given: str) -> str:
    """Say which priorities there are."""
    return f"unknown variant `{given}`, expected one of " + ", ".join(f"`{one}`" for one in PRIORITIES)


def recover(call: Call) -> Any:  # noqa: ANN401 - a result or a response
    """Recover a collection from a file under the snapshots directory or from a URL."""
    checked(call.name, strict=False)
    place, priority = field(call.document, "location", str), call.document.get("priority")
    if priority is not None and priority not in PRIORITIES:
        raise answers.bad_json(unknown_priority(priority))
    if not urlsplit(place).scheme:
        raise answers.bad_json(f'relative URL without a base: "{place}"')
    wanted = checked_checksum(call.document.get("checksum"), "JSON body")
    api_key = call.document.get("api_key")

    def work() -> bool:
        with call.server.gauges.recovery(call.name), location.opened(call.server, place, api_key) as path:
            if wanted is not None and (found := shelf.checksum_of(path)) != wanted:
                raise answers.wrong_input(f"Snapshot checksum mismatch: expected {wanted}, got {found}")
            recovery.recover(call.server, call.name, path)
        return True

    return for_call(call, work)
