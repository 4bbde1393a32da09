"""What is inside a snapshot file: told right, and every way of being wrong has its own sentence."""

from __future__ import annotations

import hashlib
import json
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from restore.errors import IncompatibleError, IntegrityError, RestoreError
from restore.qdrant.version import Version
from restore.recovery.compatibility import check_compatibility, refuse_old_server
from restore.snapshots.archive import Archive, ArchivedShard, ArchiveKind
from restore.snapshots.checksum import hash_stream
from tests.support.archives import (
    CONFIG,
    describe_collection,
    describe_shard,
    make_link,
    make_segment,
    make_tar,
    read_recorded,
    scan_archive_file,
)

SERVER = Version(1, 18, 3)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 270336\n"
WHOLE = {**describe_shard(0), **describe_collection()}
CUSTOM = {"params": {"vectors": {}, "shard_number": 1, "sharding_method": "custom"}}
TWO_SHARDS = {"params": {"vectors": {}, "shard_number": 2}}


def write(directory: Path, content: bytes) -> str:
    """Put a file where nothing tells what it is."""
    path = directory / "cities.snapshot"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("name", "shards", "fields"),
    [
        ("plain", (1,), ["f", "geo", "name", "ok", "pop", "when", "ünï"]),
        ("named", (2,), []),
        ("indexed", (2,), ["tenant_id"]),
        ("shards", (1, 1, 1), []),
        ("empty", (1,), []),
        ("schemaless", (1,), []),
    ],
)
def test_a_real_snapshot_is_described(tmp_path: Path, name: str, shards: tuple[int, ...], fields: list[str]) -> None:
    """Six snapshots of a real 1.18.3: kind, shards, schema; nothing odd in them."""
    content = read_recorded(name)
    found = scan_archive_file(write(tmp_path, content))
    assert found == Archive(
        kind=ArchiveKind.COLLECTION,
        size=len(content),
        config=found.config,
        payload_schema=found.payload_schema,
        shards=tuple(ArchivedShard(number, True, segments, True) for number, segments in enumerate(shards)),
        custom_sharding=False,
        rocksdb="",
        forbidden=(),
        point_slots=found.point_slots,
        storage_types=found.storage_types,
    )
    assert found.config["params"]["shard_number"] == len(shards)
    assert sorted(found.payload_schema) == fields
    assert check_compatibility(found, file="x", server=SERVER) is None


def test_an_archive_without_points_says_so(tmp_path: Path) -> None:
    """Only then a restored collection may be empty."""
    assert scan_archive_file(write(tmp_path, read_recorded("empty"))).may_be_empty
    assert not scan_archive_file(write(tmp_path, read_recorded("plain"))).may_be_empty


def damage_header(content: bytes) -> bytes:
    """Break a header in the middle of the archive."""
    at = content.rindex(b"config.json")
    return content[:at] + b"\xff" + content[at + 1 :]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "snapshot 'cities.snapshot' is an empty file"),
        (
            b"hello world, this is no snapshot\n",
            "snapshot 'cities.snapshot' is a text file, not a snapshot of Qdrant",
        ),
        (bytes(range(256)) * 8, "snapshot 'cities.snapshot' is no tar archive, not a snapshot of Qdrant"),
        (LFS, "'cities.snapshot' is a Git LFS pointer, not the file itself"),
        (
            read_recorded("plain")[:135_168],
            (
                "snapshot 'cities.snapshot' is cut: it has 135,168 bytes, and "
                "'0/segments/d3f059cd-583f-4a8d-9e80-91e4ec7e603a.tar' in it ends at 249,344"
            ),
        ),
        (
            read_recorded("plain")[:-1024],
            "snapshot 'cities.snapshot' is cut at its end: it has 269,312 bytes, with its end marker 270,336",
        ),
        (
            read_recorded("plain")[:-512],
            "snapshot 'cities.snapshot' is cut at its end: it has 269,824 bytes, with its end marker 270,336",
        ),
        (
            damage_header(read_recorded("plain")),
            "snapshot 'cities.snapshot' is damaged at byte 265,728: no header there",
        ),
        (
            make_tar({**WHOLE, "0/segments/a.tar": make_segment()[:700]}),
            "snapshot 'cities.snapshot' is damaged: a segment in it is cut",
        ),
        (
            make_tar({**WHOLE, "config.json": b"{"}),
            "snapshot 'cities.snapshot' is damaged: Input data was truncated",
        ),
    ],
)
def test_damage_has_a_sentence_of_its_own(tmp_path: Path, content: bytes, sentence: str) -> None:
    """Each is an integrity error that names the file and says what is wrong; the server accepts some of them."""
    with pytest.raises(IntegrityError) as caught:
        scan_archive_file(write(tmp_path, content))
    assert str(caught.value) == sentence
    assert caught.value.hint


