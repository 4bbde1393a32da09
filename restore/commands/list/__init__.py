"""`list`: what rests in the store.

Pure: report.
"""
