"""`healthcheck` with settings: ask a running `serve` whether it is healthy."""

from restore.commands.healthcheck.probe import probe
from restore.commands.outcome import CommandResult, Report
from restore.settings.model import Settings
from restore.system.events import Log, Progress


class HealthcheckResult(Report, frozen=True):
    """What `healthcheck` found."""

    listen: str
    status: int


def main(settings: Settings, _log: Log, _progress: Progress) -> CommandResult:
    """Ask the address of the settings."""
    status = probe(settings.monitoring.listen)
    return CommandResult(HealthcheckResult(listen=settings.monitoring.listen, status=status), [], status)
