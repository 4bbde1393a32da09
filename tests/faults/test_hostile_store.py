"""A store with hostile files: none leads us outside, delays us, or makes us delete a foreign file.

In a directory here; what can be put into a bucket is in `tests/stores/test_hostile_bucket.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restore.errors import RestoreError
from restore.sets.document import SetDocument, SetMember
from restore.snapshots.document import write_document
from restore.snapshots.manifest import write_manifest
from restore.snapshots.name import encode_collection
from restore.stores.layout import classify
from restore.stores.local.reader import LocalStore
from restore.stores.local.writer import WritableLocalStore
from tests.support.hostile_files import DOCUMENTS, FILE, SECRET, SPOILS, make_outside, spoil
from tests.support.program import make_environment
from tests.support.restore_scenario import RestoreScenario
from tests.support.run_prune import OURS, fill, names, prune_here
from tests.support.sample_stores import NOON, FilledStore, describe
from tests.support.state_dump import digest_files

# Address space for all of it, code and libraries included: 700 MiB are enough for any run that is not misled.
_MOST_BYTES = 1 << 30
_SECONDS = 30.0
LIST, SETS = ("list",), ("list", "--sets")
MIRROR, PRUNE = ("mirror", "<store>", "<copy>"), ("prune", "--keep-last", "1")
# Who reads which document.
READERS = {
    "manifest": (LIST, MIRROR, PRUNE),
    "pin": (PRUNE,),
    "check": (LIST, ("verify",)),
    "set": (SETS, MIRROR, PRUNE),
    "proofs": (("verify", "--metrics-file", "metrics"),),
    "begun deletion": (PRUNE,),
    "unfinished file": (PRUNE,),
    "latest": (LIST, ("verify", "cities"), PRUNE),
}
_LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
sys.argv[:2] = ["qdrant-restore"]
from restore.__main__ import main
main()
"""


