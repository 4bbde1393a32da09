"""What every store does when it is read. A directory here; a bucket passes the same where it has the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from restore.errors import IntegrityError, NotFoundError, SettingsError, StoreError
from restore.snapshots.manifest import Manifest, write_manifest
from restore.snapshots.name import SnapshotName, encode_collection, name_latest, name_manifest
from restore.snapshots.stored import StoredSnapshot
from restore.stores.layout import STAMP_TEXT
from restore.stores.local.reader import LocalStore, open_local_store
from restore.stores.protocols import no_snapshot_error
from tests.support.program import ROOT

FIRST, SECOND, THIRD = (datetime(2026, 11, day, 10, 15, tzinfo=UTC) for day in (18, 19, 20))
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 270336\n"


class HandmadeStore:
    """A store that is filled by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, file: str, content: bytes = b"snapshot") -> str:
        """Put a file there."""
        (self.root / file).write_bytes(content)
        return file

    def put_snapshot(self, collection: str, at: datetime, sequence: int = 1, /, **manifest: object) -> str:
        """Put a snapshot and its manifest there, as our own program names them."""
        file = self.put(str(SnapshotName(encode_collection(collection), at, sequence)), b"x" * (at.day + sequence))
        self.describe(file, collection, at, **manifest)
        return file

    def describe(self, file: str, collection: str, at: datetime, /, **changed: object) -> Manifest:
        """Put a manifest beside a file."""
        manifest = Manifest(
            collection=collection,
            created=at,
            server_version="1.18.3",
            size=(self.root / file).stat().st_size,
            sha256="0" * 64,
            points=5,
            points_exact=True,
            config={},
            payload_schema={},
        )
        manifest = msgspec.structs.replace(manifest, **changed)
        self.put(name_manifest(file), write_manifest(manifest))
        return manifest

    def link(self, collection: str, target: str) -> str:
        """Point latest at something."""
        (self.root / name_latest(collection)).symlink_to(target)
        return name_latest(collection)

    @property
    def store(self) -> LocalStore:
        """Open the store."""
        return LocalStore(str(self.root))


@pytest.fixture
def handmade(tmp_path: Path) -> HandmadeStore:
    """Return an empty, stamped store."""
    found = HandmadeStore(tmp_path / "store")
    found.root.mkdir()
    (found.root / "README.md").write_bytes(STAMP_TEXT)
    return found


def find(handmade: HandmadeStore, collection: str = "cities", selector: str = "latest") -> str | None:
    """Return the name of the file that is found."""
    stored = handmade.store.find_snapshot(collection, selector)
    return stored.file if stored else None


def test_latest_is_what_the_pointer_says(handmade: HandmadeStore) -> None:
    """Not the newest: a pointer that a person moved back counts."""
    old, _ = handmade.put_snapshot("cities", FIRST), handmade.put_snapshot("cities", SECOND)
    handmade.link("cities", old)
    assert handmade.store.find_snapshot("cities") == StoredSnapshot(
        collection="cities",
        file=old,
        path=str(handmade.root / old),
        size=19,
        created=FIRST,
        latest=True,
    )


def test_latest_as_a_line_of_text_is_followed(handmade: HandmadeStore) -> None:
    """A link is checked out like this on Windows, and written like this where links cannot be made."""
    file = handmade.put_snapshot("cities", FIRST)
    handmade.put("cities_latest.snapshot", file.encode() + b"\n")
    assert find(handmade) == file


def test_latest_as_a_plain_file_is_the_snapshot_itself(handmade: HandmadeStore) -> None:
    """A store that a person filled by hand is welcome."""
    handmade.put("cities_latest.snapshot", b"not a line of text that names a snapshot\0")
    assert find(handmade) == "cities_latest.snapshot"


def test_without_a_pointer_the_newest_is_the_latest(handmade: HandmadeStore) -> None:
    """By the manifest's time, not by the name's: a person may have renamed a file."""
    handmade.put_snapshot("cities", THIRD, created=FIRST)
    newest = handmade.put_snapshot("cities", SECOND)
    assert find(handmade) == newest


def test_files_named_by_qdrant_itself_are_found(handmade: HandmadeStore) -> None:
    """Copied from the server's own directory."""
    handmade.put("cities-7374469262786114-2026-11-20-22-12-48.snapshot")
    newest = handmade.put("cities-7374469262786114-2026-11-21-22-12-48.snapshot")
    assert (find(handmade), handmade.store.list_collections()) == (newest, ("cities",))


