"""The rows about stores beyond the first directory: more of them, packed snapshots, copies elsewhere."""

from __future__ import annotations

from enum import StrEnum

from restore.decisions import settings_values as values
from restore.decisions.settings_row import Setting

MIRROR = "mirror"


class Compress(StrEnum):
    """How snapshots are compressed before they are stored."""

    NONE = "none"
    ZSTD = "zstd"


class Encrypt(StrEnum):
    """How snapshots are encrypted before they are stored."""

    NONE = "none"
    AGE = "age"


def make_rows(reading: tuple[str, ...], writing: tuple[str, ...], restoring: tuple[str, ...]) -> tuple[Setting, ...]:
    """Give the rows; `reading` commands open snapshots, `writing` ones make some, `restoring` ones look further."""
    return (
        Setting(
            name="fallback-stores",
            room="Store",
            flag="--fallback-store",
            placeholder="DIR|URL",
            default=(),
            several=True,
            commands=restoring,
            read=values.read_store,
            flag_sentence="Look here too, in the order given, for what the store lacks; may be given several times.",
            sentence="Other stores, separated by commas: looked into, in this order, for what the first one lacks.",
        ),
        Setting(
            name="mirror-to",
            room="Store",
            flag="-",
            placeholder="DIR|URL",
            default="",
            commands=(MIRROR, "serve", "config show"),
            read=values.read_store,
            sentence="Where 'mirror' without arguments, and the scheduled one, copy the store's snapshots to.",
        ),
        Setting(
            name="identity-file",
            room="Store",
            placeholder="PATH",
            default="",
            commands=reading,
            read=values.read_text,
            sentence="The age identity (a key made by age-keygen, or an SSH key) that opens encrypted snapshots.",
        ),
        Setting(
            name="compress",
            room="Store",
            placeholder="|".join(Compress),
            default=Compress.NONE,
            commands=writing,
            per_collection=True,
            read=values.one_of(Compress),
            sentence="Compress snapshots before they are stored.",
        ),
        Setting(
            name="encrypt",
            room="Store",
            placeholder="|".join(Encrypt),
            default=Encrypt.NONE,
            commands=writing,
            per_collection=True,
            read=values.one_of(Encrypt),
            sentence="Encrypt snapshots before they are stored; for whom, says the recipients file.",
        ),
        Setting(
            name="recipients-file",
            room="Store",
            placeholder="PATH",
            default="",
            commands=writing,
            per_collection=True,
            read=values.read_text,
            sentence="Who may open encrypted snapshots: age1… or ssh-… public keys, one a line.",
        ),
    )
