"""The benchmark: `python -m bench` measures qdrant-restore against curl and hand-written scripts."""