def test_a_snapshot_that_was_held_back_is_never_taken_for_latest(handmade: HandmadeStore) -> None:
    """A snapshot that was held back is kept, and is restored only by its name."""
    good = handmade.put_snapshot("cities", FIRST)
    held = handmade.put_snapshot("cities", SECOND, held_back="suspiciously fewer")
    assert (find(handmade), find(handmade, selector="previous"), find(handmade, selector=held)) == (
        good,
        None,
        held,
    )


def test_previous_is_the_one_before_latest(handmade: HandmadeStore) -> None:
    """The one before latest by time, of the same collection."""
    first, second, third = (handmade.put_snapshot("cities", at) for at in (FIRST, SECOND, THIRD))
    handmade.put_snapshot("cities_v2", FIRST)
    handmade.link("cities", second)
    assert find(handmade, selector="previous") == first
    (handmade.root / "cities_latest.snapshot").unlink()
    handmade.link("cities", third)
    assert find(handmade, selector="previous") == second


def test_two_of_one_second_keep_their_order(handmade: HandmadeStore) -> None:
    """The second file of a second is the newer one, also when there are ten."""
    files = [handmade.put_snapshot("cities", FIRST, sequence) for sequence in (1, 2, 10)]
    assert [one.file for one in handmade.store.list_snapshots("cities")] == files


def test_previous_stands_in_for_a_latest_that_dangles(handmade: HandmadeStore) -> None:
    """Asked for by --fallback previous: the newest that is there."""
    first = handmade.put_snapshot("cities", FIRST)
    handmade.link("cities", "cities_20261120_101500.snapshot")
    assert find(handmade, selector="previous") == first


def test_a_name_and_a_path_select_a_file(handmade: HandmadeStore, tmp_path: Path) -> None:
    """`--snapshot NAME` is looked for in the store, a path anywhere."""
    file = handmade.put_snapshot("cities", FIRST)
    beside = tmp_path / "mine.snapshot"
    beside.write_bytes(b"snapshot")
    outside = handmade.store.find_snapshot("cities", str(beside))
    assert (find(handmade, selector=file), find(handmade, selector=str(handmade.root / file))) == (file, file)
    assert outside == StoredSnapshot(
        collection="cities", file="mine.snapshot", path=str(beside), size=8, in_store=False
    )


@pytest.mark.parametrize("selector", ["latest", "previous", "cities_20261120_101500.snapshot", "/none/such.snapshot"])
def test_nothing_there_is_none_and_no_error(handmade: HandmadeStore, selector: str) -> None:
    """What becomes of it is a policy's business."""
    assert find(handmade, selector=selector) is None


def test_the_error_for_nothing_there_says_where_it_looked_and_the_ways_out(handmade: HandmadeStore) -> None:
    """The exact place searched, the snapshots that are there instead, and the possible remedies."""
    handmade.put_snapshot("towns", FIRST)
    error = no_snapshot_error(handmade.store, "cities")
    assert str(error) == (
        f"no snapshot of collection 'cities' in store '{handmade.root}' (looked for 'cities_*.snapshot'); "
        "it has snapshots of 'towns'"
    )
    assert error.hint == (
        "make one with 'qdrant-restore snapshot cities', put one there, or go on without it with --on-missing skip"
    )


def test_collections_with_alike_names_do_not_meet(handmade: HandmadeStore) -> None:
    """`docs` is never taken for the prefix of another collection's name."""
    names = ["docs", "docs_v2", "docs_latest", "docs-2026", "docs_20261118_101500", "a b", "ünï", "Docs"]
    files = {name: handmade.put_snapshot(name, FIRST) for name in names}
    assert {name: find(handmade, name) for name in names} == files
    assert handmade.store.list_collections() == tuple(sorted(names))


def test_a_name_that_was_cut_is_told_by_its_manifest(handmade: HandmadeStore) -> None:
    """Design §3: the manifest's `collection` decides."""
    name = "ü" * 100
    file = handmade.put_snapshot(name, FIRST)
    assert (find(handmade, name), handmade.store.list_collections()) == (file, (name,))


