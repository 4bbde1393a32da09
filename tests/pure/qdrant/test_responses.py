"""What a response other than success means."""

import msgspec
import pytest

from restore.errors import QdrantError, RestoreError, SpaceError
from restore.qdrant.transport.exchange import Response
from restore.qdrant.transport.responses import error_from_response

STANDALONE = "Qdrant is running in standalone mode"
NO_CLUSTER = "Qdrant at http://q is one server and no cluster, and this needs a cluster"
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("status", "words", "kind", "message"),
    [
        (
            507,
            "Disk usage quota exceeded",
            SpaceError,
            "collection 'a': the server takes no more data: Disk usage quota exceeded",
        ),
        (
            405,
            STANDALONE,
            QdrantError,
            f"collection 'a': {NO_CLUSTER}: {STANDALONE}",
        ),
        (
            405,
            "Method not allowed",
            QdrantError,
            "collection 'a': Qdrant at http://q answered 405: Method not allowed",
        ),
    ],
)
def test_a_status_since_1_19_has_its_sentence(
    status: int, words: str, kind: type[RestoreError], message: str
) -> None:
    """No room (15) over a quota; and a cluster's call to a single server, which was 400 or 500 before."""
    body = msgspec.json.encode({"status": {"error": words}, "time": 0.0})
    error = error_from_response(Response(status, JSON, body), "http://q", subject="collection 'a'")
    assert (type(error), error.message) == (kind, message)
