"""Restore, snapshot and verify Qdrant collections."""

__version__ = "0.1.0"
