"""Process and platform: clock, signals, files, retries, text. Knows nothing of Qdrant or snapshots.

Pure: events, secret, text.
"""
