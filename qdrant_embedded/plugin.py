"""The pytest plugin: a session fixture `qdrant`, a Qdrant seeded from a directory of snapshots.

Installed with the package; costs nothing until a test asks for the fixture. `pytest --qdrant-seed tests/fixtures`, or
in the ini file `qdrant_seed = tests/fixtures`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qdrant_embedded.fixture import Qdrant


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the fixture."""
    group = parser.getgroup("qdrant", "the fixture `qdrant`")
    group.addoption(
        "--qdrant-url", metavar="URL", help="a Qdrant that runs already (also QDRANT_URL, with QDRANT_API_KEY)"
    )
    group.addoption(
        "--qdrant-server",
        metavar="KIND",
        help="embedded, container or a URL; default: the URL, else a container if an engine answers, else embedded",
    )
    group.addoption(
        "--qdrant-seed", metavar="DIR", action="append", help="restore the snapshots of this directory into it"
    )
    parser.addini("qdrant_seed", "directories of snapshots to restore into the Qdrant of a session", type="paths")


@pytest.fixture(scope="session")
def qdrant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qdrant]:
    """Give a Qdrant for the whole session: `.url`, `.api_key`, `.seed(directory)`.

    Seeded from `--qdrant-seed` or the ini's `qdrant_seed` by the installed `qdrant-restore`; what is there and
    has points is left alone, as always.
    """
    from qdrant_embedded.fixture import open_qdrant  # noqa: PLC0415 - only who asks for it pays for it

    config = request.config
    url = config.getoption("--qdrant-url") or os.environ.get("QDRANT_URL") or None
    wanted = config.getoption("--qdrant-server") or url
    given = config.getoption("--qdrant-seed")
    seeds = [config.invocation_params.dir / Path(one) for one in given] if given else config.getini("qdrant_seed")
    with open_qdrant(wanted, tmp_path_factory.mktemp("qdrant")) as server:
        for directory in seeds:
            server.seed(directory)
        yield server
