"""Look at a Qdrant: does it answer, is it supported, what may our key do, what did killed restores leave on it.

Only reads, unless a proof is asked for: then a marker is made and dropped, and one recovery is requested that cannot
succeed, because its checksum is wrong on purpose.
"""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

import msgspec

from restore.commands.doctor.finding import Finding, look_at
from restore.errors import AuthError, IncompatibleError, IntegrityError, QdrantError, RestoreError
from restore.qdrant.client import Qdrant
from restore.qdrant.collection_names import MARKER_PREFIX, is_marker, name_marker
from restore.qdrant.model import CollectionInfo, UnreadableCollection
from restore.qdrant.version import FIRST_WITH_QUOTAS, OLDEST_SUPPORTED
from restore.recovery.marker.model import Marker, Phase, TargetBefore, describe_marker, parse_beat, parse_marker
from restore.system.clock import Clock
from restore.system.text import format_bytes, format_count

_CLOCK_TOLERANCE_SECONDS = 30.0
_HEARTBEAT_SECONDS = 3.0
_NEEDED_FREE = 2
_ANSWER_TIMEOUT_SECONDS = 30.0
_READ_ONLY_MOUNT = (
    "a server that panics at start over its snapshots' tmp directory may have /qdrant/snapshots mounted read-only "
    "(':ro'), as old guides show it: mount the store in a subdirectory instead "
    "(./qdrant_snapshots:/qdrant/snapshots/.qdrant-restore:ro)"
)
_NOT_PROVEN = "not proved, because that writes"
_HOW_TO_PROVE = "qdrant-restore doctor --prove-write"


