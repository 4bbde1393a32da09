"""`config show`: every setting, its value, where it came from; secrets masked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore.settings.options.table import OPTIONS
from tests.support.program import ROOT, run_program

KEY = "canary-7f3a9c"
DATA = ROOT / "tests" / "data" / "settings"


def test_it_shows_each_value_and_where_it_came_from(tmp_path: Path) -> None:
    """A flag, a variable, the settings file and a default side by side."""
    (tmp_path / "restore.yaml").write_text("on_missing: skip\ncollections:\n  cities:\n    on_existing: replace\n")
    result = run_program(
        "config",
        "show",
        "--store",
        "here",
        cwd=tmp_path,
        environment={"RESTORE_DEADLINE": "1h", "QDRANT_API_KEY": KEY},
    )
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]

    assert (result.status, result.stderr) == (0, "")
    assert [line for line in lines if not line.endswith(" default")] == [
        "api-key *** QDRANT_API_KEY",
        "collections cities restore.yaml: collections",
        "store here --store",
        "on-missing skip restore.yaml: on_missing",
        "deadline 3600s RESTORE_DEADLINE",
        "collection 'cities': on_existing=replace",
    ]
    assert "on-existing skip default" in lines


def test_as_json_it_has_every_setting(tmp_path: Path) -> None:
    """One object; a secret is masked there as well."""
    result = run_program("config", "show", "--json", cwd=tmp_path, environment={"QDRANT_API_KEY": KEY})
    found = json.loads(result.stdout)
    shown = {one["name"]: (one["value"], one["text"], one["origin"]) for one in found["settings"]}

    assert (result.status, found["status"], found["collections"]) == (0, 0, {})
    assert set(shown) == {row.name for row in OPTIONS} - {"collection-name", "prove-write"}
    assert shown["api-key"] == ("***", "***", "QDRANT_API_KEY")
    assert shown["wait-timeout"] == (120.0, "120s", "default")
    assert shown["file-mode"] == (0o644, "0644", "default")


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (
            ("--lock-timeout", "5m", "--file-mode", "0640"),
            {"QDRANT_API_KEY": KEY, "RESTORE_KEEP_DAILY": "7", "RESTORE_INCLUDE": "a*, b*"},
            "config_show.txt",
        ),
        (
            ("--json", "--samples", "5"),
            {"QDRANT_API_KEY": KEY, "RESTORE_KEEP_DAILY": "7", "RESTORE_EXCLUDE": "b"},
            "config_show.json",
        ),
    ],
    ids=["text", "json"],
)
def test_its_output_is_the_recorded_one(
    arguments: tuple[str, ...], environment: dict[str, str], expected: str, tmp_path: Path
) -> None:
    """Byte for byte: scripts read names, values, order and origins."""
    (tmp_path / "restore.yaml").write_text((DATA / "settings_file.yaml").read_text(encoding="utf-8"))

    ended = run_program("config", "show", *arguments, cwd=tmp_path, environment=environment)

    assert (ended.status, ended.stdout) == (0, (DATA / expected).read_text(encoding="utf-8"))


def test_it_shows_what_it_can_when_settings_are_wrong(tmp_path: Path) -> None:
    """It is what a wrong setting's hint names: what is wrong has its origin and no value, all else is as always."""
    wrong = {"RESTORE_LOG_LEVEL": "loud", "RESTORE_STROE": "x", "QDRANT_URL": '"http://q:6333"', "RESTORE_NOTE": "n"}
    shown = run_program("config", "show", cwd=tmp_path, environment=wrong)
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    found = json.loads(run_program("config", "show", "--json", cwd=tmp_path, environment=wrong).stdout)

    problems = [
        'QDRANT_URL: begins and ends with a quotation mark ("); leave both out',
        "RESTORE_LOG_LEVEL: 'loud' is none of debug, info, warning, error",
        "unknown variable RESTORE_STROE (did you mean RESTORE_STORE?)",
    ]
    assert (shown.status, shown.stderr.splitlines()) == (2, [f"error: {problem}" for problem in problems])
    assert [line for line in lines if not line.endswith(" default")] == [
        "qdrant-url (wrong) QDRANT_URL",
        "note n RESTORE_NOTE",
        "log-level (wrong) RESTORE_LOG_LEVEL",
    ]
    assert (found["status"], found["problems"], found["settings"][0]) == (
        2,
        problems,
        {"name": "qdrant-url", "value": None, "text": "(wrong)", "origin": "QDRANT_URL"},
    )


