"""`python -m qdrant_embedded --storage DIR --port N`."""

from __future__ import annotations

import os
import sys

from qdrant_embedded.settings import read


def main() -> None:
    """Serve until told to stop."""
    settings = read(sys.argv[1:], os.environ)
    from qdrant_embedded.server import serve  # noqa: PLC0415 - wrong arguments are answered before anything heavy loads

    serve(settings)


if __name__ == "__main__":
    main()
