"""Which snapshots are kept and why, and deleting the others.

Pure: decision, outcome, pin, rule.
"""
