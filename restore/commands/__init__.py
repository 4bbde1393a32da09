"""One package for each command, and what all commands share. Commands never import each other.

Pure: outcome.
"""
