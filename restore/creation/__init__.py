"""Get a snapshot out of a server and leave nothing on it: docs/protocol.md, Snapshot.

Pure: journal_document.
"""
