"""The results as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.results import EncodingRuns, Peak, Pruning, Ratio, Results
from bench.runner.comparison import Series
from bench.units import format_mib, format_seconds, format_size

_MAX_ABOVE_START_MIB = 64
_INTENDED_BYTES = 10**9


def write_tables(results: Results) -> str:
    """Return the whole page."""
    parts = [_head(results)]
    if results.ratios:
        parts.append(_ratios(results.ratios))
        parts.append(_series(results))
    if results.encodings:
        parts.append(_packed(results.encodings))
    if results.peaks:
        parts.append(_peaks(results.peaks))
    if results.prunings:
        parts.append(_prunings(results.prunings))
    if results.imports:
        rows = [(item.package, f"{item.milliseconds:.1f} ms") for item in results.imports]
        parts.append("What a boot with nothing to do imports:\n\n" + _table(("Package", "Time"), rows))
    parts += [f"- {note}" for note in results.notes]
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    sentences = []
    if results.points:
        sentences.append(
            f"One collection of {results.points:,} points, snapshot of {format_size(results.file_bytes)}."
        )
    if results.many:
        sentences.append(f"{results.many} collections, snapshots of {format_size(results.many_bytes)} together.")
    if results.ratios and results.file_bytes < _INTENDED_BYTES:
        sentences.append("What must be is meant for 1 GB and more.")
    kind = "**embedded server, which measures less than a real one**" if results.embedded else "real server"
    return (
        f"# {results.when}\n\n"
        f"Qdrant {results.server_version} ({kind}), Python {results.python}, {results.machine}, {results.cpus} "
        f"processors for server and client together, load before {results.load:.2f}. {' '.join(sentences)}".rstrip()
    )


def _ratios(ratios: Iterable[Ratio]) -> str:
    rows = []
    for ratio in ratios:
        target = "" if ratio.target is None else f"≤ {ratio.target:g}"
        target += "" if ratio.aim is None else f" (aim {ratio.aim:g})"
        against = f"{ratio.against.name} {format_seconds(ratio.against.median_seconds)}"
        rows.append(
            (ratio.work, format_seconds(ratio.ours.median_seconds), against, f"**{ratio.ratio:.2f}**", target)
        )
    return _table(("Work", "Ours, median", "Against, median", "Ratio", "Must be"), rows)


def _series(results: Results) -> str:
    seen: dict[str, Series] = {}
    for ratio in results.ratios:
        seen[f"{ratio.work}: ours"] = ratio.ours
        seen[f"{ratio.comparison}: {ratio.against.name}"] = ratio.against
    seen |= {series.name: series for series in results.others}
    rows = [(name, str(len(series.runs)), *_format_series(series)) for name, series in seen.items()]
    table = _table(("Process", "Runs", "Median (least - most)", "Peak memory"), rows)
    note = f"Peaks of {format_mib(results.smallest_peak_kib)} and less cannot be told apart here."
    return f"{table}\n\n{note}"


def _peaks(peaks: Iterable[Peak]) -> str:
    rows = [
        (
            peak.work,
            format_size(peak.file_bytes),
            format_mib(peak.peak_kib),
            format_mib(peak.start_kib),
            f"**{format_mib(peak.above_start_kib)}**",
            f"≤ {_MAX_ABOVE_START_MIB} MiB",
        )
        for peak in sorted(peaks, key=lambda peak: (peak.work, peak.file_bytes))
    ]
    return _table(("Peak memory", "Snapshot", "Peak", "Start alone", "Above start", "Must be"), rows)


def _packed(encodings: Iterable[EncodingRuns]) -> str:
    rows = [
        (
            runs.encoding,
            f"{format_size(runs.stored_bytes)} ({runs.stored_bytes / runs.plain_bytes:.0%})",
            *_format_series(runs.snapshot),
            *_format_series(runs.restore),
        )
        for runs in encodings
    ]
    return _table(("Packing", "Stored", "Snapshot", "Peak memory", "Restore", "Peak memory"), rows)


def _format_series(series: Series) -> tuple[str, str]:
    spread = f"{format_seconds(min(series.seconds))} - {format_seconds(max(series.seconds))}"
    return f"{format_seconds(series.median_seconds)} ({spread})", format_mib(series.peak_kib)


def _prunings(prunings: Iterable[Pruning]) -> str:
    rows = [
        (
            pruning.store,
            f"{pruning.snapshots:,}",
            format_seconds(pruning.dry.seconds),
            f"{pruning.dry.seconds * 1e6 / pruning.snapshots:.0f} µs",
            format_mib(pruning.dry.peak_kib),
            format_seconds(pruning.real.seconds),
            f"{pruning.deleted:,}",
            f"{(pruning.real.seconds - pruning.dry.seconds) * 1e3 / max(1, pruning.deleted):.2f} ms",
            format_mib(pruning.real.peak_kib),
            format_seconds(pruning.again.seconds),
        )
        for pruning in prunings
    ]
    head = ("Store", "Snapshots", "Dry run", "Per snapshot", "Peak memory")
    return _table((*head, "Real run", "Deleted", "Per deletion", "Peak memory", "Second run"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
