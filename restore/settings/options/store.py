"""Where snapshots are stored: the store, others to read and to copy to, compression and encryption."""

from enum import StrEnum
from typing import Annotated, ClassVar

from restore.settings.command_names import CONFIGURED, Command
from restore.settings.option import ABSENT, Option, OptionGroup
from restore.settings.parsers import parse_mode, parse_server_path, parse_store


class Compress(StrEnum):
    """How snapshots are compressed before they are stored."""

    NONE = "none"
    ZSTD = "zstd"


class Encrypt(StrEnum):
    """How snapshots are encrypted before they are stored."""

    NONE = "none"
    AGE = "age"


class StoreSettings(OptionGroup, frozen=True, kw_only=True):
    """The store, and how snapshots are kept there."""

    heading: ClassVar = "Store"
    commands: ClassVar = (Command.SNAPSHOT, Command.SERVE, Command.CONFIG)

    location: Annotated[
        str,
        Option(
            name="store",
            placeholder="DIR|URL",
            aliases=("--output-dir",),
            commands=CONFIGURED,
            read=parse_store,
            help="Where snapshots rest: a directory, or a bucket (s3://BUCKET/PREFIX, gs://…, az://CONTAINER/…).",
        ),
    ] = "./qdrant_snapshots"
    server_path: Annotated[
        str,
        Option(
            name="server-store",
            placeholder="PATH",
            commands=(Command.RESTORE, Command.DRILL, Command.DOCTOR, Command.CONFIG),
            read=parse_server_path,
            help="Where the Qdrant server sees the same directory; the shipped compose file mounts it there.",
        ),
    ] = "/qdrant/snapshots/.qdrant-restore"
    file_mode: Annotated[
        int,
        Option(
            placeholder="OCTAL",
            write="{:04o}".format,
            commands=(Command.SNAPSHOT, Command.VERIFY, Command.DRILL, Command.MIRROR, Command.CONFIG),
            read=parse_mode,
            help="The mode of the files written; directories may be entered by the users that may read.",
        ),
    ] = 0o644
    fallbacks: Annotated[
        tuple[str, ...],
        Option(
            name="fallback-stores",
            flag="--fallback-store",
            placeholder="DIR|URL",
            several=True,
            commands=(Command.RESTORE, Command.CONFIG),
            read=parse_store,
            flag_help="Look here too, in the order given, for what the store lacks; may be given several times.",
            help="Other stores, separated by commas: looked into, in this order, for what the first one lacks.",
        ),
    ] = ()
    mirror_to: Annotated[
        str,
        Option(
            flag=ABSENT,
            placeholder="DIR|URL",
            commands=(Command.MIRROR, Command.SERVE, Command.CONFIG),
            read=parse_store,
            help="Where 'mirror' without arguments, and the scheduled one, copy the store's snapshots to.",
        ),
    ] = ""
    identity_file: Annotated[
        str,
        Option(
            placeholder="PATH",
            commands=(Command.RESTORE, Command.VERIFY, Command.LIST, Command.DRILL, Command.SERVE, Command.CONFIG),
            help="The age identity (a key made by age-keygen, or an SSH key) that opens encrypted snapshots.",
        ),
    ] = ""
    compress: Annotated[Compress, Option(per_collection=True, help="Compress snapshots before they are stored.")] = (
        Compress.NONE
    )
    encrypt: Annotated[
        Encrypt,
        Option(
            per_collection=True, help="Encrypt snapshots before they are stored; for whom, says the recipients file."
        ),
    ] = Encrypt.NONE
    recipients_file: Annotated[
        str,
        Option(
            placeholder="PATH",
            per_collection=True,
            help="Who may open encrypted snapshots: age1… or ssh-… public keys, one a line.",
        ),
    ] = ""
