"""`prune`: delete the snapshots that the retention rule does not keep.

Pure: report.
"""
