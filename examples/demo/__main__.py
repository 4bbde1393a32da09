"""`make demo`: snapshot, restore and an interrupted restore on real data, with two embedded Qdrants."""

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

CITY = "Heidelberg"
TIMEOUT_SECONDS = 20.0
PAUSE_SECONDS = 60.0


class DemoError(RuntimeError):
    """A step of the demo had another result than expected."""


def say(text: str = "") -> None:
    """Print one line."""
    print(text, flush=True)


def step(number: int, text: str) -> None:
    """Print the headline of a step."""
    say(f"\n{number}. {text}")


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Raise DemoError unless the condition holds."""
    if not condition:
        raise DemoError(message)


class Demo:
    """What the steps share: two servers and a store, all in one directory."""

    def __init__(self, directory: Path) -> None:
        self.store = directory / "qdrant_snapshots"
        self.first = EmbeddedQdrant(directory / "first")
        self.second = EmbeddedQdrant(directory / "second", misbehaving=True)

    def command(self, *arguments: str, url: str) -> list[str]:
        """Print a command as a user types it. Return it as it is run."""
        say(f"   $ QDRANT_URL={url} qdrant-restore {shlex.join(arguments)} --store {self.store.name}")
        return [sys.executable, "-m", "restore", *arguments, "--store", str(self.store)]

    def environment(self, url: str) -> dict[str, str]:
        """Return the environment of a command, without the user's own settings."""
        others = {key: value for key, value in os.environ.items() if not key.startswith(("QDRANT_", "RESTORE_"))}
        return {**others, "QDRANT_URL": url, "RESTORE_LOG_LEVEL": "warning"}

    def run(self, *arguments: str, url: str) -> float:
        """Run a command and print its output. Return its seconds."""
        begin = time.monotonic()
        process = subprocess.run(
            self.command(*arguments, url=url),
            env=self.environment(url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - begin
        for line in process.stdout.splitlines():
            say(f"     {line}")
        require(process.returncode == 0, f"exit status {process.returncode}")
        return seconds


def run_demo(demo: Demo) -> None:
    """Run all steps."""
    cities = load_cities()
    city = max((one for one in cities if one["payload"]["name"] == CITY), key=_get_population)
    step(1, f"A Qdrant with {len(cities):,} cities in it (an embedded one: the same engine, no server needed).")
    demo.first.start()
    begin = time.monotonic()
    qdrant.fill(demo.first.url, cities)
    say(f"   Filled in {time.monotonic() - begin:.1f} s. A city's vector is its place on the globe, so its nearest")
    say("   neighbours are the towns around it:")
    expected = qdrant.find_neighbours(demo.first.url, city)
    say(f"     {', '.join(expected)}")

    step(2, "The data is good: keep it.")
    demo.run("snapshot", COLLECTION, "--note", "the cities of the demo", url=demo.first.url)
    demo.run("list", url=demo.first.url)

    step(3, "A fresh environment: a second Qdrant, with nothing in it.")
    demo.second.start()
    seconds = demo.run("restore", url=demo.second.url)
    found = qdrant.find_neighbours(demo.second.url, city)
    say(f"   {seconds:.1f} s. The same neighbours as before:")
    say(f"     {', '.join(found)}")
    require(found == expected, f"other neighbours: {found}")

    step(4, "Restore again, as every `docker compose up` does: there is nothing to do.")
    seconds = demo.run("restore", url=demo.second.url)
    say(f"   {seconds:.2f} s, and only reads.")

    interrupt(demo, len(cities))
    say("\nThat is all. Everything above ran in a directory that is gone by now, and nothing is left running.")


def interrupt(demo: Demo, expected: int) -> None:
    """Kill a restore half-way and let the next run finish it."""
    url = demo.second.url
    step(5, "And when it is killed half-way? The collection is dropped, and a restore of it is killed while it runs.")
    qdrant.send(url, "DELETE", f"/collections/{COLLECTION}")
    # The data is small: the server pauses here, so that there is time to kill the restore.
    demo.second.misbehave({"fault": "pause", "moment": "after-create", "seconds": PAUSE_SECONDS})
    child = subprocess.Popen(
        demo.command("restore", url=url),
        env=demo.environment(url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        demo.second.await_moment("after-create", TIMEOUT_SECONDS)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    say("     Killed (SIGKILL)")
    markers = [name for name in qdrant.list_names(url) if name.startswith(".restoring-")]
    say(f"   Now Qdrant lists '{COLLECTION}' and calls it green, with {qdrant.count(url):,} points in it.")
    say("   A script that asks whether the collection exists would go on with that. Beside it stands the marker of a")
    say(
        f"   restore in progress ({', '.join(markers)}: {qdrant.read_phase(url, markers[0])}), so the next run knows:"
    )
    demo.second.misbehave()
    seconds = demo.run("restore", url=url)
    say(f"   {seconds:.0f} s, most of them spent making sure that the other run is really dead.")
    require(qdrant.count(url) == expected, f"{qdrant.count(url):,} points")
    require(qdrant.list_names(url) == [COLLECTION], f"left behind: {qdrant.list_names(url)}")


def _get_population(city: Point) -> int:
    return int(city["payload"]["population"])


def main() -> int:
    """Run the demo. Return the exit status."""
    with tempfile.TemporaryDirectory(prefix="qdrant-restore-demo-") as directory:
        demo = Demo(Path(directory))
        with contextlib.ExitStack() as stack:
            stack.callback(demo.second.stop)
            stack.callback(demo.first.stop)
            try:
                run_demo(demo)
            except (DemoError, OSError, TimeoutError) as error:
                say(f"\nThe demo failed: {error}")
                return 1
            except KeyboardInterrupt:
                say("\nEnded.")
                return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
