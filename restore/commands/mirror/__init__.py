"""`mirror`: copy to another store what it lacks.

Pure: report.
"""
