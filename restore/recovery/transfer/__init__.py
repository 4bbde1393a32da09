"""How a snapshot is sent, and waiting until nothing is coming any more.

Pure: routes.
"""