def run_limited(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program with little memory and little time. Raises `TimeoutExpired`."""
    return subprocess.run(
        [sys.executable, "-c", _LIMITED, str(_MOST_BYTES), *arguments],
        cwd=cwd,
        env=make_environment(RESTORE_LOCK_TIMEOUT="1", RESTORE_WAIT_TIMEOUT="0", **variables),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


@pytest.fixture
def outside(store: FilledStore) -> Path:
    """Return a directory outside a store with three snapshots."""
    fill(store, "cities", [0, 1, 2])
    return make_outside(store.path.parent)


@pytest.mark.parametrize("kind", SPOILS)
@pytest.mark.parametrize("document", READERS)
def test_no_document_holds_us_up_or_leads_us_outside(
    document: str, kind: str, store: FilledStore, outside: Path
) -> None:
    """Every command ends, soon and in little memory; nothing outside is shown or changed."""
    spoil(store.path, document, kind)
    before = digest_files(outside)
    copy = store.path.parent / "copy"
    tokens = {"<store>": str(store.path), "<copy>": str(copy)}
    result = [
        run_limited(*(tokens.get(word, word) for word in words), cwd=copy.parent, RESTORE_STORE=str(store.path))
        for words in READERS[document]
    ]
    output = "".join(one.stdout + one.stderr for one in result)

    assert [one.returncode for one in result if one.returncode not in {0, 3, 13, 14, 16, 18}] == []
    assert ("Traceback" in output, SECRET in output) == (False, False)
    assert digest_files(outside) == before


def plant(store: Path, **document: object) -> None:
    """Write the document of a deletion that was begun."""
    (store / ".partial-0123456789abcdef.json").write_text(json.dumps(document))


HOSTILE_PARTS = st.sampled_from(["..", ".", "", "outside", "store", "/", "\\", "\0", FILE, "%2e%2e", "~", " "])


@given(root=st.sampled_from(["..", "<outside>"]), parts=st.lists(HOSTILE_PARTS | st.text(max_size=8), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_a_begun_deletion_never_reaches_outside(
    root: str, parts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a document of that kind names, however the path is written."""
    folder = tmp_path_factory.mktemp("begun")
    store = FilledStore(folder / "store")
    outside = make_outside(folder)
    name = f"{root.replace('<outside>', str(outside))}/{'/'.join(parts)}/{FILE}"
    before = digest_files(outside)
    plant(store.path, delete=name, size=len(b"somebody's"))
    removed = WritableLocalStore(str(store.path)).remove_debris()

    assert digest_files(outside) == before
    assert removed == (".partial-0123456789abcdef.json",)


@pytest.mark.parametrize("name", ["<outside>/<file>", "../outside/<file>", "x/../../outside/<file>", "./<file>"])
def test_a_begun_deletion_that_names_a_path_is_nobodys(name: str, store: FilledStore) -> None:
    """A file of the right size and with a name like ours stays all the same."""
    outside = make_outside(store.path.parent)
    plant(store.path, delete=name.replace("<outside>", str(outside)).replace("<file>", FILE), size=10)

    assert WritableLocalStore(str(store.path)).remove_debris() == (".partial-0123456789abcdef.json",)
    assert (outside / FILE).read_bytes() == b"somebody's"


def test_a_begun_deletion_takes_no_snapshot_that_has_its_manifest(store: FilledStore) -> None:
    """A deletion removes the manifest first, so a deletion with a manifest was never begun."""
    (name,) = fill(store, "cities", [0])
    plant(store.path, delete=name, size=(store.path / name).stat().st_size)

    assert WritableLocalStore(str(store.path)).remove_debris() == (".partial-0123456789abcdef.json",)
    assert {name, f"{name}.json"} <= set(store.files())


@given(target=st.text(max_size=40) | st.lists(HOSTILE_PARTS, max_size=5).map("/".join))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_latest_leads_to_a_sibling_or_nowhere(target: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Latest as a line of text, with whatever path in it."""
    folder = tmp_path_factory.mktemp("latest")
    store = FilledStore(folder / "store")
    make_outside(folder)
    fill(store, "cities", [1])
    (store.path / "cities_latest.snapshot").unlink()
    (store.path / "cities_latest.snapshot").write_text(f"{target}/{FILE}\n", encoding="utf-8", newline="")
    try:
        found = LocalStore(str(store.path)).find_snapshot("cities")
    except RestoreError:
        found = None

    assert found is None or Path(found.path).parent == store.path


@pytest.mark.parametrize("file", ["../x", "/etc/passwd", "a/b", "..", ".", "", "x\0y"])
def test_what_is_no_name_has_no_path_in_a_store(file: str, store: FilledStore) -> None:
    """The one function that makes paths of names refuses it."""
    with pytest.raises(RestoreError, match="is no name of a file in store"):
        LocalStore(str(store.path)).path(file)


@pytest.mark.parametrize("document", ["manifest", "snapshot"])
def test_a_link_is_followed_nowhere_however_good_what_it_leads_to(document: str, store: FilledStore) -> None:
    """A perfect manifest and the very bytes, but outside the store: neither belongs to it."""
    fill(store, "cities", [0])
    outside = make_outside(store.path.parent)
    file = store.path / {"manifest": f"{FILE}.json", "snapshot": FILE}[document]
    moved = file.rename(outside / "moved")
    file.symlink_to(moved)
    directory = LocalStore(str(store.path))

    with pytest.raises(RestoreError, match="is not a plain file"):
        directory.read_manifest(msgspec.structs.replace(directory.open_entry(classify(FILE)), collection="cities"))


@pytest.mark.parametrize(
    "changes",
    [
        {"collection": "towns"},
        {"size": 1},
        {"size": 2**63 - 1},
        {"stored_size": 1},
        {"written_by": "somebody else"},
    ],
)
def test_a_manifest_that_claims_another_file_deletes_none(changes: dict[str, Any], store: FilledStore) -> None:
    """A manifest of another collection, size or writer: the file is left, and reported."""
    (claimed,) = fill(store, "cities", [3])
    fill(store, "cities", [0])
    manifest = msgspec.structs.replace(describe("plain", "cities"), written_by=OURS)
    (store.path / f"{claimed}.json").write_bytes(write_manifest(msgspec.structs.replace(manifest, **changes)))
    report = prune_here("--keep-last", "1", store=store.path)

    assert names(report) == []
    assert [left.file for outcome in report.outcomes for left in outcome.left] == [claimed]


def test_a_manifest_in_anothers_name_moves_no_file_to_another_collection(store: FilledStore) -> None:
    """A cut name is only believed from a manifest with a collection of that very name."""
    long = "x" * 250
    store.add(long, latest=False)
    store.add("towns")
    lie = write_manifest(describe("plain", "towns"))
    (store.path / f"{encode_collection(long)}_20261120_120000.snapshot.json").write_bytes(lie)
    directory = LocalStore(str(store.path))

    cut = [entry.collection for entry in directory.list_entries() if entry.encoded == encode_collection(long)]

    assert (cut, directory.list_collections()) == ([None], ("towns",))
    assert [one.file for one in directory.list_snapshots("towns")] == ["towns_20261120_120000.snapshot"]


MEMBER = SetMember(collection="cities", file=FILE, sha256=describe("plain", "cities").sha256)
SET = SetDocument(run_id="0123abcd" * 4, created=NOON, server="1.18.3", collections=(MEMBER,))


@pytest.mark.parametrize(
    "changes",
    [
        {"file": f"../outside/{FILE}"},
        {"file": f"<outside>/{FILE}"},
        {"file": "towns_20261120_120000.snapshot"},
        {"file": "cities_latest.snapshot"},
        {"collection": "../cities"},
        {"collection": ".."},
        {"collection": ".restoring-0123456789abcdef-1"},
        {"collection": ".drill-0123456789ab"},
        {"collection": "towns"},
    ],
)
def test_a_set_brings_nothing_back_but_its_own(changes: dict[str, str], scenario: RestoreScenario) -> None:
    """Foreign files, paths outside and names that no collection has: the server is not written to."""
    scenario.add()
    outside = make_outside(scenario.store.path.parent)
    fill(scenario.store, "towns", [0])
    given = {key: value.replace("<outside>", str(outside)) for key, value in changes.items()}
    evil = msgspec.structs.replace(SET, collections=(msgspec.structs.replace(MEMBER, **given),))
    (scenario.store.path / DOCUMENTS["set"]).write_bytes(write_document(evil))
    result = scenario.run("--set", "latest")

    assert (result.status, scenario.proxy.writes) == (10, [])
    assert scenario.server.collections() == [
        one for one in scenario.server.collections() if one not in given.values()
    ]


def test_a_set_whose_file_is_another_one_is_refused(scenario: RestoreScenario) -> None:
    """The right name with other bytes than the set promises."""
    scenario.add()
    document = msgspec.structs.replace(
        SET,
        collections=(
            SetMember(collection=scenario.name, file=f"{scenario.name}_20261120_120000.snapshot", sha256="0" * 64),
        ),
    )
    (scenario.store.path / DOCUMENTS["set"]).write_bytes(write_document(document))
    result = scenario.run("--set", "latest")

    assert (result.status, scenario.proxy.writes) == (13, [])


@pytest.mark.parametrize("name", ["..", ".", "a/b", ".restoring-0123456789abcdef-1", ".drill-0123456789ab", "a:b"])
def test_a_store_cannot_make_us_restore_onto_a_name_that_no_collection_has(
    name: str, scenario: RestoreScenario
) -> None:
    """Such files are ignored, and refused when named; the server is not written to."""
    scenario.store.add(name)
    result = scenario.run("--all")
    named = scenario.run(name)

    assert (result.status, named.status, scenario.proxy.writes) == (0, 2, [])
