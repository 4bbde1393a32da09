"""`restore`: bring every wanted collection up, or say which is not there and why.

Pure: aliases, report.
"""
