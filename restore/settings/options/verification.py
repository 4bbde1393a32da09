"""How deep `verify` looks and at how many files, and where a drill restores to."""

from typing import Annotated, ClassVar

from restore.checks.record import Depth, SampleShare, parse_share
from restore.qdrant.url import find_url_problem
from restore.settings.command_names import Command
from restore.settings.option import Option, OptionGroup
from restore.settings.parsers import parse_secret
from restore.system.secret import Secret

ON_SERVER, ON_EMBEDDED = "server", "embedded"
_VERIFYING = (Command.VERIFY, Command.CONFIG)


def _parse_sample(text: str) -> SampleShare | None:
    return None if text.strip().lower() == "off" else parse_share(text)


def _format_sample(share: SampleShare | None) -> str:
    return "off" if share is None else str(share)


def _parse_place(text: str) -> str:
    """Read `server`, `embedded` or a URL of Qdrant."""
    compact = text.strip()
    if compact.lower() in {ON_SERVER, ON_EMBEDDED}:
        return compact.lower()
    if "://" not in compact:
        raise ValueError(f"'{text}' is none of {ON_SERVER}, {ON_EMBEDDED} and a URL")
    if problem := find_url_problem(compact):
        raise ValueError(problem)
    return compact.rstrip("/")


class VerificationSettings(OptionGroup, frozen=True, kw_only=True):
    """How snapshots are proven."""

    heading: ClassVar = "Proof"
    commands: ClassVar = (Command.DRILL, Command.CONFIG)

    depth: Annotated[
        Depth,
        Option(
            name="verify-depth",
            flag="--depth",
            commands=_VERIFYING,
            help="What verify looks at: list the names and sizes, hash every byte, archive also the inside.",
        ),
    ] = Depth.ARCHIVE
    sample: Annotated[
        SampleShare | None,
        Option(
            name="verify-sample",
            flag="--sample",
            placeholder="5%|2/7",
            commands=_VERIFYING,
            read=_parse_sample,
            write=_format_sample,
            help="Verify only this share of the snapshots, those whose last check is the oldest; off: all.",
        ),
    ] = None
    drill_on: Annotated[
        str,
        Option(
            flag="--on",
            placeholder="server|embedded|URL",
            read=_parse_place,
            help="Where a drill restores to: beside the collections, the embedded engine, or another Qdrant.",
        ),
    ] = ON_SERVER
    drill_api_key: Annotated[
        Secret | None,
        Option(
            placeholder="KEY",
            secret=True,
            read=parse_secret,
            help="The key of the other Qdrant that a drill restores into; QDRANT_API_KEY is never sent there.",
        ),
    ] = None
    drill_insecure: Annotated[
        bool,
        Option(
            commands=(Command.DRILL, Command.CONFIG, Command.SERVE),
            help="Accept any certificate of that other Qdrant; said in the log at every start.",
        ),
    ] = False
