"""Convert vectors and vector parameters between Qdrant's JSON and the engine."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge

from qdrant_embedded.errors import wrong_input

PLACEHOLDER = "_"
"""The engine creates no shard without a vector: a shard without vectors is created with this one, then loses it."""


def to_engine_config(params: dict[str, Any]) -> Any:  # noqa: ANN401 - engine type
    """Return the engine's configuration of a shard. Quantization and HNSW are left out: nothing is ever optimised."""
    vectors = params["vectors"]
    named = {"": vectors} if "size" in vectors else vectors
    dense = {name: dense_parameters(one) for name, one in named.items()}
    sparse = {name: sparse_parameters(one) for name, one in (params.get("sparse_vectors") or {}).items()}
    if not dense and not sparse:
        sparse = {PLACEHOLDER: edge.EdgeSparseVectorParams()}
    return edge.EdgeConfig(
        vectors=dense or None,
        sparse_vectors=sparse or None,
        on_disk_payload=params.get("on_disk_payload", True),
    )


def is_vectorless(params: dict[str, Any]) -> bool:
    """Return whether there are neither dense nor sparse vectors."""
    return not params["vectors"] and not params.get("sparse_vectors")


def dense_parameters(one: dict[str, Any]) -> Any:  # noqa: ANN401 - engine type
    """Convert the parameters of a dense vector or multivector."""
    datatype = one.get("datatype")
    multi = one.get("multivector_config")
    return edge.EdgeVectorParams(
        size=one["size"],
        distance=getattr(edge.Distance, one["distance"]),
        on_disk=one.get("on_disk"),
        multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim) if multi else None,
        datatype=getattr(edge.VectorStorageDatatype, datatype.capitalize()) if datatype else None,
    )


def sparse_parameters(one: dict[str, Any]) -> Any:  # noqa: ANN401 - engine type
    """Convert the parameters of a sparse vector."""
    index = one.get("index") or {}
    datatype = index.get("datatype")
    return edge.EdgeSparseVectorParams(
        full_scan_threshold=index.get("full_scan_threshold"),
        on_disk=index.get("on_disk"),
        modifier=edge.Modifier.Idf if one.get("modifier") == "idf" else None,
        datatype=getattr(edge.VectorStorageDatatype, datatype.capitalize()) if datatype else None,
    )


def to_engine(vector: Any, params: dict[str, Any]) -> Any:  # noqa: ANN401 - any of the vector forms
    """Return a point's vector: one dense, one multivector, or several by name. Raise ApiError 400.

    The engine checks too, but only after the write is in its log, which it replays.
    """
    if vector is None:
        return {}
    if isinstance(vector, dict):
        return {name: check_vector(one, name, params) for name, one in vector.items()}
    return check_vector(vector, "", params)


def check_vector(vector: Any, name: str, params: dict[str, Any]) -> Any:  # noqa: ANN401 - any of the vector forms
    """Return one vector of a point, checked against the parameters of its name. Raise ApiError 400."""
    given = vector_to_engine(vector)
    if name in (params.get("sparse_vectors") or {}):
        if not isinstance(given, edge.SparseVector):
            raise wrong_input("Conversion between sparse and regular vectors failed")
        return given
    vectors = params["vectors"]
    expected = (vectors if name == "" else None) if "size" in vectors else vectors.get(name)
    if expected is None:
        raise wrong_input(f"Not existing vector name error: {name}")
    if isinstance(given, edge.SparseVector):
        raise wrong_input("Conversion between sparse and regular vectors failed")
    is_multi = bool(given) and isinstance(given[0], list)
    if is_multi and not expected.get("multivector_config"):
        raise wrong_input("Conversion between multi and regular vectors failed")
    for row in given if is_multi else [given]:
        if len(row) != expected["size"]:
            raise wrong_input(f"Vector dimension error: expected dim: {expected['size']}, got {len(row)}")
    return given


def vector_to_engine(vector: Any) -> Any:  # noqa: ANN401 - any of the vector forms
    """Convert one vector: numbers, rows of numbers, or indices and values."""
    match vector:
        case {"indices": indices, "values": values}:
            return edge.SparseVector(indices=indices, values=values)
        case dict():
            raise wrong_input("only dense, sparse and multi vectors are taken here, no inference")
        case [[*indices], [*values]] if all(isinstance(one, int) and one >= 0 for one in indices):
            # The server's parser tries sparse before multivector, and takes two arrays for indices and values:
            # [[1, 2], [3, 4]] is refused for a multivector, [[1.0, 2.0], [3.0, 4.0]] is not.
            return edge.SparseVector(indices=indices, values=values)
    return vector


def to_json(vector: Any) -> Any:  # noqa: ANN401 - any of the vector forms
    """Convert a vector from the engine to JSON."""
    if isinstance(vector, dict):
        return {name: to_json(one) for name, one in vector.items()}
    if isinstance(vector, edge.SparseVector):
        return {"indices": list(vector.indices), "values": list(vector.values)}
    return vector
