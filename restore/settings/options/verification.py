"""The rows about proof: how deep `verify` looks and at how many files, and where a drill restores to."""

from __future__ import annotations

from restore.checks.record import Depth, SampleShare, parse_share
from restore.qdrant.url import find_url_problem
from restore.settings import parsers as values
from restore.settings.command_names import DRILL, SERVE
from restore.settings.option import Option

ON_SERVER, ON_EMBEDDED = "server", "embedded"


def make_verification_options(config: str, verify: str) -> tuple[Option, ...]:
    """Give the rows. `config` is the command that shows settings, `verify` the one that reads files."""
    return (
        Option(
            name="verify-depth",
            flag="--depth",
            group="Proof",
            placeholder="|".join(Depth),
            default=Depth.ARCHIVE,
            commands=(verify, config),
            read=values.parse_choice(Depth),
            help="What verify looks at: list the names and sizes, hash every byte, archive also the inside.",
        ),
        Option(
            name="verify-sample",
            flag="--sample",
            group="Proof",
            placeholder="5%|2/7",
            default=None,
            commands=(verify, config),
            read=_read_sample,
            write=_write_sample,
            help="Verify only this share of the snapshots, those whose last check is the oldest; off: all.",
        ),
        Option(
            name="drill-on",
            flag="--on",
            group="Proof",
            placeholder="server|embedded|URL",
            default=ON_SERVER,
            commands=(DRILL, config),
            read=_read_place,
            help="Where a drill restores to: beside the collections, the embedded engine, or another Qdrant.",
        ),
        Option(
            name="drill-api-key",
            group="Proof",
            placeholder="KEY",
            secret=True,
            commands=(DRILL, config),
            read=values.parse_secret,
            help="The key of the other Qdrant that a drill restores into; QDRANT_API_KEY is never sent there.",
        ),
        Option(
            name="drill-insecure",
            group="Proof",
            default=False,
            switch=True,
            commands=(DRILL, SERVE, config),
            read=values.parse_switch,
            help="Accept any certificate of that other Qdrant; said in the log at every start.",
        ),
    )


def _read_sample(text: str) -> SampleShare | None:
    return None if text.strip().lower() == "off" else parse_share(text)


def _write_sample(share: SampleShare | None) -> str:
    return "off" if share is None else str(share)


def _read_place(text: str) -> str:
    """Read `server`, `embedded` or a URL of Qdrant."""
    compact = text.strip()
    if compact.lower() in {ON_SERVER, ON_EMBEDDED}:
        return compact.lower()
    if "://" not in compact:
        raise ValueError(f"'{text}' is none of {ON_SERVER}, {ON_EMBEDDED} and a URL")
    if problem := find_url_problem(compact):
        raise ValueError(problem)
    return compact.rstrip("/")
