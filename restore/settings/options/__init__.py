"""The tables of options, by topic.

Pure: collections, connection, daemon, kinds, limits, output, policies, retention, store, table, verification.
"""
