"""Compare a restored collection with what its snapshot promised."""

from typing import Any

import msgspec

from restore.qdrant.model import CollectionInfo, UnreadableCollection
from restore.recovery.request import Expectation, SnapshotCandidate, Unshown
from restore.system.text import format_count, truncate_middle

# Named here: they decide what a point is. Everything else in a configuration is how it is kept.
_SHAPE = {"vectors": "vectors are", "sparse_vectors": "sparse vectors are", "shard_number": "number of shards is"}
# Written into an archive, of the collection and not of its copy, or not restored by the server (qdrant
# lib/storage collection_meta_ops.rs): `finish` puts the read fan-out back.
_NOT_COMPARED = frozenset({"uuid", "created_at", "read_fan_out_factor", "read_fan_out_delay_ms", "metadata"})


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A collection as it was read for a comparison. `points` is exact and includes deferred ones.

    `digests` holds those of the promised samples that were read, by id.
    """

    info: CollectionInfo
    points: int
    digests: dict[int | str, str] = {}


class Comparison(msgspec.Struct, frozen=True):
    """What a comparison gave: `differences` make it fail, `warnings` are only told."""

    differences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True if nothing differs."""
        return not self.differences


def make_expectation(
    candidate: SnapshotCandidate, *, keeps_settings: bool, samples: int, answered: bool = True
) -> Expectation:
    """Return what a restore of this snapshot must give: what the manifest says, else what the archive shows.

    Of the manifest's samples, at most `samples` are asked for. When the server never `answered` that it recovered
    all of it, points written into a half-made collection must not pass for the snapshot's: without a
    manifest at least half of those that the archive has room for are asked for (a fifth may be deleted ones).
    """
    manifest, archive = candidate.manifest, candidate.archive
    if manifest:
        return Expectation(
            points=manifest.points,
            points_exact=manifest.points_exact,
            may_be_empty=manifest.points == 0,
            config=manifest.config,
            payload_schema=manifest.payload_schema,
            samples=manifest.samples[:samples],
            keeps_settings=keeps_settings,
            unshown=Unshown.WARNS if candidate.other_version else Unshown.DIFFERS,
        )
    return Expectation(
        points=None,
        points_exact=False,
        may_be_empty=archive is None or archive.may_be_empty,
        fewest=archive.point_slots // 2 if archive and not answered else 0,
        config=archive.config if archive else {},
        payload_schema={},
        keeps_settings=keeps_settings,
        # An archive has settings that no server shows.
        unshown=Unshown.IGNORED,
    )


def compare(
    expectation: Expectation, found: Observation | UnreadableCollection | None, *, samples_read: bool
) -> Comparison:
    """Compare. `found` is None when the collection is not there; `samples_read` says that samples were asked for."""
    if found is None:
        return Comparison(("it is not there",))
    if isinstance(found, UnreadableCollection):
        return Comparison((f"it does not answer ({found.reason})",))
    differences = [*_compare_status(found.info), *_compare_config(expectation, found.info)]
    counted, warnings = _compare_points(expectation, found.points)
    differences += counted
    if expectation.unshown is Unshown.WARNS and not expectation.keeps_settings:
        warnings += _find_unshown(expectation.config, found.info)
    if found.info.status in {"yellow", "grey"}:
        warnings.append(f"it is {found.info.status}: usable, and still being optimised by the server")
    if samples_read:
        differences += _compare_samples(expectation, found)
    return Comparison(tuple(differences), tuple(warnings))


def _compare_status(info: CollectionInfo) -> list[str]:
    found = []
    if info.status == "red":
        found.append("its status is red")
    if info.optimizer_status != "ok":
        found.append(f"its optimizer failed ({info.optimizer_status})")
    return found


def _compare_points(expectation: Expectation, points: int) -> tuple[list[str], list[str]]:
    if expectation.points is None:
        if points == 0 and not expectation.may_be_empty:
            return ["it has no points, the snapshot has some"], []
        if points < expectation.fewest:
            return [f"it has {format_count(points, 'point')}, less than half of what the snapshot has room for"], []
        return [], []
    if points == expectation.points:
        return [], []
    words = f"{points:,} of {format_count(expectation.points, 'point')}"
    if expectation.points_exact:
        return [words], []
    if points == 0 and expectation.points:
        return [words], []
    return [], [f"{words}, and the count was taken while points were being written"]


def _compare_config(expectation: Expectation, info: CollectionInfo) -> list[str]:
    if not expectation.config:
        return []
    if expectation.keeps_settings:
        return find_shape_differences(expectation.config, info.config)
    unshown_differ = expectation.unshown is Unshown.DIFFERS
    return find_config_differences(
        expectation.config, expectation.payload_schema, info, unshown_differ=unshown_differ
    )


