"""The table of settings, one row each: flags, variables, YAML keys, reference page and `config show` come from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from restore.decisions import settings_values as values
from restore.decisions.settings_keeping import PIN, PRUNE, UNPIN, make_mirror_row
from restore.decisions.settings_keeping import make_rows as make_keeping_rows
from restore.decisions.settings_proving import DRILL
from restore.decisions.settings_proving import make_rows as make_proving_rows
from restore.decisions.settings_row import LogFormat, LogLevel, Setting
from restore.decisions.settings_serving import HEALTHCHECK, SERVE, make_rows
from restore.decisions.settings_stores import MIRROR
from restore.decisions.settings_stores import make_rows as make_stores_rows
from restore.words.policy import Fallback, OnEmpty, OnExisting, OnMissing, Transfer, Verify

RESTORE, SNAPSHOT, LIST, VERIFY, DOCTOR, CONFIG, VERSION = (
    "restore",
    "snapshot",
    "list",
    "verify",
    "doctor",
    "config show",
    "version",
)
_MOVING = (RESTORE, SNAPSHOT, DRILL, SERVE, CONFIG)
_CHOOSING = (RESTORE, SNAPSHOT, LIST, VERIFY, DRILL, PRUNE, MIRROR, SERVE, CONFIG)
_WAITING = (*_MOVING, PRUNE, PIN, UNPIN, MIRROR)
_ASKING = (RESTORE, SNAPSHOT, DRILL, PRUNE, DOCTOR, SERVE, CONFIG)
_ALL = (RESTORE, SNAPSHOT, LIST, VERIFY, PRUNE, PIN, UNPIN, MIRROR, DRILL, DOCTOR, SERVE, HEALTHCHECK, CONFIG)


def _choice(name: str, choices: type[StrEnum], sentence: str, **more: Any) -> Setting:  # noqa: ANN401 - Setting's own
    return Setting(
        name=name,
        sentence=sentence,
        read=values.one_of(choices),
        default=next(iter(choices)),
        placeholder="|".join(choices),
        **more,
    )


def _policy(
    name: str, choices: type[StrEnum], sentence: str, commands: tuple[str, ...] = (RESTORE, CONFIG)
) -> Setting:
    return _choice(name, choices, sentence, room="Policies", commands=commands, per_collection=True)


def _switch(name: str, sentence: str, **more: Any) -> Setting:  # noqa: ANN401 - Setting's own
    return Setting(name=name, sentence=sentence, read=values.read_switch, default=False, switch=True, **more)


def _length(name: str, default: float, sentence: str, read: Callable[[str], Any], **more: Any) -> Setting:  # noqa: ANN401 - Setting's own
    return Setting(
        name=name,
        field=f"{name.replace('-', '_')}_seconds",
        room="Time",
        placeholder="SECONDS|2m|1h",
        default=default,
        sentence=sentence,
        read=read,
        **more,
    )


def _limit(name: str, sentence: str, read: Callable[[str], float | None]) -> Setting:
    return Setting(
        name=name,
        field=f"{name.replace('-', '_')}_seconds",
        room="Time",
        placeholder="SECONDS|2m|1h|off",
        commands=_WAITING,
        read=read,
        write=lambda value: values.write_value(value) or "off",
        sentence=sentence,
    )


_QDRANT = (
    Setting(
        name="qdrant-url",
        room="Qdrant",
        variable="QDRANT_URL",
        placeholder="URL",
        default="http://localhost:6333",
        aliases=("--url",),
        commands=_ASKING,
        read=values.read_url,
        sentence="Where Qdrant answers; without a port it is the scheme's own (80 or 443), Qdrant's is 6333.",
    ),
    Setting(
        name="api-key",
        room="Qdrant",
        variable="QDRANT_API_KEY",
        placeholder="KEY",
        secret=True,
        docker_secret="qdrant_api_key",  # noqa: S106 - a file's name
        commands=_ASKING,
        read=values.read_secret,
        sentence="The key that Qdrant asks for; to restore it must be allowed to manage.",
    ),
    Setting(
        name="ca-file",
        room="Qdrant",
        placeholder="PATH",
        default="",
        commands=_ASKING,
        read=values.read_text,
        sentence="The authority (PEM) that signed Qdrant's certificate, when the system does not know it.",
    ),
    _switch(
        "insecure",
        "Accept any certificate of Qdrant; said in the log at every start.",
        room="Qdrant",
        commands=_ASKING,
    ),
)

_COLLECTIONS = (
    Setting(
        name="collections",
        room="Collections",
        flag="--collection",
        placeholder="NAMES",
        default=(),
        several=True,
        flag_sentence="One collection, verbatim; may be given several times, and as plain arguments.",
        commands=(*_MOVING, PRUNE, MIRROR),
        read=values.read_name,
        sentence="Which collections, separated by commas (a name with a comma: QDRANT_COLLECTION_NAME).",
    ),
    Setting(
        name="collection-name",
        room="Collections",
        flag="-",
        variable="QDRANT_COLLECTION_NAME",
        key="-",
        placeholder="NAME",
        default="",
        commands=(),
        read=values.read_name,
        sentence="One collection, verbatim; counts when RESTORE_COLLECTIONS is not set.",
    ),
    _switch(
        "all",
        "Every collection, whatever variables and the settings file name.",
        room="Collections",
        variable="-",
        key="-",
        field="all_collections",
        commands=(*_MOVING, LIST, VERIFY, PRUNE, MIRROR),
    ),
    Setting(
        name="snapshot",
        room="Collections",
        placeholder="latest|previous|NAME|PATH",
        default="latest",
        commands=(RESTORE, DRILL, CONFIG),
        read=values.read_text,
        per_collection=True,
        sentence="Which snapshot: the latest, the one before it, a file's name in the store, or a path.",
    ),
    Setting(
        name="to",
        room="Collections",
        placeholder="NAME",
        default="",
        aliases=("--new-collection",),
        commands=(RESTORE, CONFIG),
        read=values.read_name,
        per_collection=True,
        sentence="Restore under another name; for one collection.",
    ),
)

_STORE = (
    Setting(
        name="store",
        room="Store",
        placeholder="DIR|URL",
        default="./qdrant_snapshots",
        aliases=("--output-dir",),
        commands=_ALL,
        read=values.read_store,
        sentence="Where snapshots rest: a directory, or a bucket (s3://BUCKET/PREFIX, gs://…, az://CONTAINER/…).",
    ),
    Setting(
        name="server-store",
        room="Store",
        placeholder="PATH",
        default="/qdrant/snapshots/.qdrant-restore",
        commands=(RESTORE, DRILL, DOCTOR, CONFIG),
        read=values.read_server_path,
        sentence="Where the Qdrant server sees the same directory; the shipped compose file mounts it there.",
    ),
    Setting(
        name="file-mode",
        room="Store",
        placeholder="OCTAL",
        default=0o644,
        write="{:04o}".format,
        commands=(SNAPSHOT, VERIFY, DRILL, MIRROR, CONFIG),
        read=values.read_mode,
        sentence="The mode of the files written; directories may be entered by whoever may read.",
    ),
)

_POLICIES = (
    _policy(
        "on-existing", OnExisting, "The collection is there and has points; replace acts only on collections named."
    ),
    _policy("on-empty", OnEmpty, "The collection is there without points, although the snapshot has some."),
    _policy("on-missing", OnMissing, "Neither the collection nor a snapshot of it is there."),
    _policy("verify", Verify, "What is compared after a transfer; full samples points."),
    _policy(
        "transfer",
        Transfer,
        "How the bytes travel; auto tries the server's own file, then uploads.",
        (RESTORE, DRILL, CONFIG),
    ),
    _policy("fallback", Fallback, "What to take when the newest snapshot does not verify."),
    _switch(
        "allow-version-gap",
        "Replace data also from a snapshot of another minor version of Qdrant.",
        room="Policies",
        commands=(RESTORE, CONFIG),
        per_collection=True,
    ),
    Setting(
        name="samples",
        room="Policies",
        placeholder="NUMBER",
        default=32,
        commands=_MOVING,
        read=values.read_samples,
        per_collection=True,
        sentence="How many points a manifest samples, and how many of them are compared after a restore.",
    ),
    _switch(
        "dry-run",
        "Print the plan and only read.",
        room="Policies",
        commands=(RESTORE, PRUNE, MIRROR, CONFIG),
    ),
    _switch(
        "prove-write",
        "Prove that the key may restore: make a mark collection and drop it.",
        room="Policies",
        variable="-",
        key="-",
        commands=(DOCTOR,),
    ),
    _switch(
        "allow-smaller",
        "Let a snapshot become latest although it has less than half of the points of the last one.",
        room="Policies",
        commands=(SNAPSHOT, CONFIG),
        per_collection=True,
    ),
    Setting(
        name="concurrency",
        room="Policies",
        placeholder="NUMBER",
        default=2,
        commands=(RESTORE, SNAPSHOT, SERVE, CONFIG),
        read=values.read_concurrency,
        sentence="How many collections are worked on at once; their downloads and the server's own work overlap.",
    ),
    Setting(
        name="note",
        room="Policies",
        default="",
        commands=(SNAPSHOT, CONFIG),
        read=values.read_note,
        per_collection=True,
        sentence="A remark that the manifest keeps.",
    ),
)

_TIME = (
    _length(
        "wait-timeout",
        120.0,
        "How long to wait until Qdrant is ready.",
        values.read_seconds,
        commands=(*_MOVING, PRUNE),
    ),
    _length(
        "stall-timeout",
        300.0,
        "How long a transfer may go without a byte or a sign from the server.",
        values.read_some_seconds,
        commands=(*_MOVING, MIRROR),
    ),
    _limit(
        "lock-timeout",
        "How long to wait for another run that holds the collection or the store; off: as long as it lives.",
        values.read_patience,
    ),
    _limit("deadline", "How long all of it may take.", values.read_limit),
)

_OUTPUT = (
    _switch("json", "Print the result as JSON.", room="Output", commands=(*_ALL, VERSION)),
    _choice("log-format", LogFormat, "How the log on stderr is written.", room="Output", commands=_ALL),
    Setting(
        name="log-level",
        room="Output",
        placeholder="|".join(LogLevel),
        default=LogLevel.INFO,
        commands=_ALL,
        read=values.one_of(LogLevel),
        sentence="The least important event that is logged.",
    ),
    Setting(
        name="config",
        room="Output",
        key="-",
        placeholder="PATH",
        default="",
        commands=_ALL,
        read=values.read_text,
        sentence="The settings file; restore.yaml in the working directory is read when it is there.",
    ),
)


_SERVING = make_rows(CONFIG, (RESTORE, SNAPSHOT, VERIFY, PRUNE, DRILL))
_PROVING = make_proving_rows(CONFIG, VERIFY)
_KEEPING = (
    *make_keeping_rows(_CHOOSING, (SNAPSHOT, PRUNE, SERVE, CONFIG), (RESTORE,)),
    make_mirror_row((MIRROR, SERVE, CONFIG)),
)

_STORES = make_stores_rows(
    (RESTORE, VERIFY, LIST, DRILL, SERVE, CONFIG), (SNAPSHOT, SERVE, CONFIG), (RESTORE, CONFIG)
)

_CHOICES = (*_QDRANT, *_COLLECTIONS, *_STORE, *_STORES, *_POLICIES, *_KEEPING)
SETTINGS: tuple[Setting, ...] = (*_CHOICES, *_TIME, *_PROVING, *_SERVING, *_OUTPUT)
BY_NAME: Mapping[str, Setting] = {row.name: row for row in SETTINGS}
