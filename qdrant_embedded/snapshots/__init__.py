"""Snapshot files: create, list, find and recover."""