def test_every_cut_of_a_snapshot_is_noticed(tmp_path: Path) -> None:
    """A server accepts a file without its end marker, and unpacks some of what is cut at a member's border."""
    content = read_recorded("schemaless")
    cuts = [content[:size] for size in range(0, len(content), 512)]
    noticed = [_is_refused(write(tmp_path, cut)) for cut in cuts]
    assert noticed == [True] * len(cuts)


def _is_refused(path: str) -> bool:
    try:
        scan_archive_file(path)
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize(
    ("members", "error", "sentence"),
    [
        (
            {"notes.txt": b"x"},
            IntegrityError,
            "'x.snapshot' is a tar archive, but no snapshot of Qdrant",
        ),
        (
            {name.removeprefix("0/"): content for name, content in describe_shard(0).items()},
            IncompatibleError,
            "'x.snapshot' is a shard snapshot, not a snapshot of one collection",
        ),
        (
            {"cities.snapshot": b"x", "config.json": b'{"collections_mapping":{},"collections_aliases":{}}'},
            IncompatibleError,
            "'x.snapshot' is a full snapshot, not a snapshot of one collection",
        ),
        (
            {**WHOLE, "0/evil": make_link("0/evil", "/etc/passwd")},
            IntegrityError,
            "snapshot 'x.snapshot' holds '0/evil', a member that no server accepts",
        ),
        (
            {**WHOLE, "0/hard": make_link("0/hard", "config.json", tarfile.LNKTYPE)},
            IntegrityError,
            "snapshot 'x.snapshot' holds '0/hard', a member that no server accepts",
        ),
        (
            {**WHOLE, "../out": b"x"},
            IntegrityError,
            "snapshot 'x.snapshot' holds '../out', a member that no server accepts",
        ),
        (
            {**describe_shard(0), **describe_collection(CUSTOM)},
            IncompatibleError,
            (
                "snapshot 'x.snapshot' is of a collection with custom shard keys, which a restore does not bring "
                "back; Qdrant 1.18.3 cannot restore it alone"
            ),
        ),
        (
            {**describe_shard(0), **describe_shard(1, is_local=False), **describe_collection(TWO_SHARDS)},
            IncompatibleError,
            (
                "snapshot 'x.snapshot' lacks the data of shard 1 of 2: it was taken on one node of several; "
                "Qdrant 1.18.3 cannot restore it alone"
            ),
        ),
        (
            {**describe_shard(0), **describe_collection(TWO_SHARDS)},
            IncompatibleError,
            (
                "snapshot 'x.snapshot' lacks the data of shard 1 of 2: it was taken on one node of several; "
                "Qdrant 1.18.3 cannot restore it alone"
            ),
        ),
        (
            {**describe_shard(0, segment=make_segment("snapshot/db_backup/CURRENT")), **describe_collection()},
            IncompatibleError,
            (
                "snapshot 'x.snapshot' holds RocksDB files ('0/segments/a.tar/snapshot/db_backup/CURRENT'), which "
                "Qdrant 1.18.3 cannot load: they went with 1.18"
            ),
        ),
    ],
)
def test_what_no_server_can_take_is_refused_naming_both_sides(
    tmp_path: Path, members: dict[str, bytes], error: type[RestoreError], sentence: str
) -> None:
    """Before anything is sent: to some of these the server itself answers 200 and restores nothing."""
    found = scan_archive_file(write(tmp_path, make_tar(members)))
    with pytest.raises(error) as caught:
        check_compatibility(found, file="x.snapshot", server=SERVER)
    assert (type(caught.value), str(caught.value), bool(caught.value.hint)) == (error, sentence, True)


