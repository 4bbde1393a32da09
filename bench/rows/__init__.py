"""The rows of the tables, one module for each kind."""
