"""Create a snapshot on a server, download it, and leave nothing behind there: docs/protocol.md, Snapshot.

Pure: journal_document.
"""
