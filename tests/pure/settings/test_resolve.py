"""Settings are decided by the first source that has them, and everything wrong is told at once."""

# ruff: noqa: E501 - a row of a table is a line
from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.errors import SettingsError
from restore.recovery.policy_choices import OnExisting, OnMissing, Policies
from restore.retention.rule import RetentionRule
from restore.settings.collections import guess_collection
from restore.settings.durations import parse_duration
from restore.settings.model import Settings
from restore.settings.option import Option
from restore.settings.options.table import OPTIONS, OPTIONS_BY_NAME
from restore.settings.parsers import format_value, parse_mode
from restore.settings.resolve import read_settings
from restore.settings.server_address import merge_host
from restore.settings.sources import Sources
from restore.snapshots.name import SnapshotName, encode_collection
from restore.system.secret import Secret
from restore.system.text import edit_distance, suggest

KEY = "canary-7f3a9c"


def settle(*arguments: str, command: str = "restore", **sources: Any) -> Settings:  # noqa: ANN401 - any source
    """Decide the settings of one command line."""
    return read_settings(command, Sources(arguments=arguments, **sources))


def problems_of(*arguments: str, command: str = "restore", **sources: Any) -> tuple[str, ...]:  # noqa: ANN401 - any source
    """Return everything that is wrong with one command line."""
    with pytest.raises(SettingsError) as caught:
        settle(*arguments, command=command, **sources)
    return caught.value.problems


# --- which source decides -------------------------------------------------------------------------------------


def test_a_flag_counts_more_than_a_variable_than_the_file_than_the_default() -> None:
    """Precedence is the same for every setting, and each value says where it came from."""
    layers: dict[str, Any] = {
        "flags": {"store": ("flag",)},
        "environment": {"RESTORE_STORE": "variable"},
        "document": {"store": "file"},
    }
    found = []
    for gone in ("", "flags", "environment", "document"):
        layers.pop(gone, None)
        settings = settle(**layers)
        found.append((settings.store.location, settings.origins["store"].where))

    assert found == [
        ("flag", "--store"),
        ("variable", "RESTORE_STORE"),
        ("file", "restore.yaml: store"),
        ("./qdrant_snapshots", "default"),
    ]


def test_an_empty_variable_is_an_unset_one() -> None:
    """Compose passes `NAME=` on for what a person left empty."""
    settings = settle(environment={"RESTORE_STORE": "", "QDRANT_API_KEY": "", "RESTORE_WAIT_TIMEOUT": ""})

    assert (settings.store.location, settings.server.api_key, settings.limits.wait_timeout_seconds) == (
        "./qdrant_snapshots",
        None,
        120.0,
    )


def test_a_yaml_value_stays_the_text_that_was_written() -> None:
    """A collection named `no` and a mode `0640` mean what they say."""
    settings = settle(document={"collections": ["no", "1e3"], "file_mode": "0640", "json": "yes"})

    assert (settings.collections.names, settings.store.file_mode, settings.output.json) == (
        ("no", "1e3"),
        0o640,
        True,
    )


# --- which collections ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "collections", "origin"),
    [
        ({"arguments": ("a",), "flags": {"collections": ("b", "a")}}, ("a", "b"), "arguments"),
        ({"flags": {"collections": ("a,b",)}}, ("a,b",), "--collection"),
        (
            {"environment": {"RESTORE_COLLECTIONS": "a, b ,", "QDRANT_COLLECTION_NAME": "c"}},
            ("a", "b"),
            "RESTORE_COLLECTIONS",
        ),
        ({"environment": {"QDRANT_COLLECTION_NAME": " a,b "}}, (" a,b ",), "QDRANT_COLLECTION_NAME"),
        ({"environment": {"QDRANT_COLLECTION": "a,b"}}, ("a,b",), "QDRANT_COLLECTION"),
        (
            {"environment": {"QDRANT_COLLECTION_NAME": "a", "QDRANT_COLLECTION": "a"}},
            ("a",),
            "QDRANT_COLLECTION_NAME",
        ),
        ({"document": {"collections": ["a", "b"]}}, ("a", "b"), "restore.yaml: collections"),
        ({"document": {"collections": {"a": "", "b": {"to": "c"}}}}, ("a", "b"), "restore.yaml: collections"),
        ({"flags": {"all": ("true",)}, "environment": {"RESTORE_COLLECTIONS": "a"}}, (), "--all"),
        ({}, (), "default"),
    ],
)
def test_collections_are_named_by_the_first_that_names_any(
    sources: dict[str, Any], collections: tuple[str, ...], origin: str
) -> None:
    """Arguments and `--collection`, else the list, else the one name, else the settings file, else every one."""
    settings = read_settings("restore", Sources(**sources))

    assert (settings.collections.names, settings.origins["collections"].where) == (collections, origin)


