"""`--all`, `--include` and `--exclude` mean the same to every command, from flags, variables and settings file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from restore.commands.list.command import run
from restore.errors import SettingsError
from restore.qdrant.collection_names import name_marker
from restore.recovery.marker.model import Phase, TargetBefore
from restore.settings.resolve import read_settings
from restore.settings.sources import Sources
from restore.stores.local.reader import open_local_store
from tests.support.markers import plant_mark
from tests.support.program import run_program
from tests.support.resolve_settings import resolve_settings
from tests.support.run_restore import restore_here
from tests.support.run_snapshot import take_here
from tests.support.sample_stores import NOON, FilledStore
from tests.support.server_under_test import Server

NAMES = ("Airports", "airlines", "airlines_test", "cities")
PATTERNS = ("--include", "[Aa]*", "--exclude", "*_test")


@pytest.fixture
def filled_server(embedded: EmbeddedQdrant) -> Server:
    """Return a server of this test's own with four collections."""
    server = Server(embedded.url, snapshots=embedded.snapshots)
    for name in NAMES:
        server.create(name, vectors={"size": 4, "distance": "Dot"})
        server.upsert(name, range(1, 11))
    return server


def test_a_snapshot_of_what_patterns_choose(filled_server: Server, tmp_path: Path) -> None:
    """Excludes win; letters count as they are; a marker is never chosen."""
    plant_mark(filled_server, "cities", Phase.MARKED, TargetBefore.ABSENT)
    report = take_here(*PATTERNS, url=filled_server.url, store=tmp_path / "store")
    markers = take_here("--include", ".restoring-*", url=filled_server.url, store=tmp_path / "store")
    assert [one.collection for one in report.outcomes] == ["Airports", "airlines"]
    assert (markers.status, markers.outcomes, name_marker("cities", 1) in filled_server.collections()) == (
        0,
        (),
        True,
    )
    assert markers.warnings == (f"nothing to snapshot: Qdrant at {filled_server.url} has no collection like that",)


def test_a_restore_of_what_patterns_choose(filled_server: Server, tmp_path: Path) -> None:
    """Of what the store has a latest of; nothing like that is a warning and 0."""
    store = tmp_path / "store"
    take_here(url=filled_server.url, store=store)
    for name in NAMES:
        filled_server.drop(name)
    report = restore_here(*PATTERNS, url=filled_server.url, store=store)
    nothing = restore_here("--include", "z*", url=filled_server.url, store=store)
    assert ([one.collection for one in report.outcomes], filled_server.collections()) == (
        ["Airports", "airlines"],
    ) * 2
    assert (nothing.status, nothing.warnings) == (
        0,
        (f"nothing to restore: store '{store}' has no collection like that",),
    )


def test_replace_never_acts_on_what_only_a_pattern_names(filled_server: Server, tmp_path: Path) -> None:
    """A pattern names nothing one by one."""
    store = tmp_path / "store"
    take_here("cities", url=filled_server.url, store=store)
    filled_server.upsert("cities", range(11, 21))
    report = restore_here("--include", "cities", "--on-existing", "replace", url=filled_server.url, store=store)
    assert (report.status, filled_server.count("cities")) == (16, 20)


def test_a_listing_of_what_patterns_choose(store: FilledStore) -> None:
    """What belongs to no collection is shown only when everything is."""
    for name in NAMES:
        store.add(name)
    (store.path / "notes.txt").write_bytes(b"mine")
    shown = run(resolve_settings("list", *PATTERNS, store=store.path), open_local_store(str(store.path)), NOON)
    every = run(resolve_settings("list", "--all", store=store.path), open_local_store(str(store.path)), NOON)
    assert {one.collection for one in shown.files} == {"Airports", "airlines"}
    assert {one.collection for one in every.files} == {*NAMES, None}


def test_a_verification_of_what_patterns_choose(store: FilledStore, tmp_path: Path) -> None:
    """A damaged file of another collection does not count."""
    for name in NAMES:
        store.add(name)
    (store.path / "cities_20261120_120000.snapshot").write_bytes(b"")
    chosen = run_program("verify", *PATTERNS, "--json", "--store", str(store.path), cwd=tmp_path)
    every = run_program("verify", "--store", str(store.path), cwd=tmp_path)
    assert (chosen.status, every.status) == (0, 13)
    assert {one["collection"] for one in json.loads(chosen.stdout)["files"]} == {"Airports", "airlines"}


