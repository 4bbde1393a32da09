"""`snapshot`: make a checked file of each collection, and point latest at it.

Pure: promotion, report.
"""
