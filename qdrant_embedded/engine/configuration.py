"""A collection's configuration: parse a creation, apply a patch, format it as the server does."""

from __future__ import annotations

from typing import Any

from qdrant_embedded.errors import bad_json, wrong_input

Configuration = dict[str, Any]

DISTANCES = frozenset({"Cosine", "Euclid", "Dot", "Manhattan"})
HNSW = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, "max_indexing_threads": 0, "on_disk": False}
OPTIMIZERS = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1000,
    "default_segment_number": 0,
    "max_segment_size": None,
    "memmap_threshold": None,
    "indexing_threshold": 10000,
    "flush_interval_sec": 5,
    "max_optimization_threads": None,
    "prevent_unoptimized": None,
}
WAL = {"wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1}


def drop_nulls(given: dict[str, Any]) -> dict[str, Any]:
    """Return the dict without its nulls, nested ones included, as the server keeps vector parameters."""
    return {
        key: drop_nulls(value) if isinstance(value, dict) else value
        for key, value in given.items()
        if value is not None
    }


def merge(base: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    """Return the base updated with the given values; a null leaves the base unchanged."""
    return {**base, **{key: value for key, value in (given or {}).items() if value is not None}}


def parse_vectors(given: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the client sent
    """Return dense vector parameters, one unnamed or several by name. Raise ApiError 400."""
    error = bad_json("data did not match any variant of untagged enum VectorsConfig at line 1 column 1")
    if not isinstance(given, dict):
        raise error
    each = [given] if "size" in given or "distance" in given else list(given.values())
    for one in each:
        if not isinstance(one, dict):
            raise error
        size, distance = one.get("size"), one.get("distance")
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 65536:  # noqa: PLR2004
            raise error
        if distance not in DISTANCES:
            raise error
    return drop_nulls(given)


def parse_creation(body: dict[str, Any]) -> Configuration:
    """Return the configuration that a creation body asks for, with the server's defaults."""
    params: dict[str, Any] = {
        "vectors": parse_vectors(body.get("vectors") or {}),
        "shard_number": body.get("shard_number") or 1,
        "replication_factor": body.get("replication_factor") or 1,
        "write_consistency_factor": body.get("write_consistency_factor") or 1,
        "on_disk_payload": body.get("on_disk_payload", True) is not False,
    }
    if body.get("sharding_method"):
        params["sharding_method"] = body["sharding_method"]
    if body.get("sparse_vectors"):
        params["sparse_vectors"] = drop_nulls(body["sparse_vectors"])
    configuration: Configuration = {
        "params": params,
        "hnsw_config": merge(HNSW, body.get("hnsw_config")),
        "optimizer_config": merge(OPTIMIZERS, body.get("optimizers_config")),
        "wal_config": merge(WAL, body.get("wal_config")),
        "quantization_config": body.get("quantization_config"),
        "uuid": None,
    }
    if body.get("strict_mode_config"):
        configuration["strict_mode_config"] = body["strict_mode_config"]
    if body.get("metadata"):
        configuration["metadata"] = drop_top_level_nulls(body["metadata"])
    return configuration


def drop_top_level_nulls(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata without keys whose value is null; a null further inside is a value."""
    return {key: value for key, value in metadata.items() if value is not None}


def apply_patch(configuration: Configuration, body: dict[str, Any]) -> Configuration:
    """Return the configuration after a PATCH: metadata merges by top-level key, and null deletes a key."""
    result = dict(configuration)
    if body.get("metadata") is not None:
        if not isinstance(body["metadata"], dict):
            raise bad_json("invalid type, expected a map")
        result["metadata"] = drop_top_level_nulls({**result.get("metadata", {}), **body["metadata"]})
    for theirs, ours in (("hnsw_config", "hnsw_config"), ("optimizers_config", "optimizer_config")):
        if body.get(theirs):
            result[ours] = merge(result[ours], body[theirs])
    for key in ("quantization_config", "strict_mode_config"):
        if body.get(key):
            result[key] = body[key]
    if body.get("params"):
        result["params"] = merge(result["params"], body["params"])
    if isinstance(body.get("vectors"), dict):
        result["params"] = {**result["params"], "vectors": patch_vectors(result["params"]["vectors"], body)}
    return result


def patch_vectors(vectors: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Return vector parameters with changes by name; the unnamed vector's name is empty. Raise ApiError 400."""
    known = {""} if "size" in vectors else set(vectors)
    for name in body["vectors"].keys() - known:
        raise wrong_input(f"Not existing vector name error: {name}")
    if "size" in vectors:
        return merge(vectors, body["vectors"].get(""))
    return {name: merge(one, body["vectors"].get(name)) for name, one in vectors.items()}


def to_json(configuration: Configuration) -> dict[str, Any]:
    """Return the configuration as `GET /collections/…` prints it."""
    keys = ("params", "hnsw_config", "optimizer_config", "wal_config", "quantization_config")
    result = {key: configuration.get(key) for key in keys}
    for key in ("strict_mode_config", "metadata"):
        if configuration.get(key):
            result[key] = configuration[key]
    return result


def format_vectors_as_rust(vectors: dict[str, Any]) -> str:
    """Return vector parameters as the server's error messages print them."""
    if "size" in vectors:
        return f"Single({format_vector_as_rust(vectors)})"
    inside = ", ".join(f'"{name}": {format_vector_as_rust(one)}' for name, one in sorted(vectors.items()))
    return f"Multi({{{inside}}})"


def format_vector_as_rust(one: dict[str, Any]) -> str:
    """Return one vector's parameters in that form; a set value is `Some(…)`."""
    optional = ("hnsw_config", "quantization_config", "on_disk", "datatype", "multivector_config")
    rest = ", ".join(f"{key}: {format_option_as_rust(one.get(key))}" for key in optional)
    return f"VectorParams {{ size: {one['size']}, distance: {one['distance']}, {rest} }}"


def format_option_as_rust(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return `None` or `Some(…)`; nested objects only roughly."""
    if value is None:
        return "None"
    text = str(value).lower() if isinstance(value, bool) else str(value).capitalize()
    return f"Some({text})"
