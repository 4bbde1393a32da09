"""Root, health checks, telemetry and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from qdrant_embedded import TITLE, errors
from qdrant_embedded.http import responses
from qdrant_embedded.http.telemetry import build_telemetry, format_metrics

if TYPE_CHECKING:
    from qdrant_embedded.http.request import ApiRequest


def root(request: ApiRequest) -> Response:
    """Return title and version."""
    content = {"title": TITLE, "version": request.server.faults.version, "commit": ""}
    return Response(responses.encode_json(content), media_type=responses.JSON)


def healthy(_call: ApiRequest) -> Response:
    """Return the liveness text."""
    return Response("healthz check passed", media_type="text/plain")


def ready(_call: ApiRequest) -> Response:
    """Return the readiness text: a standalone server is ready as soon as it answers."""
    return Response("all shards are ready", media_type="text/plain")


def metrics(request: ApiRequest) -> Response:
    """Return metrics in Prometheus' text format."""
    return Response(format_metrics(request.server), media_type="text/plain")


def telemetry(request: ApiRequest) -> dict[str, Any]:
    """Return counters and running operations."""
    level = request.query.get("details_level", "0")
    if not level.isdigit():
        raise errors.ApiError(400, f"Deserialize error in query parameters: invalid digit found in {level!r}")
    return build_telemetry(request.server, int(level))


def cluster(_call: ApiRequest) -> dict[str, str]:
    """Return that there is no cluster."""
    return {"status": "disabled"}