def test_only_a_collection_named_one_by_one_is_named() -> None:
    """`replace` asks for this."""
    settings = settle(environment={"RESTORE_COLLECTIONS": "cities"})

    assert (settings.is_named("cities"), settings.is_named("towns"), settle().is_named("cities")) == (
        True,
        False,
        False,
    )


def test_list_and_verify_keep_their_arguments_as_they_are() -> None:
    """`verify` takes paths, and what a compose file names does not narrow what `list` shows."""
    settings = settle("./x/cities_latest.snapshot", command="verify", environment={"RESTORE_COLLECTIONS": "towns"})

    assert (settings.arguments, settings.collections.names) == (("./x/cities_latest.snapshot",), ("towns",))


@pytest.mark.parametrize(
    ("snapshot", "to", "collections"),
    [
        ("cities_20261120_101500.snapshot", "", ("cities",)),
        ("/backups/cities_20261120_101500-2.snapshot", "towns", ("cities",)),
        ("cities_latest.snapshot", "", ("cities",)),
        ("cities-1234-2026-11-20-10-15-00.snapshot", "", ("cities",)),
        ("/backups/by-hand.snapshot", "towns", ("towns",)),
    ],
)
def test_a_snapshot_file_tells_its_collection(snapshot: str, to: str, collections: tuple[str, ...]) -> None:
    """`restore_snapshots.py --snapshot FILE --new-collection NAME` needs no collection named."""
    flags = {"snapshot": (snapshot,), **({"to": (to,)} if to else {})}
    settings = settle(flags=flags, environment={"RESTORE_COLLECTIONS": "others,more"})

    assert settings.collections.names == collections


@given(st.text(min_size=1, max_size=60))
def test_every_name_we_give_a_snapshot_tells_its_collection(collection: str) -> None:
    """Whatever Qdrant accepts as a name is read back from a file's name, as long as it was not cut."""
    name = SnapshotName(encode_collection(collection), at=datetime(2026, 11, 20, 12, tzinfo=UTC))

    assert guess_collection(f"/store/{name}") in (collection, None)


# --- choices for single collections ---------------------------------------------------------------------------


def test_a_collections_own_choice_counts_more_than_the_files_and_less_than_a_variable() -> None:
    """A flag or a variable speaks for every collection."""
    document = {"on_existing": "refuse", "on_missing": "skip", "collections": {"cities": {"on_existing": "replace"}}}
    from_file = settle(document=document)
    from_variable = settle(document=document, environment={"RESTORE_ON_EXISTING": "skip"})

    assert [
        from_file.policies_for("cities"),
        from_file.policies_for("towns"),
        from_variable.policies_for("cities"),
    ] == [
        Policies(on_existing=OnExisting.REPLACE, on_missing=OnMissing.SKIP),
        Policies(on_existing=OnExisting.REFUSE, on_missing=OnMissing.SKIP),
        Policies(on_existing=OnExisting.SKIP, on_missing=OnMissing.SKIP),
    ]


def test_every_policy_may_stand_under_one_collection() -> None:
    """What the settings file may choose for one collection is exactly what `Policies` holds."""
    own = {
        "on_existing": "refuse",
        "on_empty": "skip",
        "on_missing": "skip",
        "verify": "counts",
        "transfer": "upload",
        "fallback": "previous",
        "snapshot": "previous",
        "to": "towns",
        "allow_version_gap": "true",
    }
    policies = settle(document={"collections": {"cities": own}}).policies_for("cities")

    assert {name: format_value(getattr(policies, name)) for name in Policies.__struct_fields__} == own


