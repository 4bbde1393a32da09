"""Sets: what one run of `snapshot` made, kept in one document.

Pure: document, selection.
"""
