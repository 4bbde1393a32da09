"""The alerts, the dashboard, the page of metrics and the program name the same metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from restore.monitoring.metrics import METRICS
from tests.support.program import ROOT

FOLDER = ROOT / "examples" / "monitoring"
NAMES = {metric.full_name: metric for metric in METRICS}
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
QUERIES = [
    *(rule["expr"] for rule in RULES),
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
]
NEEDS_PROMTOOL = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt install prometheus)"
)


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_that_is_asked_for_exists(query: str) -> None:
    """And has the labels that are asked for."""
    asked = re.findall(r"(qdrant_restore_[a-z_]+)(?:\{([^}]*)\})?", query)
    unknown = [name for name, _ in asked if name not in NAMES]
    strange = [
        (name, label)
        for name, labels in asked
        for label in re.findall(r"([a-z_]+)=", labels)
        if name not in unknown and label not in NAMES[name].labels
    ]

    assert asked
    assert (unknown, strange) == ([], [])


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_legend_names_a_label_of_its_metric(panel: dict[str, object]) -> None:
    """Else the curves have no names."""
    targets: list[dict[str, str]] = panel["targets"]  # type: ignore[assignment]
    shown = [
        (label, target["expr"])
        for target in targets
        for label in re.findall(r"\{\{([a-z]+)\}\}", target["legendFormat"])
    ]
    lost = [
        label
        for label, query in shown
        if not all(label in NAMES[name].labels for name in re.findall(r"qdrant_restore_[a-z_]+", query))
    ]

    assert lost == []


def test_what_has_an_age_has_an_alert_on_absence() -> None:
    """A metric that is not there is never too old: without the second rule nobody would be told."""
    queries = [rule["expr"] for rule in RULES]
    aged = {name for query in queries for name in re.findall(r"time\(\) - (qdrant_restore_[a-z_]+)", query)}
    missed = {name for query in queries for name in re.findall(r"absent\((qdrant_restore_[a-z_]+)", query)}

    assert aged == {
        "qdrant_restore_snapshot_last_success_timestamp_seconds",
        "qdrant_restore_last_proven_timestamp_seconds",
        "qdrant_restore_run_last_success_timestamp_seconds",
    }
    assert missed == {
        "qdrant_restore_run_last_success_timestamp_seconds",
        "qdrant_restore_last_proven_timestamp_seconds",
        "qdrant_restore_serve_healthy",
    }


def test_every_alert_is_tested() -> None:
    """Each has a case in which it fires."""
    cases = yaml.safe_load((FOLDER / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one["exp_alerts"]}

    assert sorted(fired) == sorted(rule["alert"] for rule in RULES)


@NEEDS_PROMTOOL
@pytest.mark.parametrize(
    "arguments", ["check config prometheus.yml", "check rules alerts.yml", "test rules alerts_test.yml"]
)
def test_promtool_accepts_the_examples(arguments: str, tmp_path: Path) -> None:
    """On absence and on age, before and after: the alerts fire when they shall and not before."""
    here = shutil.copytree(FOLDER, tmp_path / "monitoring")
    (here / "token").write_text("a token\n")
    done = subprocess.run(["promtool", *arguments.split()], cwd=here, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@NEEDS_PROMTOOL
def test_promtool_accepts_what_is_exported(tmp_path: Path) -> None:
    """Names, units and help texts as Prometheus wants them."""
    from restore.monitoring.prometheus import render_samples
    from restore.monitoring.samples import SeriesKey

    everything = {SeriesKey(metric.name, tuple("a" for _ in metric.labels)): 1.0 for metric in METRICS}
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=render_samples(everything), capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
