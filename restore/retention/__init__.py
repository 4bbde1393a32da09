"""Which snapshots are kept and why, and deleting the others.

Pure: model, outcome, pin, rule.
"""
