"""Sets: the snapshots that one run of `snapshot` made, named in one document.

Pure: document, selection.
"""
