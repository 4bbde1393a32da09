"""A bucket (S3, GCS, Azure) as a store.

Pure: errors.
"""