# --- what is wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ({"flags": {"on-existing": ("replce",)}}, "--on-existing: 'replce' is none of skip, refuse, replace (did you mean replace?)"),
        ({"environment": {"RESTORE_WAIT_TIMEOUT": "soon"}}, "RESTORE_WAIT_TIMEOUT: 'soon' is no length of time (90, 90s, 2m, 1h)"),
        ({"environment": {"RESTORE_STALL_TIMEOUT": "0"}}, "RESTORE_STALL_TIMEOUT: '0' leaves no time at all"),
        ({"environment": {"RESTORE_DEADLINE": "90d"}}, "RESTORE_DEADLINE: '90d' is more than 30 days"),
        ({"environment": {"RESTORE_FILE_MODE": "640a"}}, "RESTORE_FILE_MODE: '640a' is no file mode in octal digits (0644, 0640, 0600)"),
        ({"environment": {"RESTORE_FILE_MODE": "0444"}}, "RESTORE_FILE_MODE: '0444' keeps the owner from reading or writing"),
        ({"environment": {"RESTORE_DRY_RUN": "maybe"}}, "RESTORE_DRY_RUN: 'maybe' is neither true nor false"),
        ({"environment": {"RESTORE_SAMPLES": "-1"}}, "RESTORE_SAMPLES: '-1' is no whole number from 0 to 10,000"),
        ({"flags": {"store": ("",)}}, "--store: is empty"),
        ({"flags": {"store": ("ftp://host/x",)}}, "--store: begins with ftp://, a store is a directory or one of file://, s3://, gs://, az://"),
        ({"flags": {"server-store": ("snapshots",)}}, "--server-store: 'snapshots' is no absolute path; it is the path that the Qdrant server sees"),
        ({"arguments": (".",)}, "arguments: '.' would make the server touch its own parent directory"),
        ({"arguments": ("a:b",)}, "arguments: 'a:b' contains ':', which Qdrant refuses"),
        ({"arguments": ("./cities.snapshot",)}, "arguments: './cities.snapshot' looks like a path, a collection's name is wanted (a file: --snapshot PATH)"),
        ({"arguments": (".restoring-0123456789abcdef-1",)}, "arguments: '.restoring-0123456789abcdef-1' begins with '.restoring-', which marks a restore in progress"),
        ({"environment": {"RESTORE_STROE": "x"}}, "unknown variable RESTORE_STROE (did you mean RESTORE_STORE?)"),
        ({"document": {"on_exsting": "skip"}}, "restore.yaml: unknown key 'on_exsting' (did you mean on_existing?)"),
        ({"document": {"collections": {"a": {"verfy": "full"}}}}, "restore.yaml: collections.a: unknown key 'verfy' (did you mean verify?)"),
        ({"document": {"collections": {"a": {"verify": "ful"}}}}, "restore.yaml: collections.a.verify: 'ful' is none of full, counts, none (did you mean full?)"),
        ({"document": {"collections": {"a": ["x"]}}}, "restore.yaml: collections.a: a mapping of choices is wanted (on_existing: refuse)"),
        ({"document": {"collections": [["a"]]}}, "restore.yaml: collections: a list of names is wanted, or a mapping of names to choices"),
        ({"document": {"store": ["a"]}}, "restore.yaml: store: one value is wanted, not a list or a mapping"),
        ({"arguments": ("a",), "flags": {"all": ("true",)}}, "--all: names every collection, but a was named too; keep one"),
        ({"flags": {"all": ("true",), "to": ("c",)}}, "--all: means every collection, but --to is for one; keep one"),
        ({"flags": {"all": ("true",)}, "environment": {"RESTORE_SNAPSHOT": "x"}}, "--all: means every collection, but RESTORE_SNAPSHOT is for one; keep one"),
        ({"arguments": ("a", "b"), "flags": {"to": ("c",)}}, "--to: 'c' is one target, but 2 collections are wanted; name one collection"),
        ({"flags": {"to": ("c",)}}, "--to: 'c' is one target, but no collection is named; name one collection"),
        ({"arguments": ("a", "b"), "flags": {"snapshot": ("x.snapshot",)}}, "--snapshot: x.snapshot is one snapshot, but 2 collections are wanted; name one collection"),
        ({"flags": {"snapshot": ("x.snapshot",)}}, "--snapshot: x.snapshot is one snapshot, but its name does not say of which collection; name one collection"),
        ({"document": {"collections": {"a": {"to": "b"}, "b": ""}}}, "collections 'a' and 'b' would both be restored as 'b'"),
        ({"flags": {"insecure": ("true",), "ca-file": ("ca.pem",)}}, "--insecure and --ca-file are both set; keep one"),
        ({"flags": {"port": ("6333",)}}, "--port: goes with --host; or write the port into --qdrant-url"),
        ({"flags": {"host": ("q",), "qdrant-url": ("http://q",)}}, "--host and --qdrant-url are both given; keep one"),
        ({"environment": {"QDRANT_URL": "localhost:6333"}}, "QDRANT_URL: 'localhost:6333' has no scheme (did you mean http://localhost:6333?)"),
        ({"environment": {"QDRANT_URL": "grpc://q:6334"}}, "QDRANT_URL: 'grpc://q:6334' begins with grpc://, Qdrant's HTTP API needs http:// or https://"),
        ({"environment": {"QDRANT_URL": "http://q:port"}}, "QDRANT_URL: 'http://q:port' has a host or port that is none (a port is a number up to 65535)"),
        ({"environment": {"QDRANT_URL": "http://:6333"}}, "QDRANT_URL: 'http://:6333' has no host"),
        ({"environment": {"QDRANT_URL": "http://q /x"}}, "QDRANT_URL: 'http://q /x' has white space in it"),
        ({"environment": {"QDRANT_URL": f"http://user:{KEY}@q:6333"}}, "QDRANT_URL: 'http://q:6333' comes with a user name or password; give the key as QDRANT_API_KEY instead"),
        ({"environment": {"QDRANT_URL": f"http://q:6333?api-key={KEY}"}}, "QDRANT_URL: 'http://q:6333' goes on with a query or fragment; leave it out"),
        ({"environment": {"QDRANT_URL": f"user:{KEY}@q:6333"}}, "QDRANT_URL: 'q:6333' has no scheme (did you mean http://q:6333?)"),
        ({"environment": {"QDRANT_API_KEY": f"{KEY} "}}, "QDRANT_API_KEY: has white space around it"),
        ({"environment": {"QDRANT_API_KEY": f"{KEY}\u00e9"}}, "QDRANT_API_KEY: has a character that no HTTP header can carry"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(sources: dict[str, Any], problem: str) -> None:
    """The sentence names the source, what was found and what was expected, and never a secret."""
    with pytest.raises(SettingsError) as caught:
        read_settings("restore", Sources(**sources))

    assert caught.value.problems == (problem,)


def test_everything_wrong_is_told_at_once() -> None:
    """A person who fixes one problem does not meet the next one only then."""
    problems = problems_of(
        "a/b",
        problems=("unknown option --frob",),
        flags={"verify": ("ful",)},
        environment={"RESTORE_STROE": "x", "RESTORE_SAMPLES": "many"},
        document={"on_exsting": "skip", "deadline": "never"},
    )

    assert problems == (
        "unknown option --frob",
        "--verify: 'ful' is none of full, counts, none (did you mean full?)",
        "RESTORE_SAMPLES: 'many' is no whole number from 0 to 10,000",
        "restore.yaml: deadline: 'never' is no length of time (90, 90s, 2m, 1h)",
        "arguments: 'a/b' looks like a path, a collection's name is wanted (a file: --snapshot PATH)",
        "restore.yaml: unknown key 'on_exsting' (did you mean on_existing?)",
        "unknown variable RESTORE_STROE (did you mean RESTORE_STORE?)",
    )


# --- other people's variables ---------------------------------------------------------------------------------


def test_what_service_discovery_injects_changes_nothing() -> None:
    """Docker links and Kubernetes put such variables beside a service called `restore` or `qdrant`."""
    injected = {
        "QDRANT_PORT": "tcp://10.0.0.1:6333",
        "QDRANT_SERVICE_HOST": "10.0.0.1",
        "RESTORE_PORT": "tcp://10.0.0.2:80",
        "RESTORE_PORT_6333_TCP": "tcp://10.0.0.2:6333",
        "RESTORE_PORT_6333_TCP_ADDR": "10.0.0.2",
        "RESTORE_SERVICE_HOST": "10.0.0.2",
        "RESTORE_SERVICE_PORT_HTTP": "80",
    }

    assert settle(environment=injected) == settle()


def test_an_unknown_variable_that_resembles_nothing_is_a_warning() -> None:
    """It may be somebody else's; a near miss of Qdrant's own names is worth a word, too."""
    settings = settle(environment={"RESTORE_FROBNICATE": "1", "QDRANT_APIKEY": "x", "QDRANT_HOST": "q"})

    assert settings.warnings == (
        "variable QDRANT_APIKEY is ignored (did you mean QDRANT_API_KEY?)",
        "unknown variable RESTORE_FROBNICATE is ignored",
    )


# --- secrets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "key"),
    [(KEY, KEY), (f"{KEY}\n", KEY), (f"{KEY}\r\n", KEY)],
)
def test_one_newline_at_a_secret_files_end_is_taken_off(content: str, key: str) -> None:
    """Editors and `echo` leave one."""
    settings = settle(environment={"QDRANT_API_KEY_FILE": "/key"}, files={"/key": content.encode()})

    assert settings.server.api_key == Secret(key)


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ({"files": {"/key": b""}}, "QDRANT_API_KEY_FILE: secret file '/key': is empty"),
        ({"files": {"/key": b"\n"}}, "QDRANT_API_KEY_FILE: secret file '/key': is empty"),
        ({"files": {"/key": b"a\n\n"}}, "QDRANT_API_KEY_FILE: secret file '/key': has white space around it"),
        ({"files": {"/key": b"\xff"}}, "QDRANT_API_KEY_FILE: secret file '/key' is not text in UTF-8"),
        ({"files": {"/key": "cannot be read (Permission denied)"}}, "QDRANT_API_KEY_FILE: secret file '/key' cannot be read (Permission denied)"),
    ],
)  # fmt: skip
def test_a_secret_file_that_gives_no_secret_is_an_error(sources: dict[str, Any], problem: str) -> None:
    """Going on without a key would hide the mistake behind a 401."""
    assert problems_of(environment={"QDRANT_API_KEY_FILE": "/key"}, **sources) == (problem,)


