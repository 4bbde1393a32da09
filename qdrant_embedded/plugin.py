"""The pytest plugin: a session fixture `qdrant`, filled from a directory of snapshots.

Installed with the package; without a test that uses the fixture it loads nothing. Snapshots come from
`pytest --qdrant-seed tests/fixtures`, or from `qdrant_seed = tests/fixtures` in the ini file.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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
    parser.addini(
        "qdrant_allow_remote", "let tests write into the Qdrant at QDRANT_URL on another machine", type="bool"
    )


@pytest.fixture(scope="session")
def qdrant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qdrant]:
    """Yield a Qdrant for the whole session: `.url`, `.api_key`, `.seed(directory)`, `.reset()`.

    Filled by the installed `qdrant-restore` from `--qdrant-seed` or the ini's `qdrant_seed`. Collections that have
    points are left alone. A server of `QDRANT_URL` that is not on this machine needs the ini's `qdrant_allow_remote`.
    """
    # Costs nothing unless the fixture is used.
    from qdrant_embedded.fixture import SeedError, is_loopback, open_qdrant  # noqa: PLC0415
    from qdrant_embedded.process import StartError  # noqa: PLC0415

    config = request.config
    exported = os.environ.get("QDRANT_URL", "")
    requested = config.getoption("--qdrant-server") or config.getoption("--qdrant-url") or exported or None
    if requested and requested == exported and not is_loopback(exported) and not config.getini("qdrant_allow_remote"):
        pytest.fail(
            f"QDRANT_URL leads to {urlsplit(exported).hostname or exported}, which is not this machine, and tests "
            "write there; allow it with qdrant_allow_remote = true in the ini file, or unset QDRANT_URL",
            pytrace=False,
        )
    directories = config.getoption("--qdrant-seed")
    seeds = tuple(
        [config.invocation_params.dir / Path(one) for one in directories]
        if directories
        else config.getini("qdrant_seed")
    )
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(open_qdrant(requested, tmp_path_factory.mktemp("qdrant"), seeds))
            for directory in seeds:
                server.seed(directory)
        except (SeedError, StartError, OSError, ValueError) as error:
            pytest.fail(f"no Qdrant for the tests: {error}", pytrace=False)
        yield server