def test_its_output_is_the_recorded_one_where_nothing_is_chosen(tmp_path: Path) -> None:
    """Every default, byte for byte."""
    ended = run_program("config", "show", cwd=tmp_path)

    assert (ended.status, ended.stdout) == (0, (DATA / "config_show_defaults.txt").read_text(encoding="utf-8"))


def test_a_secret_file_is_read_anew_at_every_run(tmp_path: Path) -> None:
    """A key that was rotated, or emptied, counts at the next run."""
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    before = run_program("config", "show", "--api-key-file", "key", cwd=tmp_path)
    key.write_text("")
    after = run_program("config", "show", "--api-key-file", "key", cwd=tmp_path)

    assert (before.status, after.status) == (0, 2)
    assert after.stderr.splitlines()[0] == "error: --api-key-file: secret file 'key': is empty"


def test_the_settings_file_is_the_one_that_is_named(tmp_path: Path) -> None:
    """`--config` counts more than `RESTORE_CONFIG`, and that more than `restore.yaml`."""
    for name in ("restore.yaml", "variable.yaml", "flag.yaml"):
        (tmp_path / name).write_text(f"store: from-{name}\n")
    variable = {"RESTORE_CONFIG": "variable.yaml"}
    runs = [
        run_program("config", "show", cwd=tmp_path),
        run_program("config", "show", cwd=tmp_path, environment=variable),
        run_program("config", "show", "--config", "flag.yaml", cwd=tmp_path, environment=variable),
    ]
    stores = [line.split()[1:] for run in runs for line in run.stdout.splitlines() if line.startswith("store ")]

    assert stores == [
        ["from-restore.yaml", "restore.yaml:", "store"],
        ["from-variable.yaml", "variable.yaml:", "store"],
        ["from-flag.yaml", "flag.yaml:", "store"],
    ]


def test_a_settings_file_with_the_other_ending_is_read(tmp_path: Path) -> None:
    """`restore.yml` is what many write; of two files neither is preferred."""
    (tmp_path / "restore.yml").write_text("store: here\n")
    alone = run_program("config", "show", cwd=tmp_path)
    (tmp_path / "restore.yaml").write_text("store: there\n")
    both = run_program("config", "show", cwd=tmp_path)

    assert "store here restore.yml: store" in [" ".join(line.split()) for line in alone.stdout.splitlines()]
    assert (both.status, both.stderr.splitlines()) == (
        2,
        ["error: settings files restore.yaml and restore.yml are both there; keep one"],
    )


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--host", "qdrant", "--port", "7000"], "qdrant-url http://qdrant:7000 --qdrant-url"),
        (["--url", "http://qdrant:6333"], "qdrant-url http://qdrant:6333 --qdrant-url"),
        (["--collection", "a", "--collection", "b,c"], "collections a, b,c --collection"),
        (["--output-dir", "./backups"], "store ./backups --store"),
        (["--store", "first", "--store=second"], "store second --store"),
        (["cities", "--new-collection", "towns"], "to towns --to"),
        (["--snapshot", "./backups/by-hand.snapshot", "--new-collection", "towns"], "collections towns --snapshot"),
        (["--dry-run"], "dry-run true --dry-run"),
    ],
)
def test_flags_of_hand_written_scripts_are_understood(arguments: list[str], shown: str, tmp_path: Path) -> None:
    """They mean what they meant there."""
    result = run_program("config", "show", *arguments, cwd=tmp_path)

    assert shown in [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_a_switch_can_be_taken_back(tmp_path: Path) -> None:
    """What a variable or the settings file switched on, a flag switches off."""
    result = run_program("config", "show", "--no-dry-run", cwd=tmp_path, environment={"RESTORE_DRY_RUN": "yes"})

    assert "dry-run false --dry-run" in [" ".join(line.split()) for line in result.stdout.splitlines()]
