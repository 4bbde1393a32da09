"""Metrics as the text that Prometheus reads: rendered, parsed, and written to a file for node_exporter."""

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from restore import __version__
from restore.errors import StoreError
from restore.monitoring.metrics import METRICS, MetricType
from restore.monitoring.samples import Samples, SeriesKey, add_build_info, keep_known
from restore.system.directory_lock import directory_lock
from restore.system.files import read_named_file

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MODE = 0o644
_OURS = re.compile(r"(# (HELP|TYPE) )?qdrant_restore_|# EOF$")
_SHOWN = 40
# More than other files that a person names may have: it grows by 2 kB with each collection.
_LONGEST = 16 << 20

Family = CounterMetricFamily | GaugeMetricFamily


class _ReadyFamilies(Collector):
    """Hands over values that are known, instead of counting them."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        """Yield the families."""
        yield from self._families


def render_samples(samples: Samples) -> bytes:
    """Return the samples as the text that Prometheus reads. A metric without a value is left out."""
    known = sorted(add_build_info(keep_known(samples), __version__).items())
    families: list[Family] = []
    for metric in METRICS:
        values = [(key.labels, value) for key, value in known if key.name == metric.name]
        if not values:
            continue
        family = (
            CounterMetricFamily(metric.full_name.removesuffix("_total"), metric.help, labels=metric.labels)
            if metric.sort is MetricType.COUNTER
            else GaugeMetricFamily(metric.full_name, metric.help, labels=metric.labels)
        )
        for labels, value in values:
            family.add_metric(labels, value)
        families.append(family)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ReadyFamilies(families))
    return generate_latest(registry)


def parse_samples(text: str) -> Samples:
    """Return the samples in such a text, those of this version's metrics only; empty when it is another text."""
    known = {metric.full_name: metric for metric in METRICS}
    found: dict[SeriesKey, float] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                metric = known.get(sample.name)
                if metric is not None and set(metric.labels) >= set(sample.labels):
                    labels = tuple(sample.labels.get(label, "") for label in metric.labels)
                    found[SeriesKey(metric.name, labels)] = float(sample.value)
    except ValueError:
        return {}
    return found


def update_metrics_file(path: str, change: Callable[[str], bytes]) -> None:
    """Replace the file by what `change` makes of its text, which is empty without a file. Other runs wait meanwhile.

    Raise `StoreError` when the file cannot be read or written, or holds other metrics than ours.
    """
    with directory_lock(str(Path(path).parent)):
        text = _read_file(path)
        foreign = [line for line in text.splitlines() if line.strip() and not _OURS.match(line)]
        if foreign:
            raise StoreError(
                f"metrics file '{path}' holds what is not ours: '{foreign[0][:_SHOWN]}'",
                left="it is left as it is",
                hint="give a file of its own with --metrics-file",
            )
        _replace_file(path, change(text))


def _read_file(path: str) -> str:
    try:
        return read_named_file(path, _LONGEST).decode()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise _make_error(error, path) from error


def _replace_file(path: str, text: bytes) -> None:
    """Write the file as a whole: a reader sees the old text or the new one. Raise `StoreError`.

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
        raise _make_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _make_error(error: OSError | ValueError, path: str) -> StoreError:
    reason = (
        "it is no text" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", "") or str(error)
    )
    return StoreError(f"metrics file '{path}' cannot be replaced: {reason}", hint="give another --metrics-file")
