"""Where snapshots rest: the protocols, directories, buckets, several stores in an order.

Pure: layout, location, protocols.
"""
