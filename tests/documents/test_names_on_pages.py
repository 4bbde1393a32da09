"""No page names an option or a variable that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qdrant_embedded import settings as embedded
from restore.settings.options.table import OPTIONS
from restore.settings.unknown import list_variables
from tests.support.pages import list_pages, read
from tests.support.program import ROOT

PAGES = list_pages()
OURS = {flag for row in OPTIONS for flag in row.flags}
OURS |= {f"--no-{row.name}" for row in OPTIONS if row.switch} | {
    f"{row.flags[0]}-file" for row in OPTIONS if row.secret
}
OURS |= {"--help", "--version", "--host", "--port"}
EMBEDDED = {flag for action in embedded.parser()._actions for flag in action.option_strings}  # noqa: SLF001 - no other way
PLUGIN = set(re.findall(r'"(--qdrant-[a-z]+)"', read(ROOT / "qdrant_embedded" / "plugin.py")))
BENCH = set(re.findall(r'"(--[a-z-]+)"', read(ROOT / "bench" / "arguments.py")))
# Options of Compose and of git.
OTHERS = {"--wait", "--force", "--profile"}
# What Docker and Kubernetes put into an environment; what one paragraph shows as a slip of the pen.
INJECTED = {"RESTORE_PORT_6333_TCP", "RESTORE_SERVICE_HOST"}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_option_that_is_named_exists(page: Path) -> None:
    """Where an option stands alone, or after our command."""
    alone = re.findall(r"`(--[a-z][a-z-]*)", read(page))
    after = [
        flag
        for call in re.findall(r"qdrant-restore [a-z]+ [^`|\n]*", read(page))
        for flag in re.findall(r"(?<!\S)(--[a-z][a-z-]*)", call)
    ]

    assert sorted({*alone, *after} - OURS - EMBEDDED - PLUGIN - BENCH - OTHERS) == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_variable_that_is_named_exists(page: Path) -> None:
    """In the table of settings."""
    named = set(re.findall(r"\bRESTORE_[A-Z0-9_]*[A-Z0-9]\b", read(page)))

    assert sorted(named - set(list_variables()) - INJECTED) == []
