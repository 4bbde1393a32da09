"""Payload indexes: parse a schema, convert it to the engine, format it as the server does."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge

from qdrant_embedded.errors import bad_json

KINDS = ("keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid")
ENGINE_PARAMETERS = (
    *("is_tenant", "is_principal", "on_disk", "enable_hnsw", "lookup", "range"),
    *("lowercase", "min_token_len", "max_token_len", "ascii_folding", "phrase_matching"),
)
"""Parameters of an index that are passed to the engine."""
SHOWN_DEFAULTS: dict[str, dict[str, Any]] = {
    "integer": {"lookup": None, "range": None, "is_principal": None},
    "float": {"is_principal": None},
    "datetime": {"is_principal": None},
    "text": {"tokenizer": "word"},
}
"""Parameters that the server prints even if they were not set."""


def parse_schema(schema: Any) -> str | dict[str, Any]:  # noqa: ANN401 - whatever the client sent
    """Return a type name, or parameters with a type, as the collection stores it. Raise ApiError 400."""
    kind = schema.get("type") if isinstance(schema, dict) else schema
    if kind not in KINDS:
        raise bad_json("data did not match any variant of untagged enum PayloadFieldSchema")
    if isinstance(schema, dict):
        given = {key: value for key, value in schema.items() if value is not None}
        return {"type": kind, **SHOWN_DEFAULTS.get(kind, {}), **given}
    return str(schema)


def to_engine(schema: str | dict[str, Any]) -> Any:  # noqa: ANN401 - engine type
    """Return the engine's type or parameters; parameters that it does not know are dropped."""
    if isinstance(schema, str):
        return getattr(edge.PayloadSchemaType, schema.capitalize())
    kind = schema["type"]
    parameters = getattr(edge, f"{kind.capitalize()}IndexParams")
    given = {key: schema[key] for key in ENGINE_PARAMETERS if schema.get(key) is not None}
    if kind == "text":
        given["tokenizer"] = getattr(edge.TokenizerType, str(schema.get("tokenizer", "word")).capitalize())
    return parameters(**given)


def to_json(schema: str | dict[str, Any], points: int) -> dict[str, Any]:
    """Return one entry of `payload_schema`."""
    if isinstance(schema, str):
        return {"data_type": schema, "points": points}
    return {"data_type": schema["type"], "params": schema, "points": points}
