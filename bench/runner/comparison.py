"""Run variants of the same work in turn, so that other load on the machine affects all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.runner.process import Run, run_process
from bench.units import format_seconds


class Variant(msgspec.Struct, frozen=True):
    """One way to do the work: its name in the table, and its command."""

    name: str
    command: list[str]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The same work in several variants. `prepare` runs before each run, `check` after it; neither is measured."""

    title: str
    variants: tuple[Variant, ...]
    prepare: Callable[[], None]
    check: Callable[[], None]


class Series(msgspec.Struct, frozen=True):
    """One variant's runs, in order."""

    name: str
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> list[float]:
        """The seconds of every run."""
        return [run.seconds for run in self.runs]

    @property
    def median_seconds(self) -> float:
        """The median of the seconds."""
        return statistics.median(self.seconds)

    @property
    def peak_kib(self) -> int:
        """The highest peak of all runs."""
        return max(run.peak_kib for run in self.runs)


def run_comparison(
    comparison: Comparison, rounds: int, *, environment: dict[str, str], directory: Path
) -> dict[str, Series]:
    """Run every variant once per round, starting with another one each round. Return series by name."""
    runs: dict[str, list[Run]] = {variant.name: [] for variant in comparison.variants}
    for number in range(rounds):
        first = number % len(comparison.variants)
        for variant in comparison.variants[first:] + comparison.variants[:first]:
            comparison.prepare()
            run = run_process(variant.command, environment=environment, directory=directory)
            comparison.check()
            runs[variant.name].append(run)
        output = ", ".join(f"{name} {format_seconds(series[-1].seconds)}" for name, series in runs.items())
        print(f"{comparison.title} {number + 1}/{rounds}: {output}", flush=True)
    return {name: Series(name, tuple(series)) for name, series in runs.items()}
