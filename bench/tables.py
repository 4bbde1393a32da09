"""The tables that people read, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.amounts import show_mib, show_seconds, show_size
from bench.contest import Series
from bench.results import Peak, Ratio, Results

_MOST_ABOVE_MIB = 64
_MEANT_BYTES = 10**9


def write_tables(results: Results) -> str:
    """Give the whole page."""
    parts = [_head(results)]
    if results.ratios:
        parts.append(_ratios(results.ratios))
        parts.append(_series(results))
    if results.peaks:
        parts.append(_peaks(results.peaks))
    if results.imports:
        rows = [(one.package, f"{one.milliseconds:.1f} ms") for one in results.imports]
        parts.append("What a boot with nothing to do imports:\n\n" + _table(("Package", "Time"), rows))
    parts += [f"- {note}" for note in results.notes]
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    small = "" if results.file_bytes >= _MEANT_BYTES else " What must be is meant for 1 GB and more."
    kind = "**embedded server, which measures less than a real one**" if results.embedded else "real server"
    return (
        f"# {results.when}\n\n"
        f"Qdrant {results.server_version} ({kind}), Python {results.python}, {results.machine}, {results.cpus} "
        f"processors for server and client together, load before {results.load:.2f}. One collection of "
        f"{results.points:,} points, snapshot of {show_size(results.file_bytes)}.{small}"
    )


def _ratios(ratios: Iterable[Ratio]) -> str:
    rows = []
    for one in ratios:
        target = "" if one.target is None else f"≤ {one.target:g}"
        target += "" if one.aim is None else f" (aim {one.aim:g})"
        against = f"{one.against.name} {show_seconds(one.against.median_seconds)}"
        rows.append((one.work, show_seconds(one.ours.median_seconds), against, f"**{one.ratio:.2f}**", target))
    return _table(("Work", "Ours, median", "Against, median", "Ratio", "Must be"), rows)


def _series(results: Results) -> str:
    seen: dict[str, Series] = {}
    for one in results.ratios:
        seen[f"{one.work}: ours"] = one.ours
        kind = "restore" if one.work.startswith("restore") else one.work
        seen[f"{kind}: {one.against.name}"] = one.against
    seen |= {one.name: one for one in results.others}
    rows = []
    for name, series in seen.items():
        spread = f"{show_seconds(min(series.seconds))} - {show_seconds(max(series.seconds))}"
        median, peak = show_seconds(series.median_seconds), show_mib(series.peak_kib)
        rows.append((name, str(len(series.runs)), median, spread, peak))
    table = _table(("Process", "Runs", "Median", "Least - most", "Peak memory"), rows)
    floor = f"Peaks of {show_mib(results.floor_kib)} and less cannot be told apart here."
    return f"{table}\n\n{floor}"


def _peaks(peaks: Iterable[Peak]) -> str:
    rows = [
        (
            one.work,
            show_size(one.file_bytes),
            show_mib(one.peak_kib),
            show_mib(one.start_kib),
            f"**{show_mib(one.above_start_kib)}**",
            f"≤ {_MOST_ABOVE_MIB} MiB",
        )
        for one in sorted(peaks, key=lambda peak: (peak.work, peak.file_bytes))
    ]
    return _table(("Peak memory", "Snapshot", "Peak", "Start alone", "Above start", "Must be"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