def test_a_cut_name_without_its_manifest_is_listed_by_file(handmade: HandmadeStore) -> None:
    """Nobody can say what collection it is of; who knows the name still finds it."""
    name = "ü" * 100
    file = handmade.put_snapshot(name, FIRST)
    (handmade.root / name_manifest(file)).unlink()
    assert (find(handmade, name), handmade.store.list_collections()) == (file, ())


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("cities_20261120_101500.snapshot", "which is not there"),
        ("/srv/cities_20261118_101500.snapshot", "an absolute path"),
        ("../store/cities_20261118_101500.snapshot", "outside the store"),
        ("..", "outside the store"),
        (".partial-0123456789abcdef", "a hidden or unfinished file"),
        ("towns_latest.snapshot", "another pointer"),
        ("towns_20261118_101500.snapshot", "a snapshot of collection 'towns'"),
    ],
)
def test_a_pointer_that_must_not_be_followed_is_an_error_that_says_why(
    handmade: HandmadeStore, target: str, why: str
) -> None:
    """Latest that dangles, is absolute, or points outside, to an unfinished file or to another collection."""
    handmade.put_snapshot("cities", FIRST)
    handmade.put(".partial-0123456789abcdef")
    handmade.link("towns", handmade.put_snapshot("towns", FIRST))
    handmade.link("cities", target)
    with pytest.raises(IntegrityError) as caught:
        find(handmade)
    assert str(caught.value) == f"'cities_latest.snapshot' in store '{handmade.root}' points to '{target}', {why}"


def test_a_line_of_text_that_leads_outside_is_not_followed_either(handmade: HandmadeStore) -> None:
    """Both forms of latest obey the same rules."""
    file = handmade.put_snapshot("cities", FIRST)
    handmade.put("cities_latest.snapshot", f"../store/{file}\n".encode())
    with pytest.raises(IntegrityError, match=r", outside the store$"):
        find(handmade)


def test_a_pointer_is_followed_once(handmade: HandmadeStore) -> None:
    """The file that it names must be the snapshot itself, no link again."""
    file = str(SnapshotName("cities", FIRST))
    (handmade.root / file).symlink_to("/etc/hostname")
    handmade.link("cities", file)
    with pytest.raises(IntegrityError, match=r"is not a plain file$"):
        find(handmade)


def test_a_git_lfs_pointer_is_told_with_its_cure(handmade: HandmadeStore) -> None:
    """As latest itself, behind the pointer, and as a manifest."""
    file = handmade.put(str(SnapshotName("cities", FIRST)), LFS)
    handmade.put("towns_latest.snapshot", LFS)
    for collection, name in (("cities", file), ("towns", "towns_latest.snapshot")):
        with pytest.raises(IntegrityError) as caught:
            find(handmade, collection)
        assert (str(caught.value), caught.value.hint) == (
            f"'{name}' is a Git LFS pointer, not the file itself",
            "fetch the files that stand behind: git lfs pull",
        )


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"size": 7}, "snapshot 'cities_20261118_101500.snapshot' has 19 bytes, its manifest says 7"),
        (
            {"collection": "towns"},
            "manifest 'cities_20261118_101500.snapshot.json' is of collection 'towns', not of 'cities'",
        ),
    ],
)
def test_a_manifest_that_contradicts_its_file_is_an_error(
    handmade: HandmadeStore, changed: dict[str, object], sentence: str
) -> None:
    """A wrong size, or files that were swapped with another collection's."""
    handmade.put_snapshot("cities", FIRST, **changed)
    stored = handmade.store.find_snapshot("cities")
    assert stored is not None
    with pytest.raises(IntegrityError) as caught:
        handmade.store.read_manifest(stored)
    assert str(caught.value) == sentence


def test_a_manifest_beside_any_kind_of_latest_is_read(handmade: HandmadeStore) -> None:
    """A copy that followed the link took the manifest along, perhaps."""
    handmade.put("cities_latest.snapshot", b"x" * 2000)
    manifest = handmade.describe("cities_latest.snapshot", "cities", FIRST)
    stored = handmade.store.find_snapshot("cities")
    assert stored is not None
    assert handmade.store.read_manifest(stored) == manifest


def test_without_a_manifest_there_is_none(handmade: HandmadeStore) -> None:
    """Less can be checked then."""
    handmade.put(str(SnapshotName("cities", FIRST)))
    stored = handmade.store.find_snapshot("cities")
    assert stored is not None
    assert handmade.store.read_manifest(stored) is None


