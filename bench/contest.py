"""Contestants that run in turn, so that whatever else the machine does meets all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.amounts import show_seconds
from bench.child import Run, run_child


class Contestant(msgspec.Struct, frozen=True):
    """One way to do the work: its name in the table, and its command."""

    name: str
    command: list[str]


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """The same work for everybody. `prepare` runs before each run, `check` after it; neither is measured."""

    title: str
    contestants: tuple[Contestant, ...]
    prepare: Callable[[], None]
    check: Callable[[], None]


class Series(msgspec.Struct, frozen=True):
    """One contestant's runs, in order."""

    name: str
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> list[float]:
        """Give every run's seconds."""
        return [run.seconds for run in self.runs]

    @property
    def median_seconds(self) -> float:
        """Give the median."""
        return statistics.median(self.seconds)

    @property
    def peak_kib(self) -> int:
        """Give the highest peak of all runs."""
        return max(run.peak_kib for run in self.runs)


def hold_contest(contest: Contest, rounds: int, *, environment: dict[str, str], directory: Path) -> dict[str, Series]:
    """Run every contestant once per round, in an order that moves on by one each round; gives series by name."""
    runs: dict[str, list[Run]] = {contestant.name: [] for contestant in contest.contestants}
    for number in range(rounds):
        first = number % len(contest.contestants)
        for contestant in contest.contestants[first:] + contest.contestants[:first]:
            contest.prepare()
            run = run_child(contestant.command, environment=environment, directory=directory)
            contest.check()
            runs[contestant.name].append(run)
        told = ", ".join(f"{name} {show_seconds(series[-1].seconds)}" for name, series in runs.items())
        print(f"{contest.title} {number + 1}/{rounds}: {told}", flush=True)
    return {name: Series(name, tuple(series)) for name, series in runs.items()}
