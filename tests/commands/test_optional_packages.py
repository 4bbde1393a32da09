"""What only some runs need may be absent: the run says which extra has it, before anything is touched."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.program import ROOT, run_program
from tests.support.shell import fill

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
SCHEDULED = {"RESTORE_SCHEDULE_SNAPSHOT": "@daily", "RESTORE_LISTEN": "off"}
# What is typed, the package that is not there, and the extra that brings it.
ABSENT = [
    ("list --store s3://bucket/prefix", "obstore", "buckets"),
    ("list --store az://bucket/prefix", "obstore", "buckets"),
    ("snapshot --compress zstd", "zstandard", "compress"),
    ("snapshot --encrypt age --recipients-file recipients.txt", "pyrage", "encrypt"),
    ("snapshot --metrics-file here.prom", "prometheus_client", "serve"),
    ("serve", "prometheus_client", "serve"),
    ("serve", "cronsim", "serve"),
]


@pytest.mark.parametrize(("typed", "package", "extra"), ABSENT)
def test_an_absent_extra_is_named(typed: str, package: str, extra: str, tmp_path: Path) -> None:
    """Status 2, one sentence, what to type; no traceback, and nothing was made."""
    (tmp_path / "without").mkdir()
    missing = f'raise ModuleNotFoundError("No module named {package!r}", name="{package}")\n'
    (tmp_path / "without" / f"{package}.py").write_text(missing)
    (tmp_path / "recipients.txt").write_text("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq0wfmk9\n")
    before = sorted(path.name for path in tmp_path.iterdir())

    result = run_program(
        *typed.split(),
        cwd=tmp_path,
        environment={
            **SCHEDULED,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AZURE_STORAGE_ACCOUNT": "nobody",
            "AZURE_STORAGE_KEY": "bm9ib2R5",
            "PYTHONPATH": f"{tmp_path / 'without'}:{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )

    assert (result.status, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"error: the package '{package}' is needed and not installed",
        f"hint: pip install 'qdrant-restore[{extra}]'",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_every_extra_that_a_hint_names_exists() -> None:
    """And brings the package."""
    brings = {(extra, package.replace("_", "-")) for _, package, extra in ABSENT}

    assert {
        (extra, package) for extra, package in brings if not any(line.startswith(package) for line in EXTRAS[extra])
    } == set()
    assert EXTRAS["all"] == ["qdrant-restore[serve,buckets,compress,encrypt]"]


def test_nothing_is_missed_by_who_needs_none_of_them(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """A snapshot into a directory, a list, a look at every byte, retention: with the base packages alone."""
    fill(embedded.url)
    (tmp_path / "without").mkdir()
    for package in ("obstore", "zstandard", "pyrage", "prometheus_client", "cronsim"):
        (tmp_path / "without" / f"{package}.py").write_text("raise ModuleNotFoundError\n")
    given = {"PYTHONPATH": f"{tmp_path / 'without'}:{ROOT}", "QDRANT_URL": embedded.url}
    calls = ("snapshot --keep-last 1", "list --sets", "verify", "drill", "pin cities", "prune", "restore", "doctor")
    result = [run_program(*call.split(), cwd=tmp_path, environment=given) for call in calls]

    assert {call: one.stderr for call, one in zip(calls, result, strict=True) if one.status} == {}
