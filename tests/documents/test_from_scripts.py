"""Each call of a hand-written script stands beside one that works."""

from __future__ import annotations

import shutil
from pathlib import Path

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.pages import list_code, list_rows
from tests.support.program import ROOT
from tests.support.shell import CITIES, ScriptResult, Shell, fill

PAGE = ROOT / "docs" / "from-scripts.md"
CALLS = [(list_code(then)[0], list_code(now)[0]) for then, now in list_rows(PAGE, "Then")]
SCRIPTS = {"create_qdrant_snapshot.py", "restore_qdrant_snapshot.py", "backup_snapshots.py", "restore_snapshots.py"}


def test_every_script_has_its_row() -> None:
    """Those that projects have, with the flags that they have."""
    assert {then.split()[1] for then, _ in CALLS} == SCRIPTS
    assert "python backup_snapshots.py --all --output-dir ./backups" in dict(CALLS)


def test_each_new_call_does_what_the_old_one_did(tmp_path: Path, embedded: EmbeddedQdrant) -> None:
    """A snapshot is there afterwards, and what a restore was asked for comes back."""
    server, desk = fill(embedded.url), Shell(tmp_path, embedded.url)

    def do(call: str) -> ScriptResult:
        if " restore " in call and "cities_copy" not in call:
            server.drop("cities")
        if "./backups/cities.snapshot" in call:
            # What a script has left there, without a manifest.
            shutil.copyfile(tmp_path / "backups" / "cities_latest.snapshot", tmp_path / "backups" / "cities.snapshot")
        return desk.type(call)

    done = [do(now) for _, now in CALLS]

    assert [said.status for said in done] == [0] * len(CALLS), [said.output for said in done]
    assert server.collections() == ["cities", "cities_copy"]
    assert [server.count(name) for name in server.collections()] == [CITIES, CITIES]
    assert len(list((tmp_path / "qdrant_snapshots").glob("cities_2*.snapshot"))) == 2
    assert len(list((tmp_path / "backups").glob("cities_2*.snapshot"))) == 1
