"""Comparing what stands there with what was promised: what fails, what is only told, what is not looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.qdrant.model import UnreadableCollection
from restore.recovery.comparison import Comparison, Observation, compare, find_shape_differences, make_expectation
from restore.recovery.request import Expectation, SnapshotCandidate, Unshown
from restore.snapshots.archive import Archive, ArchiveKind
from restore.snapshots.manifest import Sample
from tests.pure.recovery.test_plan import CONFIG, make_info, make_offer

SAMPLES = (Sample(1, "a" * 32), Sample("b-uuid", "b" * 32))
DIGESTS: dict[int | str, str] = {1: "a" * 32, "b-uuid": "b" * 32}
STRICT: dict[str, Any] = {**CONFIG, "strict_mode_config": {"enabled": False}}
PERCENT: dict[str, Any] = {**CONFIG, "strict_mode_config": {"enabled": False, "max_disk_usage_percent": 90}}
HNSW = "its hnsw_config.m is 16, the snapshot's 8"
SCHEMA = {"name": {"data_type": "keyword"}}


def promise(**changes: Any) -> Expectation:  # noqa: ANN401 - its fields
    """Return the expectation from a manifest with two samples."""
    fields: dict[str, Any] = {
        "points": 43,
        "points_exact": True,
        "may_be_empty": False,
        "config": CONFIG,
        "payload_schema": SCHEMA,
        "samples": SAMPLES,
    }
    return Expectation(**(fields | changes))


def find(points: int = 43, digests: dict[int | str, str] | None = None, **info: Any) -> Observation:  # noqa: ANN401 - its fields
    """Return a collection as it was read."""
    fields: dict[str, Any] = {"config": CONFIG, "payload_schema": SCHEMA} | info
    return Observation(info=make_info(**fields), points=points, digests=DIGESTS if digests is None else digests)


def with_params(**params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the configuration with other parameters."""
    return {**CONFIG, "params": {**CONFIG["params"], **params}}


def test_what_was_promised_is_whole() -> None:
    """No difference, no warning."""
    assert compare(promise(), find(), samples_read=True) == Comparison()


@pytest.mark.parametrize(
    ("promised", "found", "difference"),
    [
        (promise(), None, "it is not there"),
        (promise(), UnreadableCollection("Dirty shard"), "it does not answer (Dirty shard)"),
        (promise(), find(42), "42 of 43 points"),
        (promise(), find(44), "44 of 43 points"),
        (promise(points=1200), find(0), "0 of 1,200 points"),
        (promise(points_exact=False), find(0), "0 of 43 points"),
        (promise(points=None), find(0), "it has no points, the snapshot has some"),
        (
            promise(points=None, fewest=21),
            find(3),
            "it has 3 points, less than half of what the snapshot has room for",
        ),
        (promise(), find(status="red"), "its status is red"),
        (promise(), find(optimizer_status="no disk"), "its optimizer failed (no disk)"),
        (promise(), find(digests={1: "a" * 32}), "1 of 2 sampled points missing (b-uuid)"),
        (promise(), find(digests=DIGESTS | {1: "c" * 32}), "1 of 2 sampled points changed (1)"),
        (
            promise(samples=tuple(Sample(number, "a") for number in range(5))),
            find(digests={}),
            "5 of 5 sampled points missing (0, 1, 2, …)",
        ),
        (
            promise(config=with_params(vectors={"size": 8, "distance": "Cosine"})),
            find(),
            'its vectors are {"size":4,"distance":"Cosine"}, the snapshot\'s {"size":8,"distance":"Cosine"}',
        ),
        (promise(config=with_params(shard_number=3)), find(), "its number of shards is 1, the snapshot's 3"),
        (
            promise(config=PERCENT),
            find(config=STRICT),
            "its strict_mode_config.max_disk_usage_percent is null, the snapshot's 90",
        ),
        (
            promise(config={**CONFIG, "hnsw_config": {"m": 8}}, unshown=Unshown.WARNS),
            find(config={**CONFIG, "hnsw_config": {"m": None}}),
            "its hnsw_config.m is null, the snapshot's 8",
        ),
        (promise(config={**CONFIG, "hnsw_config": {"m": 8}}, unshown=Unshown.WARNS), find(), HNSW),
        (promise(config={**CONFIG, "hnsw_config": {"m": 8}}, unshown=Unshown.IGNORED), find(), HNSW),
        (promise(config={**CONFIG, "hnsw_config": {"m": 8}}), find(), "its hnsw_config.m is 16, the snapshot's 8"),
        (
            promise(payload_schema={"name": {"data_type": "text"}}),
            find(),
            "its payload index 'name' is keyword, the snapshot's text",
        ),
    ],
)
def test_a_difference_fails(
    promised: Expectation, found: Observation | UnreadableCollection | None, difference: str
) -> None:
    """Rule 6: each by itself, in words that have both sides."""
    comparison = compare(promised, found, samples_read=True)
    assert (comparison.differences, comparison.is_whole) == ((difference,), False)


