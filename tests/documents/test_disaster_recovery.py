"""The rehearsal of a disaster, as its page tells it: a copy of a store, a bare machine, a new Qdrant."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.pages import list_blocks
from tests.support.program import ROOT
from tests.support.server_under_test import Server
from tests.support.shell import CITIES, ScriptResult, Shell, fill

PAGE = ROOT / "docs" / "disaster-recovery.md"
STEPS = ("copy", "server", "restore", "again", "onward")


def show(step: str) -> str:
    """Return the commands of one step on the page."""
    return "\n".join(list_blocks(PAGE, f"rehearsal: {step}"))


def test_the_rehearsal_works_word_for_word(tmp_path: Path) -> None:
    """From a store whose server is gone to a new one with the same points, aliases and a proof in `list`."""
    with EmbeddedQdrant(tmp_path / "burned") as burned:
        server = fill(burned.url)
        server.alias("towns", "cities")
        before = server.points("cities")
        made = Shell(tmp_path / "office", burned.url).type("qdrant-restore snapshot")
    shutil.copytree(tmp_path / "office" / "qdrant_snapshots", tmp_path / "bare" / "qdrant_snapshots", symlinks=True)
    with EmbeddedQdrant(tmp_path / "new") as new:
        desk = Shell(tmp_path / "bare", new.url)
        said: dict[str, ScriptResult] = {step: desk.type(show(step)) for step in STEPS}
        after = Server(new.url)
        found = (after.collections(), after.points("cities"), after.aliases())

    assert made.status == 0, made.output
    assert {step: one.status for step, one in said.items()} == dict.fromkeys(STEPS, 0), said
    assert found == (["cities"], before, {"towns": "cities"})
    assert "proven: count, schema, 32 sampled points, 5 searches" in said["restore"].output
    assert f"{CITIES} points here" in said["again"].output
    assert f"last proven {datetime.now(UTC):%Y-%m-%d}" in said["again"].output


def test_every_step_has_something_to_type() -> None:
    """A block whose mark was lost would pass for a step that works."""
    assert {step: show(step).count("qdrant-restore ") for step in STEPS} == {
        "copy": 2,
        "server": 1,
        "restore": 2,
        "again": 2,
        "onward": 1,
    }
