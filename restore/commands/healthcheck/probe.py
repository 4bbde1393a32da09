"""Ask a running `serve` whether it is healthy. Run every few seconds for years, so it imports next to nothing."""

import os
import socket
import sys

_DEFAULT = "127.0.0.1:6363"
_PATIENCE_SECONDS = 3.0
_NOT_READY = 124
# Where a server that listens everywhere can be reached.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here


def find_address() -> str | None:
    """Return the value of RESTORE_LISTEN, empty for the default; None when a settings file may say something else."""
    if os.environ.get("RESTORE_CONFIG") or os.path.exists("restore.yaml"):  # noqa: PTH110 - pathlib costs 3 ms
        return None
    return os.environ.get("RESTORE_LISTEN", "").strip()


def probe(listen: str) -> int:
    """Return the exit status: 0, or 124 when it is not healthy or does not answer. `listen` empty: the default."""
    host, _, port = (listen or _DEFAULT).rpartition(":")
    host = host.strip("[]")
    answer = b""
    try:
        with socket.create_connection((_EVERYWHERE.get(host, host), int(port)), _PATIENCE_SECONDS) as connected:
            connected.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while block := connected.recv(4096):
                answer += block
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: serve does not answer at {listen or _DEFAULT}: {error}\n")
        return _NOT_READY
    if answer.startswith(b"HTTP/1.1 200 "):
        return 0
    sys.stderr.write(answer.partition(b"\r\n\r\n")[2].decode(errors="replace"))
    return _NOT_READY
