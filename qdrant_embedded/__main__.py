"""`python -m qdrant_embedded --storage DIR --port N`."""

from __future__ import annotations

import os
import sys

from qdrant_embedded.settings import read_settings


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read_settings(sys.argv[1:], os.environ)
    try:
        from qdrant_embedded.listener import serve  # noqa: PLC0415 - wrong arguments fail before the engine is loaded
    except ModuleNotFoundError as error:
        how = "pip install 'qdrant-restore[embedded]'"
        sys.stderr.write(f"error: the package '{error.name}' is needed and not installed: {how}\n")
        sys.exit(2)

    serve(settings)


if __name__ == "__main__":
    main()