def test_both_forms_of_a_secret_are_an_error() -> None:
    """Nobody should have to guess which one counts."""
    problems = problems_of(
        environment={"QDRANT_API_KEY": KEY, "QDRANT_API_KEY_FILE": "/key"}, files={"/key": KEY.encode()}
    )

    assert problems == ("QDRANT_API_KEY and QDRANT_API_KEY_FILE are both set; keep one",)


def test_a_mounted_docker_secret_counts_when_nothing_else_gives_the_key() -> None:
    """`secrets:` in a compose file needs no variable."""
    mounted = {"/run/secrets/qdrant_api_key": KEY.encode()}
    alone = settle(files=mounted)
    beside = settle(files=mounted, environment={"QDRANT_API_KEY": "another"})

    assert [(one.server.api_key, one.origins["api-key"].where) for one in (alone, beside)] == [
        (Secret(KEY), "/run/secrets/qdrant_api_key"),
        (Secret("another"), "QDRANT_API_KEY"),
    ]


def test_a_secret_shows_itself_to_nobody() -> None:
    """Neither `repr`, nor `str`, nor formatting, nor the settings that hold it."""
    settings = settle(environment={"QDRANT_API_KEY": KEY})

    assert (
        KEY not in f"{settings!r} {settings.server.api_key} {settings.server.api_key!r} {settings.server.api_key:>20}"
    )


