"""An emulation of Qdrant's HTTP API over the real storage engine, for demos, tests and people's CI.

It is not a Qdrant server and says so in its version. The engine (`qdrant-edge-py`) stores and searches; the HTTP
answers, the snapshots and the recovery are written here after what a Qdrant 1.18.3 was recorded to answer. What it
does not do it answers with 501. Never keep data in it that you cannot lose.
"""

EMULATED_VERSION = "1.18.3"
VERSION = f"{EMULATED_VERSION}-embedded"
TITLE = "qdrant - vector search engine (embedded emulation, not a Qdrant server)"
