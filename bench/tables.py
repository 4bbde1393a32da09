"""The tables that people read, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.amounts import show_mib, show_seconds, show_size
from bench.contest import Series
from bench.results import Packed, Peak, Pruning, Ratio, Results

_MOST_ABOVE_MIB = 64
_MEANT_BYTES = 10**9


def write_tables(results: Results) -> str:
    """Give the whole page."""
    parts = [_head(results)]
    if results.ratios:
        parts.append(_ratios(results.ratios))
        parts.append(_series(results))
    if results.packed:
        parts.append(_packed(results.packed))
    if results.peaks:
        parts.append(_peaks(results.peaks))
    if results.prunings:
        parts.append(_prunings(results.prunings))
    if results.imports:
        rows = [(one.package, f"{one.milliseconds:.1f} ms") for one in results.imports]
        parts.append("What a boot with nothing to do imports:\n\n" + _table(("Package", "Time"), rows))
    parts += [f"- {note}" for note in results.notes]
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    told = []
    if results.points:
        told.append(f"One collection of {results.points:,} points, snapshot of {show_size(results.file_bytes)}.")
    if results.many:
        told.append(f"{results.many} collections, snapshots of {show_size(results.many_bytes)} together.")
    if results.ratios and results.file_bytes < _MEANT_BYTES:
        told.append("What must be is meant for 1 GB and more.")
    kind = "**embedded server, which measures less than a real one**" if results.embedded else "real server"
    return (
        f"# {results.when}\n\n"
        f"Qdrant {results.server_version} ({kind}), Python {results.python}, {results.machine}, {results.cpus} "
        f"processors for server and client together, load before {results.load:.2f}. {' '.join(told)}".rstrip()
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
        seen[f"{one.contest}: {one.against.name}"] = one.against
    seen |= {one.name: one for one in results.others}
    rows = [(name, str(len(series.runs)), *_show_series(series)) for name, series in seen.items()]
    table = _table(("Process", "Runs", "Median (least - most)", "Peak memory"), rows)
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


def _packed(packed: Iterable[Packed]) -> str:
    rows = [
        (
            one.packing,
            f"{show_size(one.stored_bytes)} ({one.stored_bytes / one.plain_bytes:.0%})",
            *_show_series(one.snapshot),
            *_show_series(one.restore),
        )
        for one in packed
    ]
    return _table(("Packing", "Stored", "Snapshot", "Peak memory", "Restore", "Peak memory"), rows)


def _show_series(series: Series) -> tuple[str, str]:
    spread = f"{show_seconds(min(series.seconds))} - {show_seconds(max(series.seconds))}"
    return f"{show_seconds(series.median_seconds)} ({spread})", show_mib(series.peak_kib)


def _prunings(prunings: Iterable[Pruning]) -> str:
    rows = [
        (
            one.store,
            f"{one.snapshots:,}",
            show_seconds(one.dry.seconds),
            f"{one.dry.seconds * 1e6 / one.snapshots:.0f} µs",
            show_mib(one.dry.peak_kib),
            show_seconds(one.real.seconds),
            f"{one.deleted:,}",
            f"{(one.real.seconds - one.dry.seconds) * 1e3 / max(1, one.deleted):.2f} ms",
            show_mib(one.real.peak_kib),
            show_seconds(one.again.seconds),
        )
        for one in prunings
    ]
    head = ("Store", "Snapshots", "Dry run", "Per snapshot", "Peak memory")
    return _table((*head, "Real run", "Deleted", "Per deletion", "Peak memory", "Second run"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