@pytest.mark.parametrize(
    ("selector", "sentence"),
    [
        (
            "towns_20261118_101500.snapshot",
            "snapshot 'towns_20261118_101500.snapshot' is one of collection 'towns', not of 'cities'",
        ),
        (".partial-0123456789abcdef", "is not a snapshot"),
        ("README.md", "is not a snapshot"),
        ("towns_20261118_101500.snapshot.json", "is not a snapshot"),
    ],
)
def test_naming_a_file_that_is_not_this_collections_is_a_mistake(
    handmade: HandmadeStore, selector: str, sentence: str
) -> None:
    """The way to restore it under another name is in the hint."""
    handmade.put_snapshot("towns", FIRST)
    handmade.put(".partial-0123456789abcdef")
    with pytest.raises(SettingsError) as caught:
        find(handmade, selector=selector)
    assert str(caught.value).endswith(sentence)


def test_a_missing_directory_is_not_an_empty_store(tmp_path: Path) -> None:
    """It is an error, and the directory is not created."""
    with pytest.raises(NotFoundError) as caught:
        open_local_store(str(tmp_path / "none"))
    assert (str(caught.value), list(tmp_path.iterdir())) == (f"store '{tmp_path / 'none'}' does not exist", [])


def test_a_directory_without_stamp_and_snapshot_is_taken_for_a_missing_mount(tmp_path: Path) -> None:
    """Docker creates an empty directory where a bind mount's source is missing."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(NotFoundError) as caught:
        open_local_store(str(tmp_path))
    assert str(caught.value) == f"store '{tmp_path}' has neither a stamp (README.md) nor a snapshot in it"
    assert caught.value.hint.startswith("is it mounted? ")


def test_a_projects_own_readme_is_no_stamp(tmp_path: Path) -> None:
    """`--store .` in a project's root is a slip. An empty README is a stamp."""
    project = tmp_path / "README.md"
    project.write_text("# A search engine for cities\n")
    with pytest.raises(NotFoundError, match="has neither a stamp"):
        open_local_store(str(tmp_path))
    for text in ("", "\n", (ROOT / "qdrant_snapshots" / "README.md").read_text(), STAMP_TEXT.decode()):
        project.write_text(text)
        assert open_local_store(str(tmp_path)).list_collections() == ()


def test_a_stamped_directory_is_merely_empty(handmade: HandmadeStore) -> None:
    """Nobody has made a snapshot yet."""
    assert open_local_store(str(handmade.root)).list_collections() == ()


def test_a_directory_with_a_snapshot_needs_no_stamp(handmade: HandmadeStore) -> None:
    """Filled by hand."""
    handmade.put("cities_latest.snapshot")
    (handmade.root / "README.md").unlink()
    assert open_local_store(str(handmade.root)).list_collections() == ("cities",)


def test_a_file_is_no_store(tmp_path: Path) -> None:
    """A path given wrongly."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be read: Not a directory$"):
        open_local_store(str(tmp_path / "file"))


@pytest.fixture
def as_somebody_else() -> Iterator[None]:
    """Be another user for a while where we are root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_an_unreadable_store_says_who_we_are(handmade: HandmadeStore, request: pytest.FixtureRequest) -> None:
    """A directory without permission to read is not an empty one."""
    handmade.root.chmod(0)
    request.getfixturevalue("as_somebody_else")
    with pytest.raises(StoreError) as caught:
        open_local_store(str(handmade.root))
    assert str(caught.value) == f"store '{handmade.root}' cannot be read: Permission denied"
    assert caught.value.hint.startswith("this program runs as uid ")


def test_reading_changes_nothing(handmade: HandmadeStore) -> None:
    """After every method of a reader the directory is as it was."""
    handmade.link("cities", handmade.put_snapshot("cities", FIRST))
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in handmade.root.iterdir())
    store = open_local_store(str(handmade.root))
    stored = store.find_snapshot("cities")
    assert stored is not None
    found = (store.list_entries(), store.list_collections(), store.read_manifest(stored), find(handmade, "none"))
    assert all(found[:3])
    assert sorted((path.name, path.lstat().st_mtime_ns) for path in handmade.root.iterdir()) == before


def test_what_is_read_on_a_boot_imports_nothing_slow() -> None:
    """Design §6: a boot that has nothing to do is nearly all imports."""
    code = "import restore.stores.local.reader, sys; print(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    slow = {
        "tarfile",
        "hashlib",
        "stamina",
        "filelock",
        "dataclasses",
        "pathlib",
        "urllib.parse",
        "logging",
        "asyncio",
    }
    assert slow & set(found) == set()