class WriteProof(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof that writes needs: a random token, and the store's path and one small file as the server sees it.

    `server_file` is None when the store has no file to ask for.
    """

    token: str
    server_file: str | None
    server_store: str


def diagnose_server(qdrant: Qdrant, clock: Clock, *, scoped: bool, proof: WriteProof | None) -> Iterator[Finding]:
    """Yield every finding about the server; when it does not answer, only that it does not."""
    try:
        qdrant.require_ready()
    except RestoreError as error:
        yield Finding.failed("reachable", error)
        hint = _READ_ONLY_MOUNT if isinstance(error.__cause__, ConnectionRefusedError) else ""
        yield Finding.skipped("server", "everything else about the server needs an answer from it", hint)
        return
    yield Finding.ok("reachable", f"Qdrant at {qdrant.url} answers and is ready")
    yield look_at("version", lambda: _look_at_version(qdrant))
    yield look_at("clock", lambda: _look_at_clock(qdrant, clock.now()))
    try:
        names = qdrant.list_collections()
    except RestoreError as error:
        yield Finding.failed("key", error)
        return
    collections = [name for name in names if not is_marker(name)]
    yield look_at("key", lambda: _look_at_key(qdrant, len(collections), scoped=scoped))
    yield look_at("collections", lambda: _look_at_collections(qdrant, collections))
    yield look_at("room for marks", lambda: _look_at_limit(qdrant))
    with contextlib.suppress(RestoreError):
        if not scoped and qdrant.get_version().line >= FIRST_WITH_QUOTAS:
            yield look_at("server room", lambda: _look_at_disk(qdrant))
    yield look_at("marks", lambda: _look_at_markers(qdrant, clock, [name for name in names if is_marker(name)]))
    yield look_at("uploaded files", lambda: _look_at_uploads(qdrant, collections))
    if proof is None:
        yield Finding.skipped("may restore", _NOT_PROVEN, _HOW_TO_PROVE)
        yield Finding.skipped("server sees store", _NOT_PROVEN, _HOW_TO_PROVE)
        return
    yield look_at("may restore", lambda: _prove_write(qdrant, clock, proof))
    yield look_at("server sees store", lambda: _prove_server_file(qdrant, clock, proof))


def _look_at_version(qdrant: Qdrant) -> Finding:
    version = qdrant.get_version()
    if version < OLDEST_SUPPORTED:
        raise IncompatibleError(
            f"Qdrant is version {version}, the oldest supported is {OLDEST_SUPPORTED}",
            hint="upgrade the server, one minor version at a time",
        )
    oldest = f"{OLDEST_SUPPORTED.major}.{OLDEST_SUPPORTED.minor}"
    return Finding.ok("version", f"Qdrant {version}; {oldest} and later are supported")


def _look_at_clock(qdrant: Qdrant, now: datetime) -> Finding:
    said = qdrant.read_clock()
    try:
        apart = (now - parsedate_to_datetime(said)).total_seconds()
    except (TypeError, ValueError):
        return Finding.skipped("clock", "the server does not say what time it is")
    if abs(apart) > _CLOCK_TOLERANCE_SECONDS:
        which = "ahead of" if apart > 0 else "behind"
        hint = "snapshots are named after the clock of the machine that makes them: set both by NTP"
        return Finding.warning("clock", f"ours is {abs(apart):,.0f} s {which} the server's", hint)
    return Finding.ok("clock", f"ours and the server's are {abs(apart):.0f} s apart")


def _look_at_key(qdrant: Qdrant, collections: int, *, scoped: bool) -> Finding:
    if qdrant.sends_key and qdrant.answers_without_key():
        message = "given, and the server answers without one as well: everyone who reaches it may read and delete"
        hint = "set QDRANT__SERVICE__API_KEY on the server, and not to an empty text: 1.19 takes that for none"
        return Finding.warning("key", message, hint)
    if scoped:
        message = "accepted, but it is a token for single collections: it sees no marks and may not restore"
        return Finding.warning("key", message, "give a key for the whole server (QDRANT_API_KEY)")
    return Finding.ok("key", f"accepted; {format_count(collections, 'collection')} may be listed")


def _look_at_collections(qdrant: Qdrant, collections: list[str]) -> Finding:
    """Read each collection; one that is listed and does not answer was left by a server that was killed."""
    asked = {name: qdrant.get_collection(name) for name in collections}
    broken = [name for name, info in asked.items() if isinstance(info, UnreadableCollection)]
    red = [name for name, info in asked.items() if isinstance(info, CollectionInfo) and info.status == "red"]
    if broken:
        raise QdrantError(
            f"listed, but not answering: {', '.join(broken)}",
            hint=f"restore it again: qdrant-restore restore {broken[0]} --on-existing replace",
        )
    if red:
        hint = "an operation failed on it: the server's log tells which"
        return Finding.warning("collections", f"red: {', '.join(red)}", hint)
    return Finding.ok("collections", f"{len(collections):,} listed, each answers")


def _look_at_limit(qdrant: Qdrant) -> Finding:
    capacity = qdrant.read_room()
    if capacity.limit is None:
        return Finding.ok("room for marks", "the number of collections is not limited")
    free = capacity.limit - capacity.collections
    message = (
        f"{capacity.collections} of at most {format_count(capacity.limit, 'collection')}; a restore needs "
        f"{_NEEDED_FREE} free, one for its marker"
    )
    if free < _NEEDED_FREE:
        hint = "raise max_collections on the server, or remove a collection"
        return Finding.warning("room for marks", message, hint)
    return Finding.ok("room for marks", message)


def _look_at_disk(qdrant: Qdrant) -> Finding:
    room = qdrant.read_disk()
    if room.over_quota:
        hint = "free some room there, or raise its quota (PUT /quotas): a restore could not make payload indexes"
        return Finding.warning("server room", "the server is over its quota and refuses to write more", hint)
    if room.free_bytes is None or room.disk_bytes is None:
        return Finding.skipped("server room", "the server does not say how full its disk is")
    message = f"about {format_bytes(room.free_bytes)} of {format_bytes(room.disk_bytes)} free on the server's disk"
    return Finding.ok("server room", message)


def _look_at_markers(qdrant: Qdrant, clock: Clock, names: list[str]) -> Finding:
    """Find interrupted restores: the holder of a running one raises its marker's heartbeat every two seconds."""
    if not names:
        return Finding.ok("marks", "no restore is in progress, none was interrupted")
    before = {name: _read_marker(qdrant, name) for name in names}
    clock.sleep(_HEARTBEAT_SECONDS)
    after = {name: _read_marker(qdrant, name) for name in names}
    described = [_describe_restore(name, after[name], beats=before[name] != after[name]) for name in names]
    still = [seen for name in names if (seen := after[name]) and before[name] == seen]
    stale = [marker.collection for marker, _ in still if marker]
    hint = f"the next 'qdrant-restore restore {stale[0]}' finishes it" if stale else "wait for it"
    return Finding.warning("marks", "; ".join(described), hint)


def _read_marker(qdrant: Qdrant, name: str) -> tuple[Marker | None, int | None] | None:
    info = qdrant.get_collection(name)
    if not isinstance(info, CollectionInfo):
        return None
    marker = parse_marker(info.metadata)
    return (marker, parse_beat(info.metadata, marker.token) if marker else None)


def _describe_restore(name: str, seen: tuple[Marker | None, int | None] | None, *, beats: bool) -> str:
    if seen is None:
        return f"{name} went away"
    marker, _ = seen
    if marker is None:
        return f"{name} says nothing about a restore"
    how = "in progress" if beats else "interrupted (its holder gave no sign)"
    return f"restore of '{marker.collection}' {how}: phase {marker.phase}, since {marker.since}, by {marker.holder}"


def _look_at_uploads(qdrant: Qdrant, collections: list[str]) -> Finding:
    left = [
        f"{found.name} of '{name}' ({format_count(found.size, 'byte')})"
        for name in collections
        for found in qdrant.list_snapshots(name)
        if found.name.startswith(MARKER_PREFIX)
    ]
    if left:
        hint = "a restore in progress removes its own; else delete it: DELETE /collections/NAME/snapshots/FILE"
        return Finding.warning("uploaded files", f"still on the server: {', '.join(left)}", hint)
    return Finding.ok("uploaded files", "none was left on the server")


def _prove_write(qdrant: Qdrant, clock: Clock, proof: WriteProof) -> Finding:
    """Make and drop the marker of a collection that does not exist."""
    marker = Marker(
        collection=f"doctor-{proof.token}",
        token=proof.token,
        holder="doctor",
        since=clock.now().isoformat(timespec="seconds"),
        snapshot="",
        sha256="",
        size=0,
        was=TargetBefore.ABSENT,
        phase=Phase.MARKED,
    )
    name = name_marker(marker.collection, 1)
    try:
        qdrant.create_collection(name, describe_marker(marker))
    finally:
        with contextlib.suppress(RestoreError):
            qdrant.delete_collection(name)
    return Finding.ok("may restore", "a marker collection was made and dropped with this key")


def _prove_server_file(qdrant: Qdrant, clock: Clock, proof: WriteProof) -> Finding:
    """Let the server read a file of the store; a wrong checksum keeps it from restoring anything."""
    if proof.server_file is None:
        return Finding.skipped("server sees store", "the store has no file that could be asked for")
    target = name_marker(f"doctor-{proof.token}", 1)
    pending = qdrant.recover_snapshot(target, path=proof.server_file, checksum="0" * 64)
    with contextlib.closing(pending):
        end = clock.read_seconds() + _ANSWER_TIMEOUT_SECONDS
        while (answer := pending.poll(1.0)) is None:
            if clock.read_seconds() > end:
                return Finding.skipped("server sees store", "the server gave no answer in time")
    try:
        qdrant.read_recovered(target, answer)
    except IntegrityError:
        return Finding.ok("server sees store", f"at '{proof.server_store}': restores need not send the bytes")
    except AuthError:
        raise
    except RestoreError as error:
        hint = (
            f"restores are uploaded instead, which takes longer; mount the store into the server at "
            f"'{proof.server_store}', or name another place under its snapshots directory with --server-store"
        )
        return Finding.warning("server sees store", f"not at '{proof.server_store}' ({error.message})", hint)
    raise AssertionError("unreachable: a file does not have a checksum of zeros")
