"""What came out, as values: what `bench/results/` keeps and the tables are written from."""

from __future__ import annotations

import msgspec

from bench.child import Run
from bench.contest import Series


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """Our median over the other's. `contest` names the work and `way` ours of doing it, where there are several.

    `target` is what was promised and `aim` what is hoped for; both only shown.
    """

    contest: str
    way: str = ""
    ours: Series
    against: Series
    target: float | None = None
    aim: float | None = None

    @property
    def work(self) -> str:
        """Give the work with our way of doing it."""
        return f"{self.contest} {self.way}".strip()

    @property
    def ratio(self) -> float:
        """Give it."""
        return self.ours.median_seconds / self.against.median_seconds


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """The highest peak of a command at one size of the snapshot file, and of a start alone."""

    work: str
    file_bytes: int
    peak_kib: int
    start_kib: int

    @property
    def above_start_kib(self) -> int:
        """Give what the work itself needed."""
        return self.peak_kib - self.start_kib


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """One way of packing: both directions, and the bytes before and after it."""

    packing: str
    snapshot: Series
    restore: Series
    plain_bytes: int
    stored_bytes: int


class Pruning(msgspec.Struct, frozen=True, kw_only=True):
    """A store of so many snapshots, pruned: only looked at, then really, then again. `deleted` is what went."""

    store: str
    snapshots: int
    deleted: int
    dry: Run
    real: Run
    again: Run


class Import(msgspec.Struct, frozen=True):
    """A package and what importing its modules took, without what they import in turn."""

    package: str
    milliseconds: float


class Results(msgspec.Struct, kw_only=True):
    """Everything of one run. `load` is the machine's load average before it."""

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
    floor_kib: int = 0
    ratios: list[Ratio] = []
    others: list[Series] = []
    peaks: list[Peak] = []
    packed: list[Packed] = []
    prunings: list[Pruning] = []
    imports: list[Import] = []
    notes: list[str] = []