def _find_unshown(config: dict[str, Any], info: CollectionInfo) -> list[str]:
    """Return a sentence for each setting of the snapshot that the server does not show."""
    return [
        f"the snapshot's {path} is {_show(request)}, and this server shows no such setting"
        for path, request, found in _walk_settings(config, info.config)
        if found is msgspec.UNSET
    ]


def find_config_differences(
    config: dict[str, Any], payload_schema: dict[str, Any], info: CollectionInfo, *, unshown_differ: bool
) -> list[str]:
    """Return how a collection's configuration and the kinds of its payload indexes differ from a snapshot's.

    `unshown_differ`: a setting that the server does not show at all is a difference.
    """
    differences = find_shape_differences(config, info.config)
    differences += [
        f"its {path} is {_show(None if found is msgspec.UNSET else found)}, the snapshot's {_show(request)}"
        for path, request, found in _walk_settings(config, info.config)
        if unshown_differ or found is not msgspec.UNSET
    ]
    for field, index in payload_schema.items():
        found = info.payload_schema.get(field)
        if found and found.get("data_type") != index.get("data_type"):
            differences.append(
                f"its payload index '{field}' is {found.get('data_type')}, the snapshot's {index.get('data_type')}"
            )
    return differences


def find_shape_differences(config: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return how the vectors and shards of `other` differ from those of `config`, a snapshot's; mostly not at all."""
    request, found = _read_params(config), _read_params(other)
    return [
        f"its {words} {_show(found.get(key))}, the snapshot's {_show(request.get(key))}"
        for key, words in _SHAPE.items()
        if _narrow(key, request.get(key)) != _narrow(key, found.get(key))
    ]


def _read_params(config: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that decides its shape; a manifest that a person wrote may have anything."""
    params = config.get("params")
    return params if isinstance(params, dict) else {}


def _narrow(key: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    """Keep of a configuration's part what decides a point's shape: size, distance, datatype, comparator."""
    if key == "shard_number":
        return value or 1
    if not isinstance(value or {}, dict):
        return value
    if key == "sparse_vectors":
        return sorted(value or {})
    vectors = value or {}
    if "size" in vectors:
        vectors = {"": vectors}
    return {name: _narrow_vector(vector) for name, vector in vectors.items()}


def _narrow_vector(vector: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(vector, dict):
        return vector
    datatype = vector.get("datatype") or "float32"
    return (vector.get("size"), vector.get("distance"), datatype, vector.get("multivector_config") or None)


def _compare_samples(expectation: Expectation, found: Observation) -> list[str]:
    missing = [sample.id for sample in expectation.samples if sample.id not in found.digests]
    differing = [
        sample.id for sample in expectation.samples if found.digests.get(sample.id, sample.digest) != sample.digest
    ]
    differences = []
    if missing:
        differences.append(
            f"{len(missing)} of {format_count(len(expectation.samples), 'sampled point')} missing ({_name(missing)})"
        )
    if differing:
        differences.append(
            f"{len(differing)} of {format_count(len(expectation.samples), 'sampled point')} changed "
            f"({_name(differing)})"
        )
    return differences


def _name(ids: list[int | str]) -> str:
    shown = ", ".join(str(one) for one in ids[:3])
    return shown if len(ids) <= 3 else f"{shown}, …"  # noqa: PLR2004 - three are enough to look one up


def _walk_settings(config: dict[str, Any], found: dict[str, Any]) -> list[tuple[str, object, object]]:
    """Return path, expected and found value of every setting outside the shape that the collection has otherwise.

    The found value is `msgspec.UNSET` where the key is not there.
    """
    differing = _walk(config, found, "")
    return [one for one in differing if one[0].removeprefix("params.").split(".")[0] not in _SHAPE]


def _walk(request: dict[str, Any], found: dict[str, Any], prefix: str) -> list[tuple[str, object, object]]:
    differing: list[tuple[str, object, object]] = []
    for key, value in request.items():
        if key in _NOT_COMPARED or value is None:
            continue
        other = found.get(key, msgspec.UNSET)
        path = f"{prefix}{key}"
        if isinstance(value, dict) and isinstance(other, dict):
            differing += _walk(value, other, path + ".")
        elif other in (None, msgspec.UNSET):
            if value not in ({}, [], False):
                differing.append((path, value, other))
        elif value != other:
            differing.append((path, value, other))
    return differing


def _show(value: Any) -> str:  # noqa: ANN401 - JSON
    return truncate_middle(msgspec.json.encode(_prune(value)).decode())


def _prune(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Leave out what is not set, so that a sentence stays short."""
    if isinstance(value, dict):
        return {key: _prune(inner) for key, inner in value.items() if inner is not None}
    return value
