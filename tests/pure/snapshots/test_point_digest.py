"""The digest of a point: what must not change it, and what must."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from restore.snapshots.point_digest import digest_point

FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = st.dictionaries(st.text(), JSON, max_size=4)
VECTORS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=6)


@given(PAYLOADS, VECTORS)
def test_the_order_of_keys_does_not_change_it(payload: dict[str, Any], vector: list[float]) -> None:
    """Servers keep no order of keys."""
    turned = dict(reversed(payload.items()))
    assert digest_point(turned, vector) == digest_point(payload, vector)


def test_one_unit_in_the_last_place_of_a_double_does_not_change_it() -> None:
    """The server's optimiser rewrote small doubles by one ulp: 1,994 of 3,000 points."""
    number = 0.1234567890123456
    assert digest_point({"n": math.nextafter(number, 1)}, None) == digest_point({"n": number}, None)


@given(FINITE)
def test_a_number_of_any_size_has_a_digest(number: float) -> None:
    """Rounded by its mantissa, so no double overflows; minus zero is zero."""
    assert digest_point({"n": number}, None) == digest_point({"n": number + 0.0}, None)


@given(VECTORS)
def test_a_vector_is_compared_as_float32_whatever_its_text(vector: list[float]) -> None:
    """The two engines print the same float32 differently."""
    printed = [float(f"{value:.9g}") for value in vector]
    assert digest_point({}, printed) == digest_point({}, vector)


@given(PAYLOADS, PAYLOADS)
def test_another_payload_has_another_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Unless the two are equal to within float32's rounding."""
    assume(
        repr(sorted(one.items())) != repr(sorted(other.items())) and not _holds_float(one) and not _holds_float(other)
    )
    assert digest_point(one, None) != digest_point(other, None)


def _holds_float(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_float, value.values())) or len(value) > 1
    return any(map(_holds_float, value)) if isinstance(value, list) else isinstance(value, float)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": None}, {}),
        ({"a": ["b", "c"]}, {"a": ["bc"]}),
        ({"a": "b", "c": "d"}, {"a": "bc", "": "d"}),
        ({"a": [[1], 2]}, {"a": [[1, 2]]}),
        ({"a": 0.5}, {"a": 0.5000002}),
    ],
)
def test_payloads_that_look_alike_differ(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Types, borders between texts, nesting and the seventh digit all count."""
    assert digest_point(one, None) != digest_point(other, None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1.0, 2.0], [2.0, 1.0]),
        ([1.0, 2.0], [1.0, 2.0, 0.0]),
        ([1.0, 2.0], [1.0, math.nextafter(2.0, 3) + 1e-6]),
        ([[1.0], [2.0]], [[1.0, 2.0]]),
        ({"a": [1.0]}, {"b": [1.0]}),
        ({"a": [1.0]}, [1.0]),
        ({"indices": [1], "values": [2.0]}, {"indices": [2], "values": [2.0]}),
        (None, [0.0]),
    ],
)
def test_vectors_that_look_alike_differ(one: object, other: object) -> None:
    """Order, number, nesting, names and indices all count."""
    assert digest_point({}, one) != digest_point({}, other)


def test_the_order_of_a_sparse_vectors_indices_does_not_change_it() -> None:
    """A sparse vector is a set of pairs."""
    one = {"words": {"indices": [7, 3], "values": [0.5, 1.5]}}
    other = {"words": {"indices": [3, 7], "values": [1.5, 0.5]}}
    assert digest_point({}, one) == digest_point({}, other)


def test_a_digest_stays_what_it_was_in_older_manifests() -> None:
    """A manifest of today is compared by a program of tomorrow: this may only change with the manifest's schema."""
    point = {"name": "Ålesund", "pop": 66258, "at": [62.47, 6.15], "ok": True, "note": None}
    assert digest_point(point, [0.25, -0.5, 1.0]) == "839401a4d00258656aa21f5d108cb17e"


def test_a_vector_with_a_value_that_is_no_number_has_a_digest() -> None:
    """JSON has no NaN: the server writes null."""
    assert digest_point({}, [0.5, None]) != digest_point({}, [0.5, 0.0])