def choose(command: str = "snapshot", **more: object) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return collections, includes and excludes as they count in the end."""
    settings = read_settings(command, Sources(**more))  # type: ignore[arg-type]
    return settings.collections.names, settings.patterns.include, settings.patterns.exclude


@pytest.mark.parametrize("command", ["restore", "verify", "list", "prune"])
@pytest.mark.parametrize(
    ("patterns", "warnings"),
    [
        (("--include", "z*"), ["nothing to {}: store '{}' has no collection like that"]),
        (("--exclude", "*"), ["nothing to {}: store '{}' has no collection like that"]),
        (("--include", "a*", "--exclude", "a*"), ["nothing to {}: store '{}' has no collection like that"]),
        (("--include", "a*", "--include", "Z[!a]*"), ["--include 'Z[!a]*': store '{1}' has no collection like that"]),
        (("--include", "AIR*", "--include", "A[!b]*"), ["--include 'AIR*': store '{1}' has no collection like that"]),
        (("--include", "a*", "--exclude", "z*"), []),
    ],
)
def test_a_pattern_that_means_nothing_is_said_and_is_no_failure(  # noqa: PLR0917 - fixtures
    filled_server: Server,
    store: FilledStore,
    tmp_path: Path,
    command: str,
    patterns: tuple[str, ...],
    warnings: list[str],
) -> None:
    """Status 0 and a warning, in text and in JSON; an exclude that excludes nothing goes without saying."""
    for name in NAMES:
        store.add(name)
    where = (*patterns, "--store", str(store.path))
    url = {"QDRANT_URL": filled_server.url}
    shown = run_program(command, *where, cwd=tmp_path, environment=url)
    output = run_program(command, *where, "--json", cwd=tmp_path, environment=url)
    expected = [warning.format(command, store.path) for warning in warnings]
    said = [line for line in shown.stdout.splitlines() if line.startswith("warning: ")]
    assert (shown.status, said) == (0, [f"warning: {warning}" for warning in expected])
    assert (output.status, json.loads(output.stdout)["warnings"]) == (0, expected)


def test_a_pattern_that_means_nothing_on_the_server_is_said(filled_server: Server, tmp_path: Path) -> None:
    """The other patterns are followed."""
    report = take_here("--include", "c*", "--include", "x*", url=filled_server.url, store=tmp_path / "store")
    assert (report.status, [one.collection for one in report.outcomes]) == (0, ["cities"])
    assert report.warnings == (f"--include 'x*': Qdrant at {filled_server.url} has no collection like that",)


FILE = {"collections": ["cities", "towns_test"]}


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({"environment": {"RESTORE_INCLUDE": "a*, b*"}}, ((), ("a*", "b*"), ())),
        ({"document": {"include": ["a,b*", "c*"], "exclude": "x*"}}, ((), ("a,b*", "c*"), ("x*",))),
        ({"flags": {"include": ("a,b*",)}, "environment": {"RESTORE_INCLUDE": "z*"}}, ((), ("a,b*",), ())),
        # Patterns that are given more strongly choose among everything.
        ({"flags": {"include": ("a*",)}, "document": FILE}, ((), ("a*",), ())),
        # Names that are given more strongly are those that are meant.
        ({"arguments": ("cities",), "document": {"include": "a*", "exclude": "c*"}}, (("cities",), (), ())),
        # Excludes win over names that are given no more strongly.
        ({"flags": {"exclude": ("*_test",)}, "document": FILE}, (("cities",), (), ("*_test",))),
        ({"flags": {"all": ("true",), "exclude": ("*_test",)}, "document": FILE}, ((), (), ("*_test",))),
    ],
)
def test_names_and_patterns_of_different_sources(more: dict[str, Any], counts: tuple[object, ...]) -> None:
    """The stronger source decides; a flag's pattern is verbatim, a variable's are separated by commas."""
    assert choose(**more) == counts


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            {"arguments": ("cities",), "flags": {"include": ("a*",)}},
            "--include: chooses among every collection, but cities was named too; keep one",
        ),
        ({"document": {"include": {"a": "b"}}}, "restore.yaml: include: a pattern or a list of patterns is wanted"),
        ({"flags": {"include": ("",)}}, "--include: is empty"),
        (
            {"flags": {"exclude": ("*",)}, "document": FILE},
            "--exclude: leaves none of the collections that restore.yaml: collections names",
        ),
    ],
)
def test_what_contradicts_itself_is_told(more: dict[str, Any], problem: str) -> None:
    """Before anything is touched; an exclude that leaves nothing never comes to mean everything."""
    with pytest.raises(SettingsError) as caught:
        choose(**more)
    assert caught.value.problems == (problem,)
