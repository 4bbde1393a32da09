"""The tar writer: Python's tarfile and GNU tar read its sparse members back."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qdrant_embedded.errors import ApiError
from qdrant_embedded.snapshots.archive import ArchiveWriter, list_extents, unpack

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 4096
LONG_NAME = "0/segments/" + "n" * 150


def write_sparse(path: Path, size: int, pieces: dict[int, bytes]) -> None:
    """Write a file of that size that contains only these pieces, by offset."""
    with path.open("wb") as file:
        for offset, piece in pieces.items():
            file.seek(offset)
            file.write(piece)
        file.truncate(size)


def archived(path: Path, name: str = "member") -> Path:
    """Archive one file. Return the archive's path."""
    target = path.with_name("archive.tar")
    with target.open("wb") as out:
        writer = ArchiveWriter(out)
        writer.add_file(name, path)
        writer.add_bytes("after", b"it goes on")
        writer.finish()
    return target


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.lists(st.integers(0, 400), unique=True, max_size=60),
    piece=st.binary(min_size=1, max_size=64),
    tail=st.integers(0, PAGE),
)
def test_what_is_archived_is_unpacked_byte_by_byte(tmp_path: Path, pages: list[int], piece: bytes, tail: int) -> None:
    """There are none, four that fit the header, or more than the 21 of an extension header."""
    source, unpacked = tmp_path / "source", tmp_path / "unpacked"
    write_sparse(source, max(pages, default=0) * PAGE + len(piece) + tail, {page * PAGE: piece for page in pages})
    shutil.rmtree(unpacked, ignore_errors=True)

    unpack(archived(source), unpacked)

    assert (unpacked / "member").read_bytes() == source.read_bytes()
    assert (unpacked / "after").read_bytes() == b"it goes on"


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar command")
def test_gnu_tar_reads_it_too(tmp_path: Path) -> None:
    """It has a hundred extents, and a name longer than the header's field."""
    source = tmp_path / "source"
    write_sparse(source, 3 << 20, {page * 8 * PAGE: b"x" * 100 for page in range(90)})

    archive = archived(source, LONG_NAME)
    read = subprocess.run(["tar", "-xOf", archive, LONG_NAME], capture_output=True, check=True)

    assert read.stdout == source.read_bytes()


def test_holes_take_no_room(tmp_path: Path) -> None:
    """The file is like a page of the engine: 32 MiB, of which a few kilobytes are written."""
    source = tmp_path / "source"
    write_sparse(source, 32 << 20, {0: b"first", 20 << 20: b"later"})

    archive = archived(source)
    with source.open("rb") as file:
        written = sum(length for _, length in list_extents(file, 32 << 20))

    assert written <= 16 * PAGE
    assert archive.stat().st_size <= written + 8 * 512


def test_sizes_beyond_eight_gibibytes_are_written(tmp_path: Path) -> None:
    """Twelve octal digits end there; beyond, the real size of a sparse member is in base 256."""
    source = tmp_path / "source"
    write_sparse(source, 9 << 30, {(9 << 30) - 5: b"end"})

    with tarfile.open(archived(source)) as archive:
        member = archive.getmember("member")
        content = archive.extractfile(member)
        assert content is not None
        content.seek(-5, os.SEEK_END)
        last = content.read()

    assert (member.size, last) == (9 << 30, b"end\0\0")


def test_links_are_refused(tmp_path: Path) -> None:
    """A snapshot contains files and directories only."""
    (tmp_path / "link").symlink_to("/etc/passwd")
    with tarfile.open(tmp_path / "linked.tar", "w") as archive:
        archive.add(tmp_path / "link", "0/segments/link")

    with pytest.raises(ApiError, match="Forbidden entry type"):
        unpack(tmp_path / "linked.tar", tmp_path / "target")


def test_names_do_not_lead_out_of_the_target(tmp_path: Path) -> None:
    """`../` in a member's name is an error, and no file is written beside the target."""
    (tmp_path / "source").write_bytes(b"content")

    with pytest.raises(ApiError):
        unpack(archived(tmp_path / "source", "../escaped"), tmp_path / "target")

    assert not (tmp_path / "escaped").exists()
