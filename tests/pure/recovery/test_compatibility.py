"""Which archives a server cannot load, decided by configuration; the scan of archives is tested in `snapshots`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from restore.errors import IncompatibleError
from restore.qdrant.version import Version, parse_version
from restore.recovery.compatibility import VersionGap, check_compatibility
from restore.snapshots.archive import Archive, ArchivedShard, ArchiveKind
from restore.snapshots.manifest import Manifest
from tests.pure.snapshots.test_manifest import PLAIN

VECTOR = {"size": 4, "distance": "Cosine"}


def version(text: str) -> Version:
    """Return a version that is known to be one."""
    found = parse_version(text)
    assert found is not None
    return found


def archive(config: dict[str, Any], **changes: Any) -> Archive:  # noqa: ANN401 - its fields
    """Return a whole archive of one shard with this configuration."""
    fields: dict[str, Any] = {
        "kind": ArchiveKind.COLLECTION,
        "size": 1,
        "config": config,
        "payload_schema": {},
        "shards": (ArchivedShard(0, has_wal=True, segments=1, is_local=True),),
        "custom_sharding": False,
        "rocksdb": "",
        "forbidden": (),
    }
    return Archive(**(fields | changes))


def made_by(text: str) -> Manifest:
    """Return a manifest of a snapshot that this version made."""
    return msgspec.structs.replace(PLAIN, server_version=text, config={})


def params(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return a configuration with these parameters."""
    return {"params": {"vectors": VECTOR, "shard_number": 1, **more}}


COLD = params(id_tracker={"memory": "cold"})
TURBO4 = params(vectors={**VECTOR, "datatype": "turbo4"})
TURBO8 = params(vectors={"text": {**VECTOR, "datatype": "turbo8"}})
TURBO16 = params(vectors={"text": VECTOR, "image": {**VECTOR, "datatype": "turbo16"}})
QUANTIZED = {**params(), "quantization_config": {"turbo": {"bits": "bits4"}}}
ONE_QUANTIZED = params(vectors={"a": {**VECTOR, "quantization_config": {"turbo": {}}}})
BITS8 = {**params(), "quantization_config": {"turbo": {"bits": "bits8"}}}
INLINE = {**params(), "hnsw_config": {"m": 16, "inline_storage": True}}
ONE_INLINE = params(vectors={"a": {**VECTOR, "hnsw_config": {"inline_storage": True}}})
UNSTEMMED = {"text": {"data_type": "text", "params": {"type": "text", "stemmer": {"type": "none"}}}}


@pytest.mark.parametrize(
    ("candidate", "maker", "newest_refused", "first", "feature"),
    [
        (archive(COLD), "1.20.0", "1.18.3", "1.19", "`id_tracker.memory: cold`"),
        (archive(TURBO4), "1.19.0", "1.18.3", "1.19", "vectors of datatype `turbo4`"),
        (archive(TURBO8), "1.20.0", "1.19.2", "1.20", "vectors of datatype `turbo8`"),
        (archive(TURBO16), "1.20.0", "1.19.2", "1.20", "vectors of datatype `turbo16`"),
        (archive(QUANTIZED), "1.18.3", "1.17.1", "1.18", "TurboQuant"),
        (archive(ONE_QUANTIZED), "1.18.3", "1.17.1", "1.18", "TurboQuant"),
        (archive(BITS8), "1.20.0", "1.19.2", "1.20", "TurboQuant with `bits8`"),
        (
            archive(INLINE),
            "1.20.0",
            "1.19.2",
            "1.20",
            "an HNSW index with `inline_storage` as Qdrant 1.20 writes it",
        ),
        (
            archive(ONE_INLINE),
            "1.20.0",
            "1.19.2",
            "1.20",
            "an HNSW index with `inline_storage` as Qdrant 1.20 writes it",
        ),
        (
            archive(params(), storage_types=frozenset({"InRamChunkedMmap", "InRamMmap"})),
            "1.19.0",
            "1.16.3",
            "1.17",
            "vectors stored as `InRamMmap`",
        ),
        (
            archive(params(), payload_schema=UNSTEMMED),
            "1.19.0",
            "1.18.3",
            "1.19",
            "a text index with stemmer `none`",
        ),
    ],
)
def test_what_an_older_server_cannot_load_is_refused_by_configuration(
    candidate: Archive, *, maker: str, newest_refused: str, first: str, feature: str
) -> None:
    """Before anything is sent: a server answers 200 to some of these and restores no points, another one panics."""
    with pytest.raises(IncompatibleError) as refused:
        check_compatibility(candidate, file="x", server=version(newest_refused), manifest=made_by(maker))
    assert refused.value.message == (
        f"snapshot 'x' has {feature}, which Qdrant {newest_refused} cannot load: {first} is the first"
    )
    check_compatibility(candidate, file="x", server=version(first), manifest=made_by(maker))


@pytest.mark.parametrize(
    ("candidate", "maker"),
    [
        (archive(INLINE), "1.19.0"),
        (archive(INLINE), ""),
        (archive(params(id_tracker={"memory": "cached"})), "1.20.0"),
        (archive(params(vectors={"turbo": VECTOR})), "1.18.3"),
        (archive({**params(), "metadata": {"datatype": "turbo4", "inline_storage": True}}), "1.20.0"),
        (archive(params(), payload_schema={"stemmer": {"data_type": "keyword"}}), "1.19.0"),
        (archive({}), "1.20.0"),
    ],
)
def test_what_only_looks_like_it_is_not_refused(candidate: Archive, maker: str) -> None:
    """A vector's name, a collection's own metadata, a value that older servers know, a maker that is not known."""
    manifest = made_by(maker) if maker else None
    check_compatibility(candidate, file="x", server=version("1.18.3"), manifest=manifest)


@pytest.mark.parametrize(
    ("maker", "server"),
    [
        ("1.18.3", "1.18.0"),
        ("1.18.0", "1.18.3"),
        ("1.18.3-embedded", "1.18.3"),
        ("1.17.1", "1.18.3"),
        ("1.19.2", "1.20.0"),
        ("unknown", "1.18.3"),
    ],
)
def test_the_same_minor_and_the_next_one_are_supported(maker: str, server: str) -> None:
    """Upstream's rule since August 2026."""
    found = check_compatibility(archive(params()), file="x", server=version(server), manifest=made_by(maker))
    assert found is None


@pytest.mark.parametrize(
    ("maker", "server"), [("1.16.3", "1.18.3"), ("1.18.3", "1.17.1"), ("1.18.3", "2.18.3"), ("1.20.0", "1.18.3")]
)
def test_every_other_distance_is_a_gap_and_no_error(maker: str, server: str) -> None:
    """Often fine, never certain: what becomes of it is decided where it is known what could be lost."""
    found = check_compatibility(archive(params()), file="x", server=version(server), manifest=made_by(maker))
    assert found == VersionGap(version(maker), version(server))
