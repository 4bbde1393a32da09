"""What is known of the files in a store: how one is checked, and the records of checks.

Pure: file_report, record.
"""
