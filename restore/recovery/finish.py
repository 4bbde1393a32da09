"""Put a restored collection in order: our upload off the server; indexes, aliases and the read fan-out back."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from restore.errors import QdrantError, RestoreError
from restore.qdrant.client import Qdrant
from restore.recovery.marker.model import SentTransfer
from restore.recovery.target_state import Present

Done = TypeVar("Done")
_READ_FAN_OUT = ("read_fan_out_factor", "read_fan_out_delay_ms")
_EMPTY_BODY = {
    "vectors": {},
    "shard_number": 1,
    "wal_config": {"wal_capacity_mb": 1, "wal_segments_ahead": 0},
}


def delete_upload(qdrant: Qdrant, target: str, sent: SentTransfer | None) -> None:
    """Delete the file that an upload left on the server. Only while the collection exists can it be reached.

    No other program gives a file that name, so it is deleted again when the answer was lost.
    """
    if sent and sent.file:
        _try_twice(partial(qdrant.delete_snapshot, target, sent.file))


def delete_stranded_upload(qdrant: Qdrant, target: str, sent: SentTransfer | None) -> None:
    """Delete an upload's file although its collection was never made: afterwards a DELETE of it is a 404.

    An empty collection of that name is created for it, under our marker, and dropped when it is still empty.
    """
    if not sent or not sent.file:
        return
    made = qdrant.create_collection(target, _EMPTY_BODY)
    delete_upload(qdrant, target, sent)
    if made and qdrant.count_points(target) == 0:
        qdrant.delete_collection(target)


def restore_indexes(qdrant: Qdrant, target: str, present: Present, schema: dict[str, dict[str, object]]) -> list[str]:
    """Create the payload indexes that the snapshot had and the collection has not; a failure is a warning."""
    warnings = []
    for field, index in schema.items():
        if field in present.info.payload_schema:
            continue
        schema_of_it = index.get("params") or index.get("data_type")
        create = partial(qdrant.create_payload_index, target, field, schema_of_it)
        if problem := _find_refusal(partial(_try_twice, create)):
            warnings.append(f"payload index '{field}' could not be put back: {problem}")
    return warnings


def restore_read_fan_out(qdrant: Qdrant, target: str, present: Present, config: dict[str, Any]) -> list[str]:
    """Set how reads fan out to replicas as the snapshot had it: a recovery drops it. A failure is a warning."""
    promised, found = config.get("params"), present.info.config.get("params") or {}
    if not isinstance(promised, dict):
        return []
    lost = {key: promised[key] for key in _READ_FAN_OUT if promised.get(key) is not None and found.get(key) is None}
    if lost and (problem := _find_refusal(partial(_try_twice, partial(qdrant.patch_params, target, lost)))):
        return [f"{' and '.join(lost)} could not be put back: {problem}"]
    return []


def restore_aliases(qdrant: Qdrant, target: str, aliases: tuple[str, ...]) -> list[str]:
    """Create the aliases that are missing; one that points elsewhere is never moved, a warning says so."""
    # After a lost answer all are read again: by now one may be there, or belong to another collection.
    return _try_twice(partial(_put_back_aliases, qdrant, target, aliases)) if aliases else []


def _put_back_aliases(qdrant: Qdrant, target: str, aliases: tuple[str, ...]) -> list[str]:
    warnings: list[str] = []
    live, collections = qdrant.list_aliases(), set(qdrant.list_collections())
    for alias in aliases:
        behind = live.get(alias)
        if behind == target:
            continue
        if behind is not None:
            warnings.append(f"alias '{alias}' points to '{behind}' and was left there")
        elif alias in collections:
            warnings.append(f"alias '{alias}' was not put back: a collection has that name")
        elif problem := _find_refusal(partial(qdrant.create_alias, alias, target)):
            warnings.append(f"alias '{alias}' could not be put back: {problem}")
    return warnings


def _try_twice(do: Callable[[], Done]) -> Done:
    """Do once more what may be done twice, when no answer says whether it was done."""
    try:
        return do()
    except QdrantError as error:
        if error.http_status is not None or error.permanent:
            raise
    return do()


def _find_refusal(work: Callable[[], None]) -> RestoreError | None:
    """Do it. Return the server's refusal, None without one. Raise a lost connection: then the next run does it."""
    try:
        work()
    except RestoreError as error:
        if isinstance(error, QdrantError) and error.http_status is None:
            raise
        return error
    return None
