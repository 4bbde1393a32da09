"""Every command: its name, help and examples, and what runs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

import msgspec

from restore.commands.outcome import Shown
from restore.settings.command_names import (
    CONFIG,
    DOCTOR,
    DRILL,
    HEALTHCHECK,
    LIST,
    MIRROR,
    PIN,
    PRUNE,
    RESTORE,
    SERVE,
    SNAPSHOT,
    UNPIN,
    VERIFY,
    VERSION,
)
from restore.settings.model import Settings
from restore.system.events import Log, Progress


class Door(msgspec.Struct, frozen=True):
    """One command: its name, what it does in a sentence, its arguments' names (empty: it takes none), examples.

    An example is what is typed after the program's name.
    """

    name: str
    sentence: str
    argument: str = ""
    examples: tuple[str, ...] = ()


DOORS: tuple[Door, ...] = (
    Door(
        RESTORE,
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
    Door(
        SNAPSHOT,
        "Make a checked snapshot of collections and move their latest to it.",
        "COLLECTION",
        (
            "snapshot                                     # every collection",
            'snapshot cities --note "after the import"',
            "snapshot --exclude '*_test' --keep-daily 7   # then delete what the rule does not keep",
        ),
    ),
    Door(LIST, "Show what rests in the store.", "COLLECTION", ("list", "list cities", "list --sets")),
    Door(
        VERIFY,
        "Compare every byte of snapshots with what their manifests promise.",
        "COLLECTION|PATH",
        ("verify", "verify cities --depth hash", "verify --depth hash --sample 5%"),
    ),
    Door(
        DRILL,
        "Restore snapshots into throw-away collections, compare, drop them, and record that they are proven.",
        "COLLECTION",
        ("drill", "drill cities --snapshot previous", "drill --on http://elsewhere:6333"),
    ),
    Door(
        PRUNE,
        "Delete the snapshots that no retention rule keeps; each survivor names its reasons.",
        "COLLECTION",
        (
            "prune --keep-last 3 --keep-daily 7 --keep-weekly 4 --dry-run",
            "prune cities --keep-within 30d",
            "prune --server                               # what killed runs left on Qdrant",
        ),
    ),
    Door(
        MIRROR,
        "Copy the snapshots of one store that another one lacks, every byte compared.",
        "STORE",
        ("mirror ./qdrant_snapshots s3://offsite/qdrant", "mirror ./qdrant_snapshots /mnt/usb/qdrant --dry-run"),
    ),
    Door(
        PIN,
        "Exempt snapshots from every retention rule.",
        "SNAPSHOT|COLLECTION",
        ('pin cities --reason "before the move"', "pin cities_20261120_120000.snapshot"),
    ),
    Door(
        UNPIN, "Take the pins of snapshots away.", "SNAPSHOT|COLLECTION", ("unpin cities_20261120_120000.snapshot",)
    ),
    Door(
        SERVE,
        "Snapshot, prune, mirror, verify and drill by schedule, until it is stopped.",
        "COLLECTION",
        ("serve --schedule-snapshot @daily --schedule-drill @weekly", "serve --config /etc/qdrant-backup.yaml"),
    ),
    Door(
        HEALTHCHECK,
        "Ask a running serve whether it lives: status 0 or 124; for a container's health check.",
        examples=("healthcheck",),
    ),
    Door(
        DOCTOR,
        "Look at Qdrant, the store and what lies between them; one line each, with a hint.",
        examples=("doctor", "doctor --prove-write                         # make a mark collection and drop it"),
    ),
    Door(
        CONFIG,
        "Show every setting, its value and where it came from; secrets masked.",
        "COLLECTION",
        ("config show", "config show cities"),
    ),
    Door(
        VERSION,
        "Show this program's version and the Qdrant versions it supports.",
        examples=("version", "version --json"),
    ),
)
Opening = Callable[[Settings, Log, Progress], Shown]


def _lazy(module: str, function: str = "main") -> Opening:
    """Return a runner that imports its command when it is run: a boot with nothing to do is nearly all imports."""

    def run(settings: Settings, log: Log, progress: Progress) -> Shown:
        opening: Opening = getattr(importlib.import_module(f"restore.commands.{module}"), function)
        return opening(settings, log, progress)

    return run


OPENINGS: Mapping[str, Opening] = {
    RESTORE: _lazy("restore.command"),
    SNAPSHOT: _lazy("snapshot.command"),
    LIST: _lazy("list.command"),
    VERIFY: _lazy("verify.command"),
    PRUNE: _lazy("prune.command"),
    MIRROR: _lazy("mirror.command"),
    PIN: _lazy("pin.command"),
    UNPIN: _lazy("pin.command", "unpin_main"),
    DRILL: _lazy("drill.command"),
    DOCTOR: _lazy("doctor.command"),
    CONFIG: _lazy("config"),
    HEALTHCHECK: _lazy("healthcheck.command"),
}