@pytest.mark.parametrize(
    "name", ["keyed-node0", "keyed-node1", "keyed-node2", "ring-node0", "ring-node1", "ring-node2"]
)
def test_one_nodes_part_of_a_cluster_is_refused(tmp_path: Path, name: str) -> None:
    """Real files of three nodes; a restore of the keyed ones answers 200 and leaves nothing."""
    found = scan_archive_file(write(tmp_path, read_recorded(name)))
    with pytest.raises(IncompatibleError):
        check_compatibility(found, file=name, server=SERVER)


def test_rocksdb_files_are_no_trouble_for_a_server_that_knows_them(tmp_path: Path) -> None:
    """They went with 1.18."""
    members = {**describe_shard(0, segment=make_segment("snapshot/db_backup/CURRENT")), **describe_collection()}
    found = scan_archive_file(write(tmp_path, make_tar(members)))
    assert check_compatibility(found, file="x", server=Version(1, 17, 1)) is None


def test_pax_headers_are_refused_as_the_server_does(tmp_path: Path) -> None:
    """An archive packed again with another tar: the server rejects it after a long upload."""
    content = make_tar({**WHOLE, "0/wal/open-ü": b"x"}, layout=tarfile.PAX_FORMAT)
    assert scan_archive_file(write(tmp_path, content)).forbidden == ("0/wal/open-ü",)


def test_the_kinds_of_vector_storage_are_read_from_the_segments(tmp_path: Path) -> None:
    """1.16 does not know `InRamMmap`: it would refuse the file after it was sent."""
    document = {"config": {"vector_data": {"": {"storage_type": "InRamMmap"}, "b": {"storage_type": "Mmap"}}}}
    segment = make_tar({"snapshot/files/segment.json": json.dumps(document).encode()})
    found = scan_archive_file(
        write(tmp_path, make_tar({**describe_shard(0, segment=segment), **describe_collection()}))
    )
    assert found.storage_types == {"InRamMmap", "Mmap"}


def test_a_server_older_than_supported_is_refused_with_both_versions() -> None:
    """1.16 is the oldest."""
    with pytest.raises(
        IncompatibleError, match=r"^this server is Qdrant 1.15.5, the oldest one supported is 1.16.0$"
    ):
        refuse_old_server(Version(1, 15, 5))


def test_the_checksum_is_of_every_byte_and_takes_no_memory(tmp_path: Path) -> None:
    """Flat whatever the size, told block by block."""
    content = b"0123456789abcdef" * (1 << 20)
    path, output = Path(write(tmp_path, content)), list[int]()
    tracemalloc.start()
    with path.open("rb", buffering=0) as file:
        found = hash_stream(file, output.append)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == (hashlib.sha256(content).hexdigest(), 16 << 20)
    assert output == [block << 20 for block in range(1, 17)]
    assert peak < 4 << 20


def test_looking_inside_reads_headers_only(tmp_path: Path) -> None:
    """A segment of a gigabyte costs a seek: the file is sparse, and reading it all would take memory and seconds."""
    path = tmp_path / "big.snapshot"
    wal = tarfile.TarInfo("0/wal/open-1")
    wal.size = 1 << 30
    tail = make_tar({name: content for name, content in WHOLE.items() if name != wal.name})
    with path.open("wb") as file:
        file.write(wal.tobuf(tarfile.GNU_FORMAT))
        file.seek(512 + wal.size)
        file.write(tail)
    tracemalloc.start()
    found = scan_archive_file(str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.kind, found.config) == (ArchiveKind.COLLECTION, CONFIG)
    assert peak < 4 << 20


def test_a_file_that_cannot_be_read_is_the_stores_trouble(tmp_path: Path) -> None:
    """Not a damaged snapshot."""
    with pytest.raises(RestoreError, match=r"^snapshot 'none.snapshot' cannot be read: No such file or directory$"):
        scan_archive_file(str(tmp_path / "none.snapshot"))
