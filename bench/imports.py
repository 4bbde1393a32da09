"""What a boot with nothing to do imports, and what that takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

from bench import commands
from bench.ground import Ground, Source
from bench.results import Import

_RUNS = 5
_LARGEST = 14


def measure_imports(ground: Ground, source: Source) -> list[Import]:
    """Give the packages that take longest and the rest, then all of it; the best of a few runs each."""
    best: dict[str, int] = {}
    for _ in range(_RUNS):
        for package, microseconds in _read_times(ground, source).items():
            best[package] = min(microseconds, best.get(package, microseconds))
    ranked = sorted(best.items(), key=lambda pair: -pair[1])
    shown = [Import(package, microseconds / 1000) for package, microseconds in ranked[:_LARGEST]]
    rest = sum(microseconds for _, microseconds in ranked[_LARGEST:])
    return [*shown, Import("the rest", rest / 1000), Import("all", sum(best.values()) / 1000)]


def _read_times(ground: Ground, source: Source) -> Counter[str]:
    command = commands.boot_ours(ground, source)
    done = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **ground.environment},
        cwd=ground.work,
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
