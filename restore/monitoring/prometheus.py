"""The metrics as text: written for Prometheus, read back, and put into a file that is replaced as a whole."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from restore.errors import StoreError
from restore.system.directory_lock import directory_lock

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MODE = 0o644
_OURS = re.compile(r"(# (HELP|TYPE) )?qdrant_restore_|# EOF$")
_SHOWN = 40

Labels = tuple[str, ...]
Family = CounterMetricFamily | GaugeMetricFamily


class MetricFamily(NamedTuple):
    """One metric for writing: full name, whether it counts, its labels' names, its sentence."""

    name: str
    counts: bool
    labels: Labels
    help_text: str


class _Told(Collector):
    """Hands over what is known instead of counting by itself."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        """Give the families."""
        yield from self._families


def render_metrics(rows: Sequence[MetricFamily], values: Mapping[tuple[str, Labels], float]) -> bytes:
    """Give the text for Prometheus. `values` are by full name and labels' values; a row without one is left out."""
    families = []
    for name, counts, labels, help_text in rows:
        found = {at: value for (of, at), value in sorted(values.items()) if of == name}
        if not found:
            continue
        family = (
            CounterMetricFamily(name.removesuffix("_total"), help_text, labels=labels)
            if counts
            else GaugeMetricFamily(name, help_text, labels=labels)
        )
        for at, value in found.items():
            family.add_metric(at, value)
        families.append(family)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(families))
    return generate_latest(registry)


def parse_metrics(rows: Sequence[MetricFamily], text: str) -> dict[tuple[str, Labels], float]:
    """Give what such a text tells; what is not among `rows` is left out. Raises `ValueError` for other texts."""
    known = {name: labels for name, _, labels, _ in rows}
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = known.get(sample.name)
            if labels is not None and set(labels) >= set(sample.labels):
                found[sample.name, tuple(sample.labels.get(label, "") for label in labels)] = float(sample.value)
    return found


def update_metrics_file(path: str, change: Callable[[str], bytes]) -> None:
    """Replace the file by what `change` makes of its text, empty when there is none; other runs wait meanwhile.

    Raises `StoreError` when it cannot be read or written, or holds what is not ours.
    """
    with directory_lock(str(Path(path).parent)):
        text = _read_file(path)
        strangers = [line for line in text.splitlines() if line.strip() and not _OURS.match(line)]
        if strangers:
            raise StoreError(
                f"metrics file '{path}' holds what is not ours: '{strangers[0][:_SHOWN]}'",
                left="it is left as it is",
                hint="give a file of its own with --metrics-file",
            )
        _replace_file(path, change(text))


def _read_file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise _explain(error, path) from error


def _replace_file(path: str, text: bytes) -> None:
    """Write the file as a whole: a reader sees the old text or the new one. Raises `StoreError`.

    The temporary name does not end in `.prom`, which is all that node_exporter reads.
    """
    temporary = Path(f"{path}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _explain(error: OSError | UnicodeDecodeError, path: str) -> StoreError:
    reason = "it is no text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
    return StoreError(f"metrics file '{path}' cannot be replaced: {reason}", hint="give another --metrics-file")
