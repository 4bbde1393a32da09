"""What every store does, made of whatever: a directory, and buckets on MinIO, fake-gcs-server and Azurite."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
from pathlib import Path

import msgspec
import pyrage
import pytest

from restore.commands.list.command import run as run_list
from restore.commands.snapshot.publish import publish
from restore.errors import DecryptionError, IntegrityError, LockedError, SettingsError
from restore.snapshots.age import AgeIdentities, load_recipients
from restore.snapshots.archive_scan import scan_archive
from restore.snapshots.codec import Encoder
from restore.snapshots.manifest import write_manifest
from restore.snapshots.name import SnapshotName
from restore.snapshots.stored import StoredSnapshot
from restore.stores.layout import Kind
from tests.support.archives import scan_archive_file
from tests.support.no_output import no_log
from tests.support.resolve_settings import resolve_settings
from tests.support.run_publish import FIRST, SECOND, THIRD, describe
from tests.support.sample_stores import RECORDED
from tests.support.store_harness import StoreHarness

pytestmark = pytest.mark.xdist_group("buckets")

ONE, TWO, THREE = b"the first", b"the second one", b"the third of them"
# More than one part of a bucket's upload, and no multiple of it.
LARGE = random.Random(7).randbytes(20_000_003)  # noqa: S311 - the same bytes every time
HOSTILE = [
    "../x",
    "a/../../b",
    "ü" * 100,
    "😀",
    "%2e",
    "a b",
    "Docs",
    "docs",
    ".hidden",
    "con~0123456789abcdef",
    "x" * 255,
]


def files(harness: StoreHarness, kind: Kind = Kind.SNAPSHOT) -> list[str]:
    """Return the names of the files of a kind."""
    return [entry.file for entry in harness.open().list_entries() if entry.kind is kind]


def find(harness: StoreHarness, collection: str = "cities", selector: str = "latest") -> StoredSnapshot:
    """Return a snapshot that is there."""
    stored = harness.open().find_snapshot(collection, selector)
    assert stored is not None
    return stored


@pytest.mark.parametrize("content", [b"", ONE, LARGE], ids=["nothing", "a little", "many parts"])
def test_what_was_published_comes_back_byte_by_byte(harness: StoreHarness, content: bytes) -> None:
    """As latest, with its manifest, whatever its size."""
    published = harness.publish(content, FIRST, block=700_001)
    store = harness.open()
    stored = store.find_snapshot("cities")
    assert stored is not None
    assert (published.hindrance, stored.file) == (None, "cities_20261118_101500.snapshot")
    assert (stored.size, stored.latest, stored.created) == (len(content), True, FIRST)
    assert store.read_manifest(stored) == describe(content, FIRST)
    assert hashlib.sha256(harness.read(store) or b"").digest() == hashlib.sha256(content).digest()


def test_the_newest_is_latest_and_the_one_before_it_previous(harness: StoreHarness) -> None:
    """By time, and of the same collection."""
    for content, at in ((ONE, FIRST), (TWO, SECOND), (THREE, THIRD)):
        harness.publish(content, at)
    harness.publish(ONE, THIRD, collection="cities_v2")
    store = harness.open()
    assert [harness.read(store, selector=selector) for selector in ("latest", "previous")] == [THREE, TWO]
    assert [one.file for one in store.list_snapshots("cities")] == [
        f"cities_202611{day}_101500.snapshot" for day in (18, 19, 20)
    ]


def test_a_name_selects_and_what_is_not_there_is_none(harness: StoreHarness) -> None:
    """What becomes of a missing one is a policy's business."""
    harness.publish(ONE, FIRST)
    harness.publish(TWO, SECOND)
    store = harness.open()
    assert harness.read(store, selector="cities_20261118_101500.snapshot") == ONE
    missing = ("cities_20261120_101500.snapshot", "nothing.snapshot")
    assert [store.find_snapshot("cities", name) for name in missing] == [None, None]
    assert [store.find_snapshot("towns", selector) for selector in ("latest", "previous")] == [None, None]


def test_naming_another_collections_snapshot_is_a_mistake(harness: StoreHarness) -> None:
    """The way to restore it under another name is in the hint."""
    harness.publish(ONE, FIRST, collection="towns")
    with pytest.raises(SettingsError) as caught:
        harness.open().find_snapshot("cities", "towns_20261118_101500.snapshot")
    assert str(caught.value) == (
        "snapshot 'towns_20261118_101500.snapshot' is one of collection 'towns', not of 'cities'"
    )


def test_two_of_one_second_become_two_snapshots(harness: StoreHarness) -> None:
    """Nothing is overwritten."""
    names = [harness.publish(content, FIRST).file for content in (ONE, TWO)]
    store = harness.open()
    assert names == ["cities_20261118_101500.snapshot", "cities_20261118_101500-2.snapshot"]
    assert [harness.read(store, selector=name) for name in names] == [ONE, TWO]


