"""Where snapshots rest: the protocols, directories, buckets, a fallback over several stores.

Pure: layout, location, protocols.
"""
