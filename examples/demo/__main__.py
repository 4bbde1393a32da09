"""`make demo`: the main job on real data, told as a story. Two embedded Qdrants, nothing left running."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import qdrant
from cities import COLLECTION, Point, load_cities

from qdrant_embedded.process import EmbeddedQdrant

SHOWN = "Heidelberg"
PATIENCE_SECONDS = 20.0
SLOW_SECONDS = 60.0


class Disagreement(RuntimeError):  # noqa: N818 - what happened
    """The story did not go as it is told."""


def say(text: str = "") -> None:
    """Tell the next sentence."""
    print(text, flush=True)


def step(number: int, text: str) -> None:
    """Begin a chapter."""
    say(f"\n{number}. {text}")


def insist(truth: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like a sentence
    """Stop the story when it is not true."""
    if not truth:
        raise Disagreement(otherwise)


class Story:
    """Everything the chapters share: a directory for all that is made, the store in it."""

    def __init__(self, room: Path) -> None:
        self.store = room / "qdrant_snapshots"
        self.first = EmbeddedQdrant(room / "first")
        self.second = EmbeddedQdrant(room / "second", misbehaving=True)

    def command(self, *arguments: str, url: str) -> list[str]:
        """Show a command as a person would type it, and give it as it is run."""
        say(f"   $ QDRANT_URL={url} qdrant-restore {shlex.join(arguments)} --store {self.store.name}")
        return [sys.executable, "-m", "restore", *arguments, "--store", str(self.store)]

    def environment(self, url: str) -> dict[str, str]:
        """Give the environment of a command: a person's own settings do not belong to the story."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("QDRANT_", "RESTORE_"))}
        return {**kept, "QDRANT_URL": url, "RESTORE_LOG_LEVEL": "warning"}

    def run(self, *arguments: str, url: str) -> float:
        """Run a command to its end, show what it says; gives its seconds."""
        begin = time.monotonic()
        done = subprocess.run(
            self.command(*arguments, url=url),
            env=self.environment(url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - begin
        for line in done.stdout.splitlines():
            say(f"     {line}")
        insist(done.returncode == 0, f"exit status {done.returncode}")
        return seconds


def tell(story: Story) -> None:
    """Tell it from the beginning to the end."""
    cities = load_cities()
    shown = max((city for city in cities if city["payload"]["name"] == SHOWN), key=_count_people)
    step(1, f"A Qdrant with {len(cities):,} cities in it (an embedded one: the same engine, no server needed).")
    story.first.start()
    begin = time.monotonic()
    qdrant.fill(story.first.url, cities)
    say(f"   Filled in {time.monotonic() - begin:.1f} s. A city's vector is its place on the globe, so its nearest")
    say("   neighbours are the towns around it:")
    expected = qdrant.find_neighbours(story.first.url, shown)
    say(f"     {', '.join(expected)}")

    step(2, "The data is good: keep it.")
    story.run("snapshot", COLLECTION, "--note", "the cities of the demo", url=story.first.url)
    story.run("list", url=story.first.url)

    step(3, "A fresh environment: a second Qdrant, with nothing in it.")
    story.second.start()
    seconds = story.run("restore", url=story.second.url)
    found = qdrant.find_neighbours(story.second.url, shown)
    say(f"   {seconds:.1f} s. The same neighbours as before:")
    say(f"     {', '.join(found)}")
    insist(found == expected, f"other neighbours: {found}")

    step(4, "Restore again, as every `docker compose up` does: there is nothing to do.")
    seconds = story.run("restore", url=story.second.url)
    say(f"   {seconds:.2f} s, and only reads.")

    interrupt(story, len(cities))
    say("\nThat is all. Everything above ran in a directory that is gone by now, and nothing is left running.")


def interrupt(story: Story, expected: int) -> None:
    """Kill a restore half-way, and let the next run finish it."""
    url = story.second.url
    step(5, "And when it is killed half-way? The collection is dropped, and a restore of it is killed while it runs.")
    qdrant.ask(url, "DELETE", f"/collections/{COLLECTION}")
    # The data is small: the server takes its time at this moment, so that there is a half-way to be killed at.
    story.second.misbehave({"fault": "pause", "moment": "after-create", "seconds": SLOW_SECONDS})
    child = subprocess.Popen(
        story.command("restore", url=url),
        env=story.environment(url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        story.second.await_moment("after-create", PATIENCE_SECONDS)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    say("     Killed (SIGKILL)")
    marks = [name for name in qdrant.list_names(url) if name.startswith(".restoring-")]
    say(f"   Now Qdrant lists '{COLLECTION}' and calls it green, with {qdrant.count(url):,} points in it.")
    say("   A script that asks whether the collection exists would go on with that. Beside it stands the mark of a")
    say(f"   restore in progress ({', '.join(marks)}: {qdrant.read_phase(url, marks[0])}), so the next run knows:")
    story.second.misbehave()
    seconds = story.run("restore", url=url)
    say(f"   {seconds:.0f} s, most of them spent making sure that the other run is really dead.")
    insist(qdrant.count(url) == expected, f"{qdrant.count(url):,} points")
    insist(qdrant.list_names(url) == [COLLECTION], f"left behind: {qdrant.list_names(url)}")


def _count_people(city: Point) -> int:
    return int(city["payload"]["population"])


def main() -> int:
    """Tell the story; gives the exit status."""
    with tempfile.TemporaryDirectory(prefix="qdrant-restore-demo-") as room:
        story = Story(Path(room))
        with contextlib.ExitStack() as ends:
            ends.callback(story.second.stop)
            ends.callback(story.first.stop)
            try:
                tell(story)
            except (Disagreement, OSError, TimeoutError) as error:
                say(f"\nThe demo failed: {error}")
                return 1
            except KeyboardInterrupt:
                say("\nEnded.")
                return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