@pytest.mark.parametrize("key", [KEY, 'ca"na\\ry'])
def test_a_secret_is_taken_out_of_what_others_wrote(key: str) -> None:
    """As it is, and as JSON or a quoted log line has it."""
    masked = Secret(key).mask(f"bad key {key} in {json.dumps({'error': key})}")

    assert masked == 'bad key *** in {"error": "***"}'


def test_a_key_on_the_command_line_works_and_warns() -> None:
    """Everybody who may list processes can read it."""
    settings = settle(flags={"api-key": (KEY,)})

    assert (settings.server.api_key, settings.warnings) == (
        Secret(KEY),
        ("--api-key: every user that may list processes can read it; use QDRANT_API_KEY or --api-key-file",),
    )


# --- the address in parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "url", "origin"),
    [
        ({"QDRANT_HOST": "qdrant"}, "http://qdrant:6333", "QDRANT_HOST"),
        ({"QDRANT_PORT": "7000"}, "http://localhost:7000", "QDRANT_PORT"),
        ({"QDRANT_USE_HTTPS": "true"}, "https://localhost:6333", "QDRANT_USE_HTTPS"),
        (
            {"QDRANT_HOST": "q", "QDRANT_PORT": "80", "QDRANT_USE_HTTPS": "1"},
            "https://q:80",
            "QDRANT_HOST, QDRANT_PORT, QDRANT_USE_HTTPS",
        ),
        ({"QDRANT_HOST": "q:7000", "QDRANT_PORT": "7000"}, "http://q:7000", "QDRANT_HOST, QDRANT_PORT"),
        ({"QDRANT_HOST": "https://q", "QDRANT_USE_HTTPS": "yes"}, "https://q", "QDRANT_HOST, QDRANT_USE_HTTPS"),
        ({"QDRANT_HOST": "::1", "QDRANT_PORT": "7000"}, "http://[::1]:7000", "QDRANT_HOST, QDRANT_PORT"),
        ({"QDRANT_HOST": "q", "QDRANT_PORT": "tcp://10.0.0.1:6333"}, "http://q:6333", "QDRANT_HOST"),
        ({"QDRANT_PORT": "tcp://10.0.0.1:6333"}, "http://localhost:6333", "default"),
        ({"QDRANT_HOST": "", "QDRANT_PORT": " "}, "http://localhost:6333", "default"),
        (
            {"QDRANT_URL": "http://q:6333", "QDRANT_HOST": "q", "QDRANT_PORT": "6333", "QDRANT_USE_HTTPS": "no"},
            "http://q:6333",
            "QDRANT_URL",
        ),
    ],
)
def test_a_host_and_a_port_in_variables_are_understood(environment: dict[str, str], url: str, origin: str) -> None:
    """Other programs' names for the address; what Docker and Kubernetes write into them counts for nothing."""
    settings = settle(environment=environment)

    assert (settings.server.url, settings.origins["qdrant-url"].where, settings.warnings) == (url, origin, ())


