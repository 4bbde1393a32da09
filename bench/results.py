"""The results as values: saved in `bench/results/`, and formatted by `tables`."""

from __future__ import annotations

import msgspec

from bench.runner.comparison import Series
from bench.runner.process import Run


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """Our median over the other's. `comparison` names the work, `method` our way of doing it if there are several.

    `target` is the promised ratio, `aim` the desired one; both are only printed.
    """

    comparison: str = msgspec.field(name="contest")
    method: str = msgspec.field(name="way", default="")
    ours: Series
    against: Series
    target: float | None = None
    aim: float | None = None

    @property
    def work(self) -> str:
        """The work, with our method if there are several."""
        return f"{self.comparison} {self.method}".strip()

    @property
    def ratio(self) -> float:
        """Our median seconds over the other's."""
        return self.ours.median_seconds / self.against.median_seconds


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """The highest peak of a command at one size of the snapshot file, and the peak of a start alone."""

    work: str
    file_bytes: int
    peak_kib: int
    start_kib: int

    @property
    def above_start_kib(self) -> int:
        """The memory that the work itself needs."""
        return self.peak_kib - self.start_kib


class EncodingRuns(msgspec.Struct, frozen=True, kw_only=True):
    """The runs with one encoding in both directions, and the bytes before and after it."""

    encoding: str = msgspec.field(name="packing")
    snapshot: Series
    restore: Series
    plain_bytes: int
    stored_bytes: int


class Pruning(msgspec.Struct, frozen=True, kw_only=True):
    """A store of `snapshots` snapshots, pruned three times: a dry run, a run that deletes, and another one."""

    store: str
    snapshots: int
    deleted: int
    dry: Run
    real: Run
    again: Run


class Import(msgspec.Struct, frozen=True):
    """A package, and the time to import its modules without what they import in turn."""

    package: str
    milliseconds: float


class Results(msgspec.Struct, kw_only=True):
    """All results of one run. `load` is the machine's load average before it."""

    when: str
    server_version: str
    embedded: bool
    python: str
    machine: str
    cpus: int
    load: float
    size: int
    file_bytes: int = 0
    points: int = 0
    many: int = 0
    many_bytes: int = 0
    smallest_peak_kib: int = msgspec.field(name="floor_kib", default=0)
    ratios: list[Ratio] = []
    others: list[Series] = []
    peaks: list[Peak] = []
    encodings: list[EncodingRuns] = msgspec.field(name="packed", default_factory=list)
    prunings: list[Pruning] = []
    imports: list[Import] = []
    notes: list[str] = []
