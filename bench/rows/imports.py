"""What a boot with nothing to do imports, and how long that takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

from bench import commands
from bench.results import Import
from bench.workspace import Source, Workspace

_RUNS = 5
_LARGEST = 14


def measure_imports(workspace: Workspace, source: Source) -> list[Import]:
    """Return the packages that take longest, the rest and the sum; each package's best of several runs."""
    best: dict[str, int] = {}
    for _ in range(_RUNS):
        for package, microseconds in _read_times(workspace, source).items():
            best[package] = min(microseconds, best.get(package, microseconds))
    ranked = sorted(best.items(), key=lambda pair: -pair[1])
    shown = [Import(package, microseconds / 1000) for package, microseconds in ranked[:_LARGEST]]
    rest = sum(microseconds for _, microseconds in ranked[_LARGEST:])
    return [*shown, Import("the rest", rest / 1000), Import("all", sum(best.values()) / 1000)]


def _read_times(workspace: Workspace, source: Source) -> Counter[str]:
    command = commands.boot_ours(workspace, source)
    done = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **workspace.environment},
        cwd=workspace.work,
    )
    times: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        if line.startswith("import time:") and not line.endswith("imported package"):
            own, _, name = line.removeprefix("import time:").split("|")
            times[_name_package(name.strip())] += int(own)
    return times


def _name_package(module: str) -> str:
    package = module.partition(".")[0]
    if package in sys.stdlib_module_names:
        return f"{package} (standard library)"
    return package
