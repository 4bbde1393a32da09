"""The pytest plugin: a session fixture `qdrant`, filled from a directory of snapshots.

Installed with the package; without a test that uses the fixture it loads nothing. Snapshots come from
`pytest --qdrant-seed tests/fixtures`, or from `qdrant_seed = tests/fixtures` in the ini file.
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
    """Yield a Qdrant for the whole session: `.url`, `.api_key`, `.seed(directory)`.

    Filled by the installed `qdrant-restore` from `--qdrant-seed` or the ini's `qdrant_seed`. Collections that have
    points are left alone.
    """
    from qdrant_embedded.fixture import open_qdrant  # noqa: PLC0415 - costs nothing unless the fixture is used

    config = request.config
    url = config.getoption("--qdrant-url") or os.environ.get("QDRANT_URL") or None
    requested = config.getoption("--qdrant-server") or url
    directories = config.getoption("--qdrant-seed")
    seeds = (
        [config.invocation_params.dir / Path(one) for one in directories]
        if directories
        else config.getini("qdrant_seed")
    )
    with open_qdrant(requested, tmp_path_factory.mktemp("qdrant")) as server:
        for directory in seeds:
            server.seed(directory)
        yield server
