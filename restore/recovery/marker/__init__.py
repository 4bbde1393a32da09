"""The marker of a restore in progress: what it says, taking one, watching another's.

Pure: model.
"""
