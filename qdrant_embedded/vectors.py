"""Vectors between Qdrant's JSON and the engine, and the engine's configuration of a collection."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge

from qdrant_embedded.answers import wrong_input

PLACEHOLDER = "_"
"""A sparse vector that a vector-less shard is created with and loses at once: the engine creates none without one."""


def engine_configuration(params: dict[str, Any]) -> Any:  # noqa: ANN401 - engine type
    """Give what to create a shard with. Quantization and HNSW are left out: nothing is ever optimised here."""
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
    """Neither dense nor sparse vectors."""
    return not params["vectors"] and not params.get("sparse_vectors")


def dense_parameters(one: dict[str, Any]) -> Any:  # noqa: ANN401 - engine type
    """One dense or multi vector."""
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
    """One sparse vector."""
    index = one.get("index") or {}
    datatype = index.get("datatype")
    return edge.EdgeSparseVectorParams(
        full_scan_threshold=index.get("full_scan_threshold"),
        on_disk=index.get("on_disk"),
        modifier=edge.Modifier.Idf if one.get("modifier") == "idf" else None,
        datatype=getattr(edge.VectorStorageDatatype, datatype.capitalize()) if datatype else None,
    )


def to_engine(vector: Any) -> Any:  # noqa: ANN401 - any of the vector forms
    """Give a point's vector: one dense, one multi, or several by name. Raises Refusal 400."""
    if vector is None:
        return {}
    if isinstance(vector, dict):
        return {name: one_to_engine(one) for name, one in vector.items()}
    return one_to_engine(vector)


def one_to_engine(vector: Any) -> Any:  # noqa: ANN401 - any of the vector forms
    """One vector: numbers, rows of numbers, or indices and values."""
    if isinstance(vector, dict):
        if "indices" not in vector or "values" not in vector:
            raise wrong_input("only dense, sparse and multi vectors are taken here, no inference")
        return edge.SparseVector(indices=vector["indices"], values=vector["values"])
    return vector


def to_json(vector: Any) -> Any:  # noqa: ANN401 - any of the vector forms
    """Translate the other way round; UUIDs and floats are JSON already."""
    if isinstance(vector, dict):
        return {name: to_json(one) for name, one in vector.items()}
    if isinstance(vector, edge.SparseVector):
        return {"indices": list(vector.indices), "values": list(vector.values)}
    return vector
