"""Root, probes, telemetry, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from qdrant_embedded import TITLE, answers
from qdrant_embedded.telemetry import metrics_text, telemetry_document

if TYPE_CHECKING:
    from qdrant_embedded.call import Call


def root(call: Call) -> Response:
    """Say what is listening here."""
    content = {"title": TITLE, "version": call.server.faults.version, "commit": ""}
    return Response(answers.encoded(content), media_type=answers.JSON)


def healthy(_call: Call) -> Response:
    """Liveness."""
    return Response("healthz check passed", media_type="text/plain")


def ready(_call: Call) -> Response:
    """Readiness: a standalone server that answers is ready, whatever its collections are like."""
    return Response("all shards are ready", media_type="text/plain")


def metrics(call: Call) -> Response:
    """Prometheus text."""
    return Response(metrics_text(call.server), media_type="text/plain")


def telemetry(call: Call) -> dict[str, Any]:
    """Counters and running work."""
    level = call.query.get("details_level", "0")
    if not level.isdigit():
        raise answers.Refusal(400, f"Deserialize error in query parameters: invalid digit found in {level!r}")
    return telemetry_document(call.server, int(level))


def cluster(_call: Call) -> dict[str, str]:
    """There is no cluster."""
    return {"status": "disabled"}
