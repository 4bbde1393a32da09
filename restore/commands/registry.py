"""Every command: its name, help and examples, and what runs it."""

import importlib
from collections.abc import Callable, Mapping

import msgspec

from restore.commands.outcome import CommandResult
from restore.settings.command_names import Command
from restore.settings.model import Settings
from restore.system.events import Log, Progress


class CommandSpec(msgspec.Struct, frozen=True):
    """One command: its name, what it does in a sentence, its arguments' names (empty: it takes none), examples.

    An example is what is typed after the program's name.
    """

    name: str
    help: str
    argument: str = ""
    examples: tuple[str, ...] = ()


COMMANDS: tuple[CommandSpec, ...] = (
    CommandSpec(
        Command.RESTORE,
        "Bring collections into Qdrant from their snapshots; those that are there are left alone.",
        "COLLECTION",
        (
            "restore                                      # whatever is missing or empty",
            "restore --dry-run                            # what that would do",
            "restore cities --on-existing replace         # put the snapshot over what is there",
            "restore cities --snapshot previous --to cities_old",
            "restore --set latest --store s3://backups/qdrant",
        ),
    ),
    CommandSpec(
        Command.SNAPSHOT,
        "Make a checked snapshot of collections and move their latest to it.",
        "COLLECTION",
        (
            "snapshot                                     # every collection",
            'snapshot cities --note "after the import"',
            "snapshot --exclude '*_test' --keep-daily 7   # then delete what the rule does not keep",
        ),
    ),
    CommandSpec(Command.LIST, "Show what rests in the store.", "COLLECTION", ("list", "list cities", "list --sets")),
    CommandSpec(
        Command.VERIFY,
        "Compare every byte of snapshots with what their manifests promise.",
        "COLLECTION|PATH",
        ("verify", "verify cities --depth hash", "verify --depth hash --sample 5%"),
    ),
    CommandSpec(
        Command.DRILL,
        "Restore snapshots into throw-away collections, compare, drop them, and record that they are proven.",
        "COLLECTION",
        ("drill", "drill cities --snapshot previous", "drill --on http://elsewhere:6333"),
    ),
    CommandSpec(
        Command.PRUNE,
        "Delete the snapshots that no retention rule keeps; each survivor names its reasons.",
        "COLLECTION",
        (
            "prune --keep-last 3 --keep-daily 7 --keep-weekly 4 --dry-run",
            "prune cities --keep-within 30d",
            "prune --server                               # what killed runs left on Qdrant",
        ),
    ),
    CommandSpec(
        Command.MIRROR,
        "Copy the snapshots of one store that another one lacks, every byte compared.",
        "STORE",
        ("mirror ./qdrant_snapshots s3://offsite/qdrant", "mirror ./qdrant_snapshots /mnt/usb/qdrant --dry-run"),
    ),
    CommandSpec(
        Command.PIN,
        "Exempt snapshots from every retention rule.",
        "SNAPSHOT|COLLECTION",
        ('pin cities --reason "before the move"', "pin cities_20261120_120000.snapshot"),
    ),
    CommandSpec(
        Command.UNPIN,
        "Take the pins of snapshots away.",
        "SNAPSHOT|COLLECTION",
        ("unpin cities_20261120_120000.snapshot",),
    ),
    CommandSpec(
        Command.SERVE,
        "Snapshot, prune, mirror, verify and drill by schedule, until it is stopped.",
        "COLLECTION",
        ("serve --schedule-snapshot @daily --schedule-drill @weekly", "serve --config /etc/qdrant-backup.yaml"),
    ),
    CommandSpec(
        Command.HEALTHCHECK,
        "Ask a running serve whether it lives: status 0 or 124; for a container's health check.",
        examples=("healthcheck",),
    ),
    CommandSpec(
        Command.DOCTOR,
        "Look at Qdrant, the store and what lies between them; one line each, with a hint.",
        examples=("doctor", "doctor --prove-write                         # make a marker collection and drop it"),
    ),
    CommandSpec(
        Command.CONFIG,
        "Show every setting, its value and where it came from; secrets masked.",
        "COLLECTION",
        ("config show", "config show cities"),
    ),
    CommandSpec(
        Command.VERSION,
        "Show this program's version and the Qdrant versions it supports.",
        examples=("version", "version --json"),
    ),
)
Runner = Callable[[Settings, Log, Progress], CommandResult]


def _lazy(module: str, function: str = "main") -> Runner:
    """Return a runner that imports its command when it is run: a boot with nothing to do is nearly all imports."""

    def run(settings: Settings, log: Log, progress: Progress) -> CommandResult:
        opening: Runner = getattr(importlib.import_module(f"restore.commands.{module}"), function)
        return opening(settings, log, progress)

    return run


RUNNERS: Mapping[str, Runner] = {
    Command.RESTORE: _lazy("restore.command"),
    Command.SNAPSHOT: _lazy("snapshot.command"),
    Command.LIST: _lazy("list.command"),
    Command.VERIFY: _lazy("verify.command"),
    Command.PRUNE: _lazy("prune.command"),
    Command.MIRROR: _lazy("mirror.command"),
    Command.PIN: _lazy("pin.command"),
    Command.UNPIN: _lazy("pin.command", "unpin_main"),
    Command.DRILL: _lazy("drill.command"),
    Command.DOCTOR: _lazy("doctor.command"),
    Command.CONFIG: _lazy("config"),
    Command.HEALTHCHECK: _lazy("healthcheck.command"),
}
