"""Options about stores: where they are, packed snapshots, more stores, copies elsewhere."""

from __future__ import annotations

from enum import StrEnum

from restore.settings import parsers as values
from restore.settings.command_names import ALL, CONFIG, DOCTOR, DRILL, MIRROR, RESTORE, SNAPSHOT, VERIFY
from restore.settings.option import Option


class Compress(StrEnum):
    """How snapshots are compressed before they are stored."""

    NONE = "none"
    ZSTD = "zstd"


class Encrypt(StrEnum):
    """How snapshots are encrypted before they are stored."""

    NONE = "none"
    AGE = "age"


def make_store_options(
    reading: tuple[str, ...], writing: tuple[str, ...], restoring: tuple[str, ...]
) -> tuple[Option, ...]:
    """Give the rows; `reading` commands open snapshots, `writing` ones make some, `restoring` ones look further."""
    return (
        Option(
            name="fallback-stores",
            group="Store",
            flag="--fallback-store",
            placeholder="DIR|URL",
            default=(),
            several=True,
            commands=restoring,
            read=values.parse_store,
            flag_help="Look here too, in the order given, for what the store lacks; may be given several times.",
            help="Other stores, separated by commas: looked into, in this order, for what the first one lacks.",
        ),
        Option(
            name="mirror-to",
            group="Store",
            flag="-",
            placeholder="DIR|URL",
            default="",
            commands=(MIRROR, "serve", "config show"),
            read=values.parse_store,
            help="Where 'mirror' without arguments, and the scheduled one, copy the store's snapshots to.",
        ),
        Option(
            name="identity-file",
            group="Store",
            placeholder="PATH",
            default="",
            commands=reading,
            read=values.parse_text,
            help="The age identity (a key made by age-keygen, or an SSH key) that opens encrypted snapshots.",
        ),
        Option(
            name="compress",
            group="Store",
            placeholder="|".join(Compress),
            default=Compress.NONE,
            commands=writing,
            per_collection=True,
            read=values.parse_choice(Compress),
            help="Compress snapshots before they are stored.",
        ),
        Option(
            name="encrypt",
            group="Store",
            placeholder="|".join(Encrypt),
            default=Encrypt.NONE,
            commands=writing,
            per_collection=True,
            read=values.parse_choice(Encrypt),
            help="Encrypt snapshots before they are stored; for whom, says the recipients file.",
        ),
        Option(
            name="recipients-file",
            group="Store",
            placeholder="PATH",
            default="",
            commands=writing,
            per_collection=True,
            read=values.parse_text,
            help="Who may open encrypted snapshots: age1… or ssh-… public keys, one a line.",
        ),
    )


STORE_OPTIONS = (
    Option(
        name="store",
        group="Store",
        placeholder="DIR|URL",
        default="./qdrant_snapshots",
        aliases=("--output-dir",),
        commands=ALL,
        read=values.parse_store,
        help="Where snapshots rest: a directory, or a bucket (s3://BUCKET/PREFIX, gs://…, az://CONTAINER/…).",
    ),
    Option(
        name="server-store",
        group="Store",
        placeholder="PATH",
        default="/qdrant/snapshots/.qdrant-restore",
        commands=(RESTORE, DRILL, DOCTOR, CONFIG),
        read=values.parse_server_path,
        help="Where the Qdrant server sees the same directory; the shipped compose file mounts it there.",
    ),
    Option(
        name="file-mode",
        group="Store",
        placeholder="OCTAL",
        default=0o644,
        write="{:04o}".format,
        commands=(SNAPSHOT, VERIFY, DRILL, MIRROR, CONFIG),
        read=values.parse_mode,
        help="The mode of the files written; directories may be entered by whoever may read.",
    ),
)
