"""A table of bad input: how a scene is spoilt, what is typed, and everything that is said then.

In arguments, environments and expected texts `<name>`, `<store>`, `<url>` and `<folder>` stand for this test's own;
`<time>`, `<version>`, `<mark>`, `<n>` and `<openssl>` in expected texts for what differs from run to run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.support.program import run_program
from tests.support.restore_environment import Ground
from tests.support.state_dump import Evidence, gather

READY = "<time> info qdrant.ready url=<url> version=<version>"
_FILE = "<store>/<name>_20261120_120000.snapshot"
SENT = (
    f"<time> info snapshot.sending collection=<name> snapshot={_FILE} transfer=upload",
    '<time> info transfer.waiting what="server is loading" collection=<name> waited_seconds=<n>',
)
HINT = (
    "hint: qdrant-restore config show lists every setting, its value and where it came from; "
    "docs/settings.md explains them"
)
ANOTHER = "make the snapshot again, or take another one with --snapshot"
_VARYING = (
    (re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.MULTILINE), "<time>"),
    (re.compile(r"\.restoring-[0-9a-f]{16}"), "<mark>"),
    (re.compile(r"(TLS failed|was not accepted) \([^)\n]*\)"), r"\1 (<openssl>)"),
    (re.compile(r"seconds=[0-9.]+"), "seconds=<n>"),
    (re.compile(r"\bin [0-9.]+ s\b"), "in <n> s"),
)


class Told(NamedTuple):
    """How the program ended and what it said, line by line."""

    status: int
    stderr: tuple[str, ...]
    stdout: tuple[str, ...]


class Tried(NamedTuple):
    """One case carried out: what was told, and the evidence of before and after."""

    told: Told
    before: Evidence
    after: Evidence


def leave(_ground: Ground) -> None:
    """Spoil nothing: what is typed is bad enough."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row. `spoil` is done to a store that has a good snapshot of the collection, `kind` of the recorded ones."""

    name: str
    told: Told
    arguments: tuple[str, ...] = ("restore", "<name>")
    environment: Mapping[str, str] = field(default_factory=dict)
    spoil: Callable[[Ground], object] = leave

    def __str__(self) -> str:
        return self.name


def fail(status: int, sentence: str, hint: str = "", *, log: tuple[str, ...] = (READY,)) -> Told:
    """Say what is told when a run cannot begin, or go on, at all."""
    return Told(status, (*log, f"error: {sentence}", *([f"hint: {hint}"] if hint else [])), ())


def refuse(status: int, sentence: str, hint: str = "", *, log: tuple[str, ...] = ()) -> Told:
    """Say what is told when the collection cannot be restored: a line of the log, and the result with its hint."""
    reason = sentence.replace('"', '\\"')
    event = f'<time> error collection.failed collection=<name> status={status} reason="{reason}"'
    return Told(status, (READY, *log, event), (f"<name>: {sentence}", *([f"  hint: {hint}"] if hint else [])))


def run(case: Case, ground: Ground, *, manifest: bool = True) -> Tried:
    """Spoil the scene, look, run the command, look again."""
    ground.add(manifest=manifest)
    case.spoil(ground)
    before = gather(ground.server, ground.store.path, ground.name)
    told = tell(ground, *case.arguments, environment=case.environment)
    return Tried(told, before, gather(ground.server, ground.store.path, ground.name))


def tell(ground: Ground, *arguments: str, environment: Mapping[str, str] | None = None) -> Told:
    """Run the command beside the store; give what it said, with what differs from run to run named."""
    given = {
        "QDRANT_URL": "<url>",
        "QDRANT_API_KEY": ground.server.key,
        "RESTORE_STORE": "<store>",
        "RESTORE_TRANSFER": "upload",
        "RESTORE_WAIT_TIMEOUT": "1",
        **(environment or {}),
    }
    variables = {name: fill_in(text, ground) for name, text in given.items()}
    words = [fill_in(word, ground) for word in arguments]
    ended = run_program(*words, cwd=ground.store.path.parent, environment=variables)
    return Told(ended.status, read_lines(ended.stderr, ground), read_lines(ended.stdout, ground))


def fill_in(text: str, ground: Ground) -> str:
    """Put this test's own into a text."""
    for token, own in _list_own(ground):
        text = text.replace(token, own)
    return text


def read_lines(text: str, ground: Ground) -> tuple[str, ...]:
    """Give the lines of a text, with tokens for what is this test's own or differs from run to run."""
    for token, own in _list_own(ground):
        text = text.replace(own, token)
    for pattern, token in _VARYING:
        text = pattern.sub(token, text)
    version = ground.server.ask("GET", "/").body["version"]
    for before in ("version=", "version ", "Qdrant ", "server is "):
        text = text.replace(f"{before}{version}", f"{before}<version>")
    return tuple(text.split("\n")[:-1])


def _list_own(ground: Ground) -> tuple[tuple[str, str], ...]:
    return (
        ("<store>", str(ground.store.path)),
        ("<folder>", str(ground.store.path.parent)),
        ("<url>", ground.proxy.url),
        ("<name>", ground.name),
    )
