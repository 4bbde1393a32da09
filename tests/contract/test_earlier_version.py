"""A store and a marker that an earlier version wrote work with this one: tests/data/before, which never changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.program import run_program
from tests.support.run_restore import only, restore_here
from tests.support.server_under_test import Server

BEFORE = Path(__file__).resolve().parents[1] / "data" / "before"
PINNED = "cities_20261126_174045.snapshot"
CITIES = "cities_20261126_174102.snapshot"
COMPRESSED = "towns_20261126_174056.snapshot.zst"
TOWNS = "towns_20261126_174102.snapshot"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """Return a copy of the earlier version's store."""
    return Path(shutil.copytree(BEFORE / "store", tmp_path / "store", symlinks=True))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Yield an empty server."""
    with EmbeddedQdrant(tmp_path / "storage") as embedded:
        yield Server(embedded.url)


def run_json(*arguments: str, store: Path, url: str = "") -> dict[str, Any]:
    """Run a command that must succeed; return its JSON."""
    environment = {"RESTORE_STORE": str(store), "QDRANT_URL": url}
    ended = run_program(*arguments, "--json", cwd=store.parent, environment=environment)
    assert ended.status == 0, ended
    return dict(json.loads(ended.stdout))


def read_points(server: Server, collection: str) -> list[tuple[int, str]]:
    """Return the ids and names of a collection's points."""
    body = {"limit": 10, "with_payload": True}
    found = server.ask("POST", f"/collections/{collection}/points/scroll", body).result["points"]
    return [(point["id"], point["payload"]["name"]) for point in found]


def points_of(collection: str) -> list[tuple[int, str]]:
    """Return the ids and names of the points that the snapshots hold."""
    return [(number, f"{collection} {number}") for number in range(1, 7)]


def test_the_list_shows_every_snapshot_its_pin_and_its_checks(before: Path) -> None:
    """Nothing of what the earlier version wrote is damaged or foreign; pins, checks and drills are remembered."""
    files = {one["file"]: one for one in run_json("list", store=before)["files"]}
    seen = {
        file: (one["state"], one["latest"], one["points"], one["pin_reason"], one["last_depth"])
        for file, one in files.items()
        if one["kind"] == "snapshot"
    }
    assert seen == {
        PINNED: ("checked", False, 6, "before the migration", "archive"),
        CITIES: ("checked", True, 6, "", "restore"),
        COMPRESSED: ("checked", False, 6, "", ""),
        TOWNS: ("checked", True, 6, "", ""),
    }
    assert files[CITIES]["last_proven"] is not None
    assert {one["state"] for one in files.values()} == {"checked", "pointer"}


def test_its_sets_are_whole(before: Path) -> None:
    """The set documents of its runs are read, and all their snapshots are there."""
    sets = run_json("list", "--sets", store=before)["sets"]
    assert [(one["present"], one["state"]) for one in sets] == [(1, "whole"), (1, "whole"), (2, "whole")]


def test_every_snapshot_is_as_its_manifest_promises(before: Path) -> None:
    """Every byte is read, and every archive scanned, the compressed one too."""
    files = run_json("verify", "--depth", "archive", store=before)["files"]
    read = {one["file"]: one["sha256"] == one["promised_sha256"] != "" for one in files if one["kind"] == "snapshot"}
    assert read == dict.fromkeys([PINNED, CITIES, COMPRESSED, TOWNS], True)


def test_prune_keeps_its_pinned_and_its_latest_snapshots(before: Path) -> None:
    """The pin and the latest pointers of the earlier version protect their snapshots; the rest goes."""
    outcomes = run_json("prune", "--keep-last", "1", store=before)["outcomes"]
    pruned = {one["collection"]: [gone["file"] for gone in one["pruned"]] for one in outcomes}
    assert pruned == {"cities": [], "towns": [COMPRESSED]}


@pytest.mark.parametrize("choice", [("--all",), ("--set", "latest")])
def test_latest_snapshots_and_the_set_are_restored(before: Path, server: Server, choice: tuple[str, ...]) -> None:
    """With their points, payload indexes and aliases."""
    outcomes = run_json("restore", *choice, store=before, url=server.url)["outcomes"]
    assert [(one["collection"], one["result"]) for one in outcomes] == [("cities", "restored"), ("towns", "restored")]
    assert (read_points(server, "cities"), read_points(server, "towns")) == (points_of("cities"), points_of("towns"))
    assert list(server.ask("GET", "/collections/cities").result["payload_schema"]) == ["number"]
    aliases = server.ask("GET", "/aliases").result["aliases"]
    assert aliases == [{"alias_name": "places", "collection_name": "cities"}]


def test_a_compressed_snapshot_is_restored(before: Path, server: Server) -> None:
    """Its bytes are decompressed on the way to the server."""
    (outcome,) = run_json("restore", "towns", "--snapshot", COMPRESSED, store=before, url=server.url)["outcomes"]
    assert (outcome["result"], read_points(server, "towns")) == ("restored", points_of("towns"))


def test_its_stale_marker_is_taken_over(before: Path, server: Server) -> None:
    """The restore that it was killed in is finished, and its marker is removed."""
    marker = json.loads((BEFORE / "marker.json").read_text())
    assert server.ask("PUT", f"/collections/{marker['name']}", marker["body"]).result
    outcome = only(restore_here("cities", url=server.url, store=before))
    collections = server.ask("GET", "/collections").result["collections"]
    assert (outcome.status, outcome.result) == (0, "restored")
    assert [one["name"] for one in collections] == ["cities"]
    assert read_points(server, "cities") == points_of("cities")
