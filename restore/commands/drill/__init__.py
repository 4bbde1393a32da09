"""`drill`: restore into a temporary collection, compare, drop it, and record what that proved.

Pure: report, self_search.
"""
