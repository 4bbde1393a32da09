"""Pure functions from values to values: settings, plans, comparisons, reports."""