@pytest.mark.parametrize(
    ("promised", "found", "warning"),
    [
        (promise(), find(status="yellow"), "it is yellow: usable, and still being optimised by the server"),
        (promise(), find(status="grey"), "it is grey: usable, and still being optimised by the server"),
        (
            promise(config=PERCENT, unshown=Unshown.WARNS),
            find(config=STRICT),
            "the snapshot's strict_mode_config.max_disk_usage_percent is 90, and this server shows no such setting",
        ),
        (
            promise(config=with_params(payload={"memory": "cold"}), unshown=Unshown.WARNS),
            find(),
            'the snapshot\'s params.payload is {"memory":"cold"}, and this server shows no such setting',
        ),
        (
            promise(points_exact=False),
            find(50),
            "50 of 43 points, and the count was taken while points were being written",
        ),
    ],
)
def test_what_is_no_loss_is_only_told(promised: Expectation, found: Observation, warning: str) -> None:
    """Rule 6: reported, and not waited for."""
    assert compare(promised, found, samples_read=True) == Comparison((), (warning,))


@pytest.mark.parametrize(
    ("promised", "found"),
    [
        (promise(config={**CONFIG, "uuid": "x"}), find()),
        (promise(config={**CONFIG, "quantization_config": None}), find()),
        (promise(config=with_params(read_fan_out_factor=2, read_fan_out_delay_ms=50)), find()),
        (promise(config={**CONFIG, "created_at": "2026-10-22T00:00:00Z"}), find()),
        (promise(config=PERCENT, unshown=Unshown.IGNORED), find(config=STRICT)),
        (promise(config=PERCENT, unshown=Unshown.WARNS, keeps_settings=True), find(config=STRICT)),
        (promise(payload_schema={**SCHEMA, "gone": {"data_type": "geo"}}), find()),
        (promise(), find(payload_schema={**SCHEMA, "more": {"data_type": "geo"}})),
        (promise(keeps_settings=True), find(config={**CONFIG, "hnsw_config": {"m": 24}})),
        (promise(points=None, may_be_empty=True), find(0)),
        (promise(points=None), find(1)),
        (promise(config={}), find()),
    ],
)
def test_what_decides_nothing_is_not_compared(promised: Expectation, found: Observation) -> None:
    """Written into an archive and never shown, put back later, or the collection's own affair."""
    assert compare(promised, found, samples_read=True) == Comparison()


def test_samples_that_were_not_read_are_not_missing() -> None:
    """Policy `verify: counts`."""
    assert compare(promise(), find(digests={}), samples_read=False) == Comparison()


SIZES, DISTANCES = st.integers(1, 8), st.sampled_from(["Cosine", "Dot", "Euclid"])
VECTOR = st.fixed_dictionaries({"size": SIZES, "distance": DISTANCES})


@given(VECTOR, st.booleans(), st.sampled_from([None, "float32"]))
def test_how_vectors_are_kept_is_not_their_shape(vector: dict[str, Any], on_disk: int, datatype: str | None) -> None:
    """What decides a point: size, distance, datatype, comparator. What does not: where it lies, how it is indexed."""
    kept = vector | {"on_disk": bool(on_disk), "hnsw_config": {"m": 8}, "datatype": datatype}
    assert find_shape_differences(with_params(vectors=vector), with_params(vectors=kept)) == []
    assert find_shape_differences(with_params(vectors=vector), with_params(vectors={"": kept})) == []


@given(VECTOR, VECTOR)
def test_another_size_or_distance_is_another_shape(one: dict[str, Any], other: dict[str, Any]) -> None:
    """And the same is the same."""
    assert (find_shape_differences(with_params(vectors=one), with_params(vectors=other)) == []) == (one == other)


@pytest.mark.parametrize(
    "params",
    [
        {"vectors": {"size": 4, "distance": "Cosine", "datatype": "float16"}},
        {"vectors": {"size": 4, "distance": "Cosine", "multivector_config": {"comparator": "max_sim"}}},
        {"vectors": {"named": {"size": 4, "distance": "Cosine"}}},
        {"vectors": {}},
        {"sparse_vectors": {"s": {}}},
        {"shard_number": 2},
    ],
)
def test_every_part_of_a_shape_counts(params: dict[str, Any]) -> None:
    """A recover onto another shape fails half-way or gives other points."""
    assert len(find_shape_differences(CONFIG, with_params(**params))) == 1


def make_archive(point_slots: int) -> Archive:
    """Return the result of an archive scan."""
    return Archive(
        kind=ArchiveKind.COLLECTION,
        size=1,
        config=CONFIG,
        payload_schema={},
        shards=(),
        custom_sharding=False,
        rocksdb="",
        forbidden=(),
        point_slots=point_slots,
    )


@pytest.mark.parametrize(
    ("slots", "answered", "may_be_empty", "fewest"),
    [(43, 1, False, 0), (43, 0, False, 21), (0, 1, True, 0), (0, 0, True, 0)],
)
def test_without_a_manifest_the_archive_promises(slots: int, answered: int, may_be_empty: int, fewest: int) -> None:
    """Less can be checked; most carefully where no answer of the server vouches for it."""
    candidate = SnapshotCandidate(stored=make_offer().stored, archive=make_archive(slots))
    promised = make_expectation(candidate, keeps_settings=False, samples=32, answered=bool(answered))
    assert (promised.points, promised.may_be_empty, promised.fewest) == (None, bool(may_be_empty), fewest)
    assert (promised.config, promised.samples) == (CONFIG, ())


def test_no_more_samples_are_promised_than_asked_for() -> None:
    """Setting `samples`."""
    candidate = make_offer()
    assert candidate.manifest is not None
    assert make_expectation(candidate, keeps_settings=False, samples=3).samples == candidate.manifest.samples[:3]
