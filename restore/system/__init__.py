"""Process and platform: clock, signals, files, retries, text. Nothing here knows Qdrant or snapshots.

Pure: events, secret, text.
"""