def test_a_host_in_a_variable_counts_as_a_variable_does() -> None:
    """Less than a flag, more than the settings file."""
    host = {"QDRANT_HOST": "variable"}
    flag = settle(flags={"qdrant-url": ("http://flag:1",)}, environment=host)
    file = settle(environment=host, document={"qdrant_url": "http://file:1"})

    assert (flag.server.url, file.server.url) == ("http://flag:1", "http://variable:6333")


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        (
            {"QDRANT_URL": "http://a:6333", "QDRANT_HOST": "b", "QDRANT_PORT": "6333"},
            "QDRANT_HOST 'b': contradicts 'http://a:6333', which QDRANT_URL gives; keep one",
        ),
        (
            {"QDRANT_URL": "http://a", "QDRANT_PORT": "6333", "QDRANT_USE_HTTPS": "on"},
            "QDRANT_PORT '6333', QDRANT_USE_HTTPS 'on': contradicts 'http://a', which QDRANT_URL gives; keep one",
        ),
        (
            {"QDRANT_HOST": "a:1", "QDRANT_PORT": "2"},
            "QDRANT_PORT '2': contradicts 'http://a:1', which QDRANT_HOST, QDRANT_PORT gives; keep one",
        ),
        (
            {"QDRANT_HOST": "http://a", "QDRANT_USE_HTTPS": "1"},
            "QDRANT_USE_HTTPS '1': contradicts 'http://a', which QDRANT_HOST, QDRANT_USE_HTTPS gives; keep one",
        ),
        ({"QDRANT_HOST": "a b"}, "QDRANT_HOST: 'http://a b:6333' has white space in it"),
        ({"QDRANT_HOST": "a:b"}, "QDRANT_HOST: 'a:b' is no host"),
        ({"QDRANT_HOST": "[a"}, "QDRANT_HOST: '[a' is no host"),
        ({"QDRANT_PORT": "x"}, "QDRANT_PORT: 'x' is no port"),
        ({"QDRANT_USE_HTTPS": "x"}, "QDRANT_USE_HTTPS: 'x' is neither true nor false"),
        (
            {"QDRANT_COLLECTION_NAME": "a", "QDRANT_COLLECTION": "b"},
            "QDRANT_COLLECTION_NAME 'a' and QDRANT_COLLECTION 'b' name two collections; keep one",
        ),
    ],
)
def test_variables_that_contradict_each_other_are_told(environment: dict[str, str], problem: str) -> None:
    """No server is asked by a guess."""
    assert problems_of(environment=environment) == (problem,)


