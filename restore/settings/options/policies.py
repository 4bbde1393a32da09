"""What to do about what is found, how to transfer and verify."""

from typing import Annotated, ClassVar

from restore.recovery.policy_choices import RestorePolicies
from restore.settings.command_names import TRANSFERRING, Command
from restore.settings.option import ABSENT, Option, OptionGroup
from restore.settings.parsers import parse_concurrency, parse_note, parse_samples

_RESTORING = (Command.RESTORE, Command.CONFIG)
_SNAPSHOTTING = (Command.SNAPSHOT, Command.CONFIG)


def _choice(help_text: str, commands: tuple[Command, ...] = _RESTORING) -> Option:
    return Option(commands=commands, per_collection=True, help=help_text)


class PolicySettings(RestorePolicies, OptionGroup, frozen=True, kw_only=True):
    """One choice per question; those that are not for a whole run may be made for one collection."""

    heading: ClassVar = "Policies"
    inherited: ClassVar = {
        "on_existing": _choice("The collection is there and has points; replace acts only on collections named."),
        "on_empty": _choice("The collection is there without points, although the snapshot has some."),
        "on_missing": _choice("Neither the collection nor a snapshot of it is there."),
        "verify": _choice("What is compared after a transfer; full samples points."),
        "transfer": _choice(
            "How the bytes travel; auto tries the server's own file, then uploads.",
            (Command.RESTORE, Command.DRILL, Command.CONFIG),
        ),
        "fallback": _choice("What to take when the newest snapshot does not verify."),
        "allow_version_gap": _choice(
            "Replace data also from a snapshot that Qdrant does not support on this version."
        ),
    }

    samples: Annotated[
        int,
        Option(
            placeholder="NUMBER",
            commands=TRANSFERRING,
            read=parse_samples,
            per_collection=True,
            help="How many points a manifest samples, and how many of them are compared after a restore.",
        ),
    ] = 32
    dry_run: Annotated[
        bool,
        Option(
            commands=(Command.RESTORE, Command.PRUNE, Command.MIRROR, Command.CONFIG),
            help="Print the plan and only read.",
        ),
    ] = False
    prove_write: Annotated[
        bool,
        Option(
            variable=ABSENT,
            key=ABSENT,
            commands=(Command.DOCTOR,),
            help="Prove that the key may restore: make a marker collection and drop it.",
        ),
    ] = False
    allow_smaller: Annotated[
        bool,
        Option(
            commands=_SNAPSHOTTING,
            per_collection=True,
            help="Let a snapshot become latest although it has less than half of the points of the last one.",
        ),
    ] = False
    concurrency: Annotated[
        int,
        Option(
            placeholder="NUMBER",
            commands=(Command.RESTORE, Command.SNAPSHOT, Command.SERVE, Command.CONFIG),
            read=parse_concurrency,
            help="How many collections are worked on at once; their downloads and the server's own work overlap.",
        ),
    ] = 2
    note: Annotated[
        str,
        Option(
            commands=_SNAPSHOTTING, read=parse_note, per_collection=True, help="A remark that the manifest keeps."
        ),
    ] = ""
