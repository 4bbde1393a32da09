"""How Qdrant is reached: URL, key, TLS."""

from typing import Annotated, ClassVar

from restore.settings.command_names import CONNECTING
from restore.settings.option import Option, OptionGroup
from restore.settings.parsers import parse_secret, parse_url
from restore.system.secret import Secret


class ServerSettings(OptionGroup, frozen=True, kw_only=True):
    """The Qdrant server."""

    heading: ClassVar = "Qdrant"
    commands: ClassVar = CONNECTING

    url: Annotated[
        str,
        Option(
            name="qdrant-url",
            variable="QDRANT_URL",
            placeholder="URL",
            aliases=("--url",),
            read=parse_url,
            help="Where Qdrant answers; without a port it is the scheme's own (80 or 443), Qdrant's is 6333.",
        ),
    ] = "http://localhost:6333"
    api_key: Annotated[
        Secret | None,
        Option(
            variable="QDRANT_API_KEY",
            placeholder="KEY",
            secret=True,
            docker_secret="qdrant_api_key",  # noqa: S106 - a file's name
            read=parse_secret,
            help="The key that Qdrant asks for; to restore it must be allowed to manage.",
        ),
    ] = None
    ca_file: Annotated[
        str,
        Option(
            placeholder="PATH",
            help="The authority (PEM) that signed Qdrant's certificate, when the system does not know it.",
        ),
    ] = ""
    insecure: Annotated[bool, Option(help="Accept any certificate of Qdrant; said in the log at every start.")] = (
        False
    )
