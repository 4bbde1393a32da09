"""Manifests: written, read back, and refused when they cannot be believed."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.errors import IncompatibleError, IntegrityError
from restore.snapshots.manifest import Manifest, Sample, read_manifest, write_manifest

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=8), JSON, max_size=4)
COUNTS = st.integers(0, 2**53)
MANIFESTS = st.builds(
    Manifest,
    collection=st.text(min_size=1),
    created=st.datetimes(timezones=st.just(UTC)),
    server_version=st.text(),
    size=COUNTS,
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    points=COUNTS,
    points_exact=st.booleans(),
    config=OBJECTS,
    payload_schema=st.dictionaries(st.text(max_size=8), OBJECTS, max_size=3),
    aliases=st.lists(st.text(), max_size=3).map(tuple),
    samples=st.lists(
        st.builds(Sample, id=st.integers(0, 2**64 - 1) | st.uuids().map(str), digest=st.text("0123456789abcdef")),
        max_size=4,
    ).map(tuple),
    shards=COUNTS,
    seconds=st.floats(0, 1e9),
    note=st.text(),
    held_back=st.text(),
    written_by=st.text(),
)
PLAIN = Manifest(
    collection="cities",
    created=datetime(2026, 11, 20, 10, 15, tzinfo=UTC),
    server_version="1.18.3",
    size=1,
    sha256="0" * 64,
    points=1,
    points_exact=True,
    config={},
    payload_schema={},
)


@given(MANIFESTS)
def test_a_manifest_reads_back_as_it_was_written(manifest: Manifest) -> None:
    """Nothing is lost or rounded on the way, and the file is JSON that ends with a newline."""
    text = write_manifest(manifest)
    assert read_manifest(text, where="x.json") == manifest
    assert text.endswith(b"}\n")


def change(**fields: object) -> bytes:
    """Return a good manifest as JSON with some fields changed; a value of `...` takes the field out."""
    changed = {**msgspec.to_builtins(PLAIN), **fields}
    return msgspec.json.encode({name: value for name, value in changed.items() if value is not ...})


def test_fields_that_a_newer_program_added_are_ignored() -> None:
    """An older program reads what a newer one wrote, as long as known fields mean the same."""
    assert read_manifest(change(colour="blue"), where="x.json") == PLAIN


def test_a_manifest_of_another_schema_is_refused() -> None:
    """There known fields may mean something else."""
    with pytest.raises(IncompatibleError, match=r"^manifest 'x.json' has schema 2, this program reads 1$") as caught:
        read_manifest(change(schema=2), where="x.json")
    assert caught.value.hint == "use a newer qdrant-restore"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not json",
        b"[]",
        b"\xff\xfe",
        change(sha256="abc"),
        change(sha256="A" * 64),
        change(sha256="0" * 64 + "\n"),
        change(size=-1),
        change(points="many"),
        change(created="yesterday"),
        change(created="2026-11-20T10:15:00"),
        change(collection=...),
        change(schema=...),
    ],
)
def test_a_malformed_manifest_is_an_integrity_error_that_names_it(text: bytes) -> None:
    """An unreadable, empty or malformed manifest is a failure."""
    with pytest.raises(IntegrityError, match=r"^manifest 'x.json' is malformed: "):
        read_manifest(text, where="x.json")


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_a_manifest_fail_in_another_way(text: bytes) -> None:
    """Whatever lies there, the error is one with a sentence."""
    with pytest.raises((IntegrityError, IncompatibleError)):
        read_manifest(text, where="x.json")
