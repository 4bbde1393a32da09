"""The groups of settings, by topic; the declaration of a field is that of its option.

Pure: collections, limits, monitoring, output, policies, retention, schedule, server, store, table, verification.
"""
