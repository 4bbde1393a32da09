"""`snapshot`: make a checked file of each collection, and let latest point at it.

Pure: promotion, report.
"""
