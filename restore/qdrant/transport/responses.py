"""What Qdrant's responses mean: errors from status and text, values from JSON."""

import contextlib
import http.client
from typing import Any

import msgspec

from restore.errors import AuthError, DeadlineError, IntegrityError, QdrantError, RestoreError, SpaceError
from restore.qdrant.model import CollectionInfo, SnapshotDescription
from restore.qdrant.transport.exchange import Response

_REFUSED = frozenset({401, 403})
_UNKNOWN_KEY = 401
_NOT_ALLOWED = 405
_TOO_MANY_REQUESTS = 429
_FIRST_SERVER_ERROR = 500
_TIMEOUTS = frozenset({408, 504})
# Since 1.19, for what is written over the node's quota (src/actix/helpers.rs).
_NO_ROOM = 507
_GATEWAYS = frozenset({502, 504})
_HTML = "an HTML page"
_PARTIAL = 206
_LONGEST_LINE = 300
_CHECKSUM_DIGITS = 64


def error_from_response(response: Response, url: str, *, subject: str = "", asked: str = "") -> RestoreError:
    """Return the error that a response other than success stands for.

    `subject` begins its sentence; `asked` is the request (`GET /collections`) where there is no better subject.
    """
    words = summarise_response(response)
    lowered = words.lower()
    about = f"{subject}: " if subject else ""
    # A server also answers 403 to a file outside its snapshots directory, and a proxy to anything.
    if response.status in _REFUSED and ("api key" in lowered or "access" in lowered):
        return _key_error(response, url, about=about, asked=asked)
    if "no space left" in lowered or "os error 28" in lowered:
        return SpaceError(
            f"{about}the server's disk is full: {words}",
            hint="free some room there: a restore takes about twice the snapshot's size, "
            "making a snapshot as much as the collection",
        )
    if response.status == _NO_ROOM:
        return SpaceError(
            f"{about}the server takes no more data: {words}",
            hint="free some room there, or raise its quota (PUT /quotas); 'qdrant-restore doctor' shows both",
        )
    if response.status == _NOT_ALLOWED and "standalone mode" in lowered:
        return QdrantError(
            f"{about}Qdrant at {url} is one server and no cluster, and this needs a cluster: {words}",
            hint="shard keys, replicas and moving shards need servers that were started with --uri and --bootstrap",
            http_status=response.status,
            permanent=True,
        )
    if "checksum mismatch" in lowered:
        return IntegrityError(
            f"{about}the bytes that reached the server do not have the snapshot's checksum",
            hint="the snapshot file was changed after it was made: run 'qdrant-restore verify'",
        )
    to = f" to {asked}" if asked else ""
    if response.status in _TIMEOUTS:
        return DeadlineError(
            f"{about}Qdrant at {url} answered {response.status}{to}: {words}", hint=_suggest(response)
        )
    return QdrantError(
        f"{about}Qdrant at {url} answered {response.status}{to}: {words}",
        hint=_suggest(response),
        http_status=response.status,
    )


def _key_error(response: Response, url: str, *, about: str, asked: str) -> AuthError:
    words = summarise_response(response)
    if "must provide" in words.lower():
        return AuthError(
            f"{about}Qdrant at {url} asks for an API key, and none was given",
            hint="give it as QDRANT_API_KEY, or the file that holds it as QDRANT_API_KEY_FILE",
        )
    if response.status == _UNKNOWN_KEY:
        return AuthError(
            f"{about}Qdrant at {url} refused our key ({response.status}): {words}",
            hint="is it this server's key? 'qdrant-restore config show' says where ours came from",
        )
    to = f" to {asked}" if asked else ""
    return AuthError(
        f"{about}Qdrant at {url} refused our key ({response.status}){to}: {words}",
        hint="this needs the full API key (QDRANT_API_KEY), a read-only or scoped one can only look",
    )


def _suggest(response: Response) -> str:
    """Return what a person could do about a response that has no class of its own."""
    if response.status == _TOO_MANY_REQUESTS:
        return "the server limits how often it may be asked: run it again later, or raise its limits"
    if _is_from_gateway(response):
        return "that was not Qdrant but a proxy or gateway before it: give the server's own address"
    return "Qdrant's own log says more" if response.status >= _FIRST_SERVER_ERROR else ""


def _is_from_gateway(response: Response) -> bool:
    """Return whether a proxy or gateway before Qdrant sent this response."""
    return response.status in _GATEWAYS or (not response.is_json and summarise_response(response) == _HTML)


def summarise_response(response: Response) -> str:
    """Return what a response says in one short line, whatever its form."""
    text = response.body.decode("utf-8", "replace").strip()
    if response.is_json:
        with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError, RecursionError):
            text = str(msgspec.json.decode(response.body)["status"]["error"])
    elif "<html" in text[:500].lower() or "<!doctype" in text[:500].lower():
        return _HTML
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 3] + "..."


def read_info(result: dict[str, Any]) -> CollectionInfo:
    """Return the collection that the result of `GET /collections/{name}` describes."""
    config = result.get("config") or {}
    optimizer = result.get("optimizer_status")
    schema = result.get("payload_schema") or {}
    return CollectionInfo(
        status=str(result.get("status")),
        optimizer_status=optimizer if isinstance(optimizer, str) else str((optimizer or {}).get("error", optimizer)),
        points=int(result.get("points_count") or 0),
        deferred_points=int((result.get("update_queue") or {}).get("deferred_points") or 0),
        config=config,
        payload_schema={
            field: {key: value for key, value in index.items() if key != "points"} for field, index in schema.items()
        },
        metadata=config.get("metadata") or {},
    )


def read_description(entry: dict[str, Any]) -> SnapshotDescription:
    """Return one snapshot as a result describes it."""
    checksum = entry.get("checksum")
    # Up to 1.17.0 the checksum could be read back short: only 64 hex digits count (Qdrant commit c09b103410).
    whole = (
        isinstance(checksum, str)
        and len(checksum) == _CHECKSUM_DIGITS
        and not set(checksum) - set("0123456789abcdef")
    )
    return SnapshotDescription(
        str(entry["name"]), int(entry.get("size") or 0), checksum if whole else None, entry.get("creation_time")
    )


def read_whole_size(response: http.client.HTTPResponse) -> int:
    """Return the whole file's size in bytes, also from a partial response; -1 when the server does not say."""
    ranged = response.headers.get("content-range") or ""
    if response.status == _PARTIAL and ranged.rpartition("/")[2].isdigit():
        return int(ranged.rpartition("/")[2])
    return int(response.headers.get("content-length") or -1)
