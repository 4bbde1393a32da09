"""`doctor`: look at Qdrant, the store and what lies between.

Pure: finding.
"""
