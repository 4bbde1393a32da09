"""Options about reaching Qdrant: URL, key, TLS."""

from __future__ import annotations

from restore.settings import parsers as values
from restore.settings.command_names import ASKING
from restore.settings.option import Option
from restore.settings.options.kinds import make_switch

CONNECTION_OPTIONS = (
    Option(
        name="qdrant-url",
        group="Qdrant",
        variable="QDRANT_URL",
        placeholder="URL",
        default="http://localhost:6333",
        aliases=("--url",),
        commands=ASKING,
        read=values.parse_url,
        help="Where Qdrant answers; without a port it is the scheme's own (80 or 443), Qdrant's is 6333.",
    ),
    Option(
        name="api-key",
        group="Qdrant",
        variable="QDRANT_API_KEY",
        placeholder="KEY",
        secret=True,
        docker_secret="qdrant_api_key",  # noqa: S106 - a file's name
        commands=ASKING,
        read=values.parse_secret,
        help="The key that Qdrant asks for; to restore it must be allowed to manage.",
    ),
    Option(
        name="ca-file",
        group="Qdrant",
        placeholder="PATH",
        default="",
        commands=ASKING,
        read=values.parse_text,
        help="The authority (PEM) that signed Qdrant's certificate, when the system does not know it.",
    ),
    make_switch(
        "insecure",
        "Accept any certificate of Qdrant; said in the log at every start.",
        group="Qdrant",
        commands=ASKING,
    ),
)