def test_what_was_held_back_is_only_for_who_names_it(harness: StoreHarness) -> None:
    """Never latest, never previous, never in the list."""
    harness.publish(ONE, FIRST)
    held = harness.publish(TWO, SECOND, points=1).file
    store = harness.open()
    assert [harness.read(store, selector=one) for one in ("latest", "previous", held)] == [ONE, None, TWO]
    assert [one.file for one in store.list_snapshots("cities")] == ["cities_20261118_101500.snapshot"]


def test_the_list_marks_what_a_restore_would_take(harness: StoreHarness, tmp_path: Path) -> None:
    """The latest of each collection, in a store without pointers too; what was held back never."""
    harness.publish(ONE, FIRST)
    harness.publish(TWO, SECOND)
    harness.publish(THREE, THIRD, points=1)
    harness.publish(ONE, FIRST, collection="cities_v2")
    listed = run_list(resolve_settings("list", store=tmp_path), harness.open(), THIRD).files
    assert [(one.file, one.collection) for one in listed if one.latest] == [
        ("cities_20261119_101500.snapshot", "cities"),
        ("cities_v2_20261118_101500.snapshot", "cities_v2"),
    ]


@pytest.mark.parametrize("collection", HOSTILE)
def test_any_name_of_a_collection_is_kept_apart(harness: StoreHarness, collection: str) -> None:
    """`docs` is no prefix of anything, and no name leads out of the store."""
    harness.publish(ONE, FIRST, collection=collection)
    harness.publish(TWO, SECOND, collection=f"{collection}_v2")
    store = harness.open()
    assert (harness.read(store, collection), harness.read(store, f"{collection}_v2")) == (ONE, TWO)
    assert store.list_collections() == tuple(sorted([collection, f"{collection}_v2"]))
    assert store.list_latest() == store.list_collections()


@pytest.mark.parametrize("content", [ONE, LARGE], ids=["a little", "many parts"])
def test_what_was_not_published_was_never_there(harness: StoreHarness, content: bytes) -> None:
    """An error on the way leaves nothing under a final name, and no debris."""
    harness.publish(ONE, FIRST)
    before = harness.open().list_entries()
    store = harness.open()
    with (
        contextlib.suppress(IntegrityError),
        store.lock(5.0),
        store.receive(SnapshotName("cities", SECOND)) as incoming,
    ):
        incoming.expect(len(content))
        incoming.write(content)
        raise IntegrityError("the bytes are wrong")
    assert (harness.open().list_entries(), harness.read(harness.open())) == (before, ONE)


def test_beginning_anew_forgets_what_came_before(harness: StoreHarness) -> None:
    """A server that cannot go on where it was cut sends the file from its start."""
    store = harness.open()
    with store.lock(5.0), store.receive(SnapshotName("cities", FIRST)) as incoming:
        incoming.expect(len(LARGE))
        incoming.write(LARGE[: len(LARGE) - 5])
        incoming.empty()
        incoming.write(TWO)
        publish(store, incoming, describe(TWO, FIRST), no_log)
    assert harness.read(harness.open()) == TWO


def test_a_deleted_snapshot_is_gone_with_what_was_written_about_it(harness: StoreHarness) -> None:
    """Deleting twice is as good as once, and other snapshots stay."""
    first, second = harness.publish(ONE, FIRST).file, harness.publish(TWO, SECOND).file
    store = harness.open()
    with store.lock(5.0):
        store.write_document(f"{first}.pin.json", b"{}")
        store.write_document(f"{first}.check.json", b"{}")
        for _ in range(2):
            store.delete_snapshot(first)
    assert files(harness) == [second]
    assert harness.open().list_documents(".json") == (
        (f"{second}.json",) if "://" not in harness.name else (".lease.json",)
    )
    assert harness.read(harness.open()) == TWO


def test_documents_are_written_whole_read_listed_and_deleted(harness: StoreHarness) -> None:
    """Small files of ours beside the snapshots; a second writer who wants to be the first is told."""
    store = harness.open()
    name = "20261118_101500_0123abcd.set.json"
    assert store.read_document(name) is None
    assert [store.write_document(name, text, create_only=True) for text in (b"one", b"two")] == [True, False]
    assert store.read_document(name) == b"one"
    assert store.write_document(name, b"three")
    store.write_document("cities_20261118_101500.snapshot.pin.json", b"{}")
    assert (store.read_document(name), store.list_documents(".set.json")) == (b"three", (name,))
    assert [store.delete_document(name) for _ in range(2)] == [True, False]
    assert store.list_documents(".set.json") == ()