def test_a_password_in_a_host_is_not_repeated() -> None:
    """It is refused, as in a URL."""
    contradicting = problems_of(environment={"QDRANT_URL": "http://a", "QDRANT_HOST": f"u:{KEY}@b"})
    alone = problems_of(environment={"QDRANT_HOST": f"u:{KEY}@b"})

    assert [one for one in (*contradicting, *alone) if KEY in one] == []


@pytest.mark.parametrize("command", ["restore", "snapshot", "doctor", "config show"])
def test_a_dotenv_that_is_not_read_is_mentioned(command: str) -> None:
    """Only where nothing says where Qdrant is, and only by a command that asks it."""
    said = (
        "nothing says where Qdrant is, and .env in this directory is not read; to take its values: set -a; . ./.env"
    )
    found = [
        settle(command=command, dotenv=True).warnings,
        settle(command=command, dotenv=True, environment={"QDRANT_HOST": "q"}).warnings,
        settle(command=command, dotenv=False).warnings,
        settle(command="list", dotenv=True).warnings,
    ]

    assert found == [(said,), (), (), ()]


# --- what an env file leaves in values ------------------------------------------------------------------------


WINDOWS = "ends with a carriage return; has the file that sets it Windows line ends?"
QUOTED = 'begins and ends with a quotation mark ("); leave both out'
QUOTED_ONCE = QUOTED.replace('"', "'")


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.environment_name], ids=lambda one: one.name)
def test_a_variable_with_windows_line_ends_or_quotation_marks_is_refused_by_name(option: Option) -> None:
    """Whatever setting it is; no directory is made under a name that nobody sees."""
    name = option.environment_name
    text = option.write(option.default) or "1"
    carriage = problems_of(environment={name: f"{text}\r"})
    quoted = problems_of(environment={name: f'"{text}"'})

    assert (carriage[0], quoted[0]) == (f"{name}: {WINDOWS}", f"{name}: {QUOTED}")


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ({"environment": {"QDRANT_HOST": "q\r"}}, f"QDRANT_HOST: {WINDOWS}"),
        ({"environment": {"QDRANT_PORT": "6333\r"}}, f"QDRANT_PORT: {WINDOWS}"),
        ({"environment": {"QDRANT_COLLECTION": "a\r"}}, f"QDRANT_COLLECTION: {WINDOWS}"),
        ({"environment": {"RESTORE_COLLECTIONS": "'a,b'"}}, f"RESTORE_COLLECTIONS: {QUOTED_ONCE}"),
        ({"environment": {"RESTORE_INCLUDE": "'a*,b*'"}}, f"RESTORE_INCLUDE: {QUOTED_ONCE}"),
        ({"environment": {"QDRANT_API_KEY_FILE": "/key\r"}}, f"QDRANT_API_KEY_FILE: {WINDOWS}"),
        ({"document": {"store": '"a"'}}, f"restore.yaml: store: {QUOTED}"),
        ({"document": {"collections": {"a": {"to": "b\r"}}}}, f"restore.yaml: collections.a.to: {WINDOWS}"),
        ({"flags": {"store": ("a\r",)}}, f"--store: {WINDOWS}"),
        ({"flags": {"collections": ("a\r",)}}, f"--collection: {WINDOWS}"),
        ({"environment": {"RESTORE_STORE": "a\rb"}}, r"RESTORE_STORE: has a control character in it (\r)"),
        ({"environment": {"RESTORE_NOTE": "a\x1b[31mb"}}, r"RESTORE_NOTE: has a control character in it (\x1b)"),
    ],
)
def test_what_an_env_file_left_in_a_value_is_refused_wherever_it_stands(
    sources: dict[str, Any], problem: str
) -> None:
    """Lists as a whole, paths of secrets, choices for one collection, flags and arguments."""
    assert problems_of(**sources)[0] == problem


