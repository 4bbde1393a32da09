"""`serve`: jobs by schedule in one long-running process, with health and metrics over HTTP.

Pure: health, slots.
"""