def test_documents_are_never_taken_for_snapshots_or_collections(harness: StoreHarness) -> None:
    """Whatever a collection is called."""
    store = harness.open()
    names = {
        "20261118_101500_0123abcd.set.json": Kind.SET,
        "cities_20261118_101500.snapshot.pin.json": Kind.PIN,
        "cities_20261118_101500.snapshot.zst.age.check.json": Kind.CHECK,
        ".journal-0123abcd.json": Kind.JOURNAL,
    }
    for name in names:
        store.write_document(name, b"{}")
    seen = {entry.file: entry.kind for entry in store.list_entries() if entry.kind is not Kind.OURS}
    assert (seen, store.list_collections()) == (names, ())


def test_of_two_who_create_a_document_one_succeeds(harness: StoreHarness) -> None:
    """What set documents and leases stand on."""
    made: list[bool] = []
    start = threading.Barrier(4)

    def make(number: int) -> None:
        store = harness.open()
        start.wait()
        made.append(store.write_document("x.set.json", b"%d" % number, create_only=True))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, False, False, True]


def test_a_document_is_swapped_only_in_the_place_of_what_was_seen(harness: StoreHarness) -> None:
    """What somebody wrote meanwhile stays; `None` was seen where there was none."""
    store, name = harness.open(), ".schedule.json"
    swapped = [
        store.swap_document(name, b"never", b"zero"),
        store.swap_document(name, None, b"one"),
        store.swap_document(name, None, b"two"),
        store.swap_document(name, b"one", b"three"),
        store.swap_document(name, b"one", b"four"),
    ]
    assert (swapped, store.read_document(name)) == ([False, True, False, True, False], b"three")


@pytest.mark.parametrize("seen", [None, b"before"], ids=["new", "there"])
def test_of_two_who_swap_a_document_one_succeeds(harness: StoreHarness, seen: bytes | None) -> None:
    """What makes machines with one store run a slot of a schedule once."""
    swapped: list[bool] = []
    start = threading.Barrier(6)
    if seen is not None:
        harness.open().write_document(".schedule.json", seen)

    def swap(number: int) -> None:
        store = harness.open()
        start.wait()
        swapped.append(store.swap_document(".schedule.json", seen, b"%d" % number))

    threads = [threading.Thread(target=swap, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(swapped) == [False] * 5 + [True]


def test_who_waits_for_the_lock_is_told_so_again_and_again(harness: StoreHarness) -> None:
    """A wait is a sign of life; for a lock that is free there is no message."""
    output: list[str] = []
    with (
        harness.open().lock(0.0, on_wait=lambda: output.append("free")),
        pytest.raises(LockedError) as caught,
        harness.open().lock(2.5, on_wait=lambda: output.append("held")),
    ):
        pass
    assert set(output) == {"held"}
    assert len(output) > 1
    assert caught.value.waited_seconds >= 2.5


def test_one_run_at_a_time_holds_the_lock(harness: StoreHarness) -> None:
    """Status 11 at once, or after the lock timeout; the lock is free as soon as it is released."""
    first, second = harness.open(), harness.open()
    with first.lock(0.0), pytest.raises(LockedError) as caught, second.lock(0.3):
        pass
    with second.lock(0.0):
        pass
    assert str(caught.value).startswith(f"store '{harness.name}' is locked by ")
    assert caught.value.status == 11


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"size": 7}, "snapshot 'cities_20261118_101500.snapshot' has 9 bytes, its manifest says 7"),
        (
            {"collection": "towns"},
            "manifest 'cities_20261118_101500.snapshot.json' is of collection 'towns', not of 'cities'",
        ),
    ],
)
def test_a_manifest_that_contradicts_its_snapshot_is_an_error(
    harness: StoreHarness, changed: dict[str, object], sentence: str
) -> None:
    """A wrong size, or files that were swapped with another collection's."""
    file = harness.publish(ONE, FIRST).file
    manifest = msgspec.structs.replace(describe(ONE, FIRST), **changed)
    harness.write(f"{file}.json", write_manifest(manifest))
    store = harness.open()
    with pytest.raises(IntegrityError) as caught:
        store.read_manifest(find(harness))
    assert str(caught.value) == sentence


def test_a_snapshot_is_read_at_any_place(harness: StoreHarness) -> None:
    """As a file is: forwards, backwards, across every border of blocks and parts."""
    harness.publish(LARGE, FIRST)
    chance = random.Random(11)  # noqa: S311 - the same places every time
    store = harness.open()
    with contextlib.closing(store.open_snapshot(find(harness))) as opened:
        places = [chance.randrange(len(LARGE)) for _ in range(40)]
        lengths = [chance.choice([1, 512, 70_000, 5_000_000]) for _ in places]
        parts = []
        for place, length in zip(places, lengths, strict=True):
            opened.seek(place)
            parts.append(opened.read(length))
    assert parts == [LARGE[place : place + length] for place, length in zip(places, lengths, strict=True)]