# --- small words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "url"),
    [
        ({"host": ("qdrant",)}, "http://qdrant:6333"),
        ({"host": ("qdrant",), "port": ("80",)}, "http://qdrant:80"),
        ({"host": ("qdrant:7000",)}, "http://qdrant:7000"),
        ({"host": ("https://qdrant",)}, "https://qdrant"),
        ({"host": ("http://qdrant/",), "port": ("6333",)}, "http://qdrant:6333"),
        ({"host": ("::1",)}, "http://[::1]:6333"),
        ({"host": ("[::1]:7000",)}, "http://[::1]:7000"),
    ],
)
def test_host_and_port_of_old_scripts_become_a_url(flags: dict[str, tuple[str, ...]], url: str) -> None:
    """As hand-written scripts mean them: a host alone has Qdrant's port."""
    merged, problems = merge_host(flags)

    assert (merged["qdrant-url"], problems, settle(flags=flags).server.url) == ((url,), (), url)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("1h30m", 5400.0), ("250ms", 0.25), (" 2M ", 120.0), ("0", 0.0)],
)
def test_a_length_of_time_is_read_as_people_write_it(text: str, seconds: float) -> None:
    """A bare number is seconds."""
    assert parse_duration(text) == seconds


@given(st.integers(0, 86400))
def test_a_shown_length_of_time_reads_back_as_itself(seconds: int) -> None:
    """`config show` prints what can be pasted into a settings file."""
    assert parse_duration(format_value(float(seconds))) == pytest.approx(seconds, rel=1e-5)


@pytest.mark.parametrize("text", ["0644", "644", "0o644"])
def test_a_file_mode_is_octal_however_it_is_written(text: str) -> None:
    """Nobody means decimal."""
    assert parse_mode(text) == 0o644


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_the_distance_of_two_names_is_a_distance(one: str, other: str) -> None:
    """Zero only for equal names, the same both ways, never more than the longer one's letters."""
    edits = edit_distance(one, other)

    assert (edits == 0, edits) == (one == other, edit_distance(other, one))
    assert abs(len(one) - len(other)) <= edits <= max(len(one), len(other))


def test_a_name_that_resembles_nothing_gets_no_suggestion() -> None:
    """A wild guess helps nobody."""
    assert suggest("zz", ["store", "to"]) == ""


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("last=3", RetentionRule(keep_last=3)),
        (
            " daily=30 , monthly=12,within=1w2d ",
            RetentionRule(keep_daily=30, keep_monthly=12, keep_within_seconds=9 * 86400),
        ),
        ("yearly=1,min=0,grace=1h", RetentionRule(keep_yearly=1, min_keep=0, grace_seconds=3600)),
        ("", None),
    ],
)
def test_the_rule_of_a_mirrors_target_is_one_text(text: str, rule: RetentionRule | None) -> None:
    """Read as it is written, and shown as it is read."""
    row = OPTIONS_BY_NAME["mirror-keep"]
    assert row.read(text) == rule
    assert row.read(row.write(rule)) == rule


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("last", "'' is no whole number"),
        ("last=x", "'x' is no whole number"),
        ("forever=1", "'forever=1' is none of last, hourly"),
        ("last=1,last=2", "'last' stands there twice"),
        ("min=2", "'min=2' says what nothing may cross, and no rule that deletes anything"),
    ],
)
def test_a_rule_that_is_none_is_told(text: str, problem: str) -> None:
    """Nothing is guessed about what is to be deleted."""
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        OPTIONS_BY_NAME["mirror-keep"].read(text)
