"""The collections of a storage directory, on Qdrant's engine. Knows nothing of HTTP."""