@pytest.mark.parametrize("kind", ["plain", "named", "indexed", "shards", "empty"])
def test_looking_into_an_archive_finds_what_a_plain_file_shows(harness: StoreHarness, kind: str) -> None:
    """A real server's snapshots: their configuration, shards and size."""
    path = RECORDED / f"{kind}-1.18.3.snapshot"
    harness.publish(path.read_bytes(), FIRST)
    with contextlib.closing(harness.open().open_snapshot(find(harness))) as opened:
        assert scan_archive(opened, name=kind) == scan_archive_file(str(path))


@pytest.fixture
def keys(tmp_path: Path) -> AgeIdentities:
    """Return a new key, with its recipients file beside it."""
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"# of a test\n{identity}\n")
    (tmp_path / "recipients").write_text(f"{identity.to_public()}\n")
    return AgeIdentities(str(tmp_path / "identity"))


PACKINGS = {".zst": (True, False), ".age": (False, True), ".zst.age": (True, True)}


@pytest.mark.parametrize("suffix", PACKINGS)
def test_packed_snapshots_come_back_as_they_were(
    harness: StoreHarness, keys: AgeIdentities, tmp_path: Path, suffix: str
) -> None:
    """Compressed, encrypted, both: named so that the usual tools know them, described by both checksums."""
    compress, encrypt = PACKINGS[suffix]
    content = (RECORDED / "indexed-1.18.3.snapshot").read_bytes() * 8
    recipients = load_recipients(str(tmp_path / "recipients")) if encrypt else ()
    published = harness.publish(content, FIRST, encoder=Encoder(compress=compress, recipients=recipients))
    store = harness.open()
    store._keys = keys  # noqa: SLF001 - as a door would have given them
    stored = find(harness)
    manifest = store.read_manifest(stored)
    with contextlib.closing(store.open_stored(stored)) as opened:
        lying = opened.read()
    assert published.file == stored.file == f"cities_20261118_101500.snapshot{suffix}"
    assert manifest is not None
    assert (manifest.size, manifest.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (manifest.stored_size, manifest.stored_sha256) == (len(lying), hashlib.sha256(lying).hexdigest())
    assert (manifest.compression, manifest.encryption) == ("zstd" if compress else "", "age" if encrypt else "")
    assert harness.read(store) == content


def test_an_encrypted_snapshot_needs_its_key_and_another_one_is_not_enough(
    harness: StoreHarness, keys: AgeIdentities, tmp_path: Path
) -> None:
    """A status of its own, before anything else could go wrong."""
    harness.publish(
        LARGE, FIRST, encoder=Encoder(compress=False, recipients=load_recipients(str(tmp_path / "recipients")))
    )
    (tmp_path / "wrong").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    wrong, none = harness.open(), harness.open()
    wrong._keys = AgeIdentities(str(tmp_path / "wrong"))  # noqa: SLF001 - as a door would have given them
    output = []
    for store in (none, wrong):
        with pytest.raises(DecryptionError) as caught:
            harness.read(store)
        output.append((caught.value.status, str(caught.value)))
    file = "cities_20261118_101500.snapshot.age"
    assert output == [
        (19, f"snapshot '{file}' is encrypted (age), and no key is given; nothing was touched"),
        (19, f"snapshot '{file}' is encrypted for another key than the one given; nothing was touched"),
    ]


@pytest.mark.parametrize("suffix", PACKINGS)
def test_packed_bytes_that_were_changed_are_noticed(
    harness: StoreHarness, keys: AgeIdentities, tmp_path: Path, suffix: str
) -> None:
    """Encryption is authenticated and compression is checksummed: damaged bytes are never handed on."""
    compress, encrypt = PACKINGS[suffix]
    recipients = load_recipients(str(tmp_path / "recipients")) if encrypt else ()
    file = harness.publish(LARGE, FIRST, encoder=Encoder(compress=compress, recipients=recipients)).file
    store = harness.open()
    store._keys = keys  # noqa: SLF001 - as a door would have given them
    with contextlib.closing(store.open_stored(find(harness))) as opened:
        lying = bytearray(opened.read())
    lying[len(lying) // 2] ^= 1
    harness.write(file, bytes(lying))
    with pytest.raises(IntegrityError):
        harness.read(store)


def test_nothing_is_left_of_an_empty_prepared_store(harness: StoreHarness) -> None:
    """It is a store, and merely empty."""
    store = harness.open()
    assert (store.list_collections(), store.list_latest(), store.list_snapshots("cities")) == ((), (), ())
    assert {entry.kind for entry in store.list_entries()} == {Kind.OURS}
