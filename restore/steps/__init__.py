"""One verb each. Steps never import each other."""
