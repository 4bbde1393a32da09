"""`pin` and `unpin`: exempt a snapshot from every retention rule, and say why.

Pure: report.
"""
