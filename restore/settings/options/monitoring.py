"""How runs are watched: the address of `serve`, metrics, notifications."""

import re
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from restore.settings.command_names import OBSERVED, Command
from restore.settings.durations import parse_positive_duration
from restore.settings.option import Option, OptionGroup
from restore.settings.parsers import parse_secret
from restore.system.secret import Secret

DEFAULT_LISTEN = "127.0.0.1:6363"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_LARGEST_PORT = 65535
_SERVING = (Command.SERVE, Command.CONFIG)


def _parse_listen(text: str) -> str:
    """Read a host and a port, or `off`."""
    compact = text.strip()
    if compact.lower() == "off":
        return "off"
    match = _ADDRESS.fullmatch(compact)
    if not match or int(match[2]) > _LARGEST_PORT:
        raise ValueError(f"'{text}' is no address ({DEFAULT_LISTEN}, 0.0.0.0:6363, [::1]:6363)")
    return compact


def _parse_secret_url(text: str) -> Secret:
    """Read a URL that is a secret. An error never repeats any of it."""
    secret = parse_secret(text)
    try:
        parts = urlsplit(text)
        wrong = parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError("is no URL that begins with http:// or https:// and names a host")
    return secret


class MonitoringSettings(OptionGroup, frozen=True, kw_only=True):
    """Where `serve` answers, and where what became of a run is told."""

    heading: ClassVar = "Watching"
    commands: ClassVar = OBSERVED

    listen: Annotated[
        str,
        Option(
            placeholder="HOST:PORT|off",
            commands=(*_SERVING, Command.HEALTHCHECK),
            read=_parse_listen,
            help="Where serve answers /healthz, /readyz and /metrics; on more than loopback only with a token.",
        ),
    ] = DEFAULT_LISTEN
    listen_token: Annotated[
        Secret | None,
        Option(
            placeholder="TOKEN",
            secret=True,
            commands=_SERVING,
            read=parse_secret,
            help="Who sends it (Authorization: Bearer …) may read metrics and details; others only the status.",
        ),
    ] = None
    health_timeout_seconds: Annotated[
        float,
        Option(
            placeholder="SECONDS|2m|1h",
            commands=_SERVING,
            read=parse_positive_duration,
            help="How long a job may give no sign until /healthz answers 503, or be late until /readyz does.",
        ),
    ] = 600.0
    metrics_file: Annotated[
        str,
        Option(
            placeholder="PATH",
            help="Write the metrics into this file when a run has ended, for node_exporter's textfile collector.",
        ),
    ] = ""
    webhook: Annotated[
        Secret | None,
        Option(
            name="notify-webhook",
            key="notify.webhook",
            placeholder="URL",
            secret=True,
            read=_parse_secret_url,
            help="POST a JSON object there when a run has ended.",
        ),
    ] = None
    healthchecks: Annotated[
        Secret | None,
        Option(
            name="notify-healthchecks",
            key="notify.healthchecks",
            placeholder="URL",
            secret=True,
            read=_parse_secret_url,
            help="Ping a check of healthchecks.io there: start, success, fail; {command} in it is filled in.",
        ),
    ] = None
