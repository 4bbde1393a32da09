"""An emulation of Qdrant's HTTP API over the real storage engine, for demos, tests and CI.

It is not a Qdrant server, and its version says so. The engine (`qdrant-edge-py`) stores and searches; the HTTP
answers, the snapshots and the recovery follow the recorded answers of a Qdrant 1.18.3. What is not emulated is
answered with 501. Never keep data in it that you cannot lose.
"""

EMULATED_VERSION = "1.18.3"
VERSION = f"{EMULATED_VERSION}-embedded"
TITLE = "qdrant - vector search engine (embedded emulation, not a Qdrant server)"
