"""The rows about schedules, watching and telling."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from restore.settings import parsers as values
from restore.settings.command_names import HEALTHCHECK, SERVE, Job
from restore.settings.option import Option
from restore.system.secret import Secret

DEFAULT_LISTEN = "127.0.0.1:6363"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_LARGEST_PORT = 65535
_HALF_A_DAY = 43200.0
_WHAT = {
    Job.SNAPSHOT: "When to snapshot",
    Job.PRUNE: "When to prune",
    Job.MIRROR: "When to mirror",
    Job.VERIFY: "When to verify the store",
    Job.DRILL: "When to drill",
}


def make_daemon_options(config: str, watched: tuple[str, ...]) -> tuple[Option, ...]:
    """Give the rows. `config` is the command that shows settings, `watched` those whose runs are told of."""
    told = (*watched, SERVE, config)
    return (
        *(_make_job_row(job, config) for job in Job),
        Option(
            name="schedule-time-zone",
            group="Schedule",
            key="schedule.time_zone",
            placeholder="ZONE",
            default="UTC",
            commands=(SERVE, config),
            read=_read_zone,
            help="The time zone that the cron fields are meant in, by its name: Europe/Berlin.",
        ),
        Option(
            name="schedule-jitter",
            field="schedule_jitter_seconds",
            group="Schedule",
            key="schedule.jitter",
            placeholder="SECONDS|2m|1h",
            default=0.0,
            commands=(SERVE, config),
            read=_read_jitter,
            help="Begin each run by up to this much later; always the same for one slot of one machine.",
        ),
        Option(
            name="listen",
            group="Watching",
            placeholder="HOST:PORT|off",
            default=DEFAULT_LISTEN,
            commands=(SERVE, HEALTHCHECK, config),
            read=_read_listen,
            help="Where serve answers /healthz, /readyz and /metrics; on more than loopback only with a token.",
        ),
        Option(
            name="listen-token",
            group="Watching",
            placeholder="TOKEN",
            secret=True,
            commands=(SERVE, config),
            read=values.parse_secret,
            help="Who sends it (Authorization: Bearer …) may read metrics and details; others only the status.",
        ),
        Option(
            name="health-timeout",
            field="health_timeout_seconds",
            group="Watching",
            placeholder="SECONDS|2m|1h",
            default=600.0,
            commands=(SERVE, config),
            read=values.parse_positive_duration,
            help="How long a job may give no sign until /healthz answers 503, or be late until /readyz does.",
        ),
        Option(
            name="metrics-file",
            group="Watching",
            placeholder="PATH",
            default="",
            commands=told,
            read=values.parse_text,
            help="Write the metrics into this file when a run has ended, for node_exporter's textfile collector.",
        ),
        Option(
            name="notify-webhook",
            group="Watching",
            key="notify.webhook",
            placeholder="URL",
            secret=True,
            commands=told,
            read=_read_secret_url,
            help="POST a JSON object there when a run has ended.",
        ),
        Option(
            name="notify-healthchecks",
            group="Watching",
            key="notify.healthchecks",
            placeholder="URL",
            secret=True,
            commands=told,
            read=_read_secret_url,
            help="Ping a check of healthchecks.io there: start, success, fail; {command} in it is filled in.",
        ),
    )


def _make_job_row(job: Job, config: str) -> Option:
    return Option(
        name=f"schedule-{job}",
        group="Schedule",
        key=f"schedule.{job}",
        placeholder="CRON",
        default="",
        commands=(SERVE, config),
        read=_read_schedule,
        help=f"{_WHAT[job]}: five cron fields, @daily, @every 6h.",
    )


def _read_schedule(text: str) -> str:
    """Take a schedule's text. Where the extra `serve` is missing nothing is scheduled, and it is only kept."""
    from restore.settings.schedule import parse_schedule  # noqa: PLC0415 - only who schedules pays for it

    try:
        parse_schedule(text)
    except ImportError:
        return text.strip()
    return text.strip()


def _read_zone(text: str) -> str:
    from restore.settings.schedule import open_zone  # noqa: PLC0415 - only who schedules pays for it

    open_zone(text.strip())
    return text.strip()


def _read_jitter(text: str) -> float:
    seconds = values.parse_duration(text)
    if seconds > _HALF_A_DAY:
        raise ValueError(f"'{text}' is more than 12 hours")
    return seconds


def _read_listen(text: str) -> str:
    """Read a host and a port, or `off`."""
    compact = text.strip()
    if compact.lower() == "off":
        return "off"
    match = _ADDRESS.fullmatch(compact)
    if not match or int(match[2]) > _LARGEST_PORT:
        raise ValueError(f"'{text}' is no address ({DEFAULT_LISTEN}, 0.0.0.0:6363, [::1]:6363)")
    return compact


def _read_secret_url(text: str) -> Secret:
    """Take a URL that is a secret: what is wrong is said without repeating any of it."""
    secret = values.parse_secret(text)
    try:
        parts = urlsplit(text)
        wrong = parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError("is no URL that begins with http:// or https:// and names a host")
    return secret
