"""A table of bad input: what is spoiled, what is typed, and the whole expected output.

In arguments, environments and expected texts `<name>`, `<store>`, `<url>` and `<folder>` stand for this test's own;
`<time>`, `<version>`, `<marker>`, `<n>` and `<openssl>` in expected texts for what differs from run to run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.support.program import run_program
from tests.support.restore_scenario import RestoreScenario
from tests.support.state_dump import StateDump, dump_state

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


class CommandOutput(NamedTuple):
    """The exit status and the output, line by line."""

    status: int
    stderr: tuple[str, ...]
    stdout: tuple[str, ...]


class CaseResult(NamedTuple):
    """The result of one case: the output, and dumps of the state before and after."""

    output: CommandOutput
    before: StateDump
    after: StateDump


def leave(_scenario: RestoreScenario) -> None:
    """Spoil nothing: the arguments are bad enough."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row. `spoil` is done to a store that has a good snapshot of the collection, `kind` of the recorded ones."""

    name: str
    expected: CommandOutput
    arguments: tuple[str, ...] = ("restore", "<name>")
    environment: Mapping[str, str] = field(default_factory=dict)
    spoil: Callable[[RestoreScenario], object] = leave

    def __str__(self) -> str:
        return self.name


def fail(status: int, sentence: str, hint: str = "", *, log: tuple[str, ...] = (READY,)) -> CommandOutput:
    """Return the output of a run that cannot begin, or go on, at all."""
    return CommandOutput(status, (*log, f"error: {sentence}", *([f"hint: {hint}"] if hint else [])), ())


def refuse(status: int, sentence: str, hint: str = "", *, log: tuple[str, ...] = ()) -> CommandOutput:
    """Return the output when the collection cannot be restored: a line of the log, the result and its hint."""
    reason = sentence.replace('"', '\\"')
    event = f'<time> error collection.failed collection=<name> status={status} reason="{reason}"'
    return CommandOutput(
        status, (READY, *log, event), (f"<name>: {sentence}", *([f"  hint: {hint}"] if hint else []))
    )


def run(case: Case, scenario: RestoreScenario, *, manifest: bool = True) -> CaseResult:
    """Spoil the scenario, run the command, and return its output with the state before and after."""
    scenario.add(manifest=manifest)
    case.spoil(scenario)
    before = dump_state(scenario.server, scenario.store.path, scenario.name)
    output = tell(scenario, *case.arguments, environment=case.environment)
    return CaseResult(output, before, dump_state(scenario.server, scenario.store.path, scenario.name))


def tell(scenario: RestoreScenario, *arguments: str, environment: Mapping[str, str] | None = None) -> CommandOutput:
    """Run the command beside the store, and return its output with tokens for what differs from run to run."""
    given = {
        "QDRANT_URL": "<url>",
        "QDRANT_API_KEY": scenario.server.key,
        "RESTORE_STORE": "<store>",
        "RESTORE_TRANSFER": "upload",
        "RESTORE_WAIT_TIMEOUT": "1",
        **(environment or {}),
    }
    variables = {name: fill_in(text, scenario) for name, text in given.items()}
    words = [fill_in(word, scenario) for word in arguments]
    result = run_program(*words, cwd=scenario.store.path.parent, environment=variables)
    return CommandOutput(result.status, read_lines(result.stderr, scenario), read_lines(result.stdout, scenario))


def fill_in(text: str, scenario: RestoreScenario) -> str:
    """Replace the tokens in a text by this test's own values."""
    for token, own in _list_own(scenario):
        text = text.replace(token, own)
    return text


def read_lines(text: str, scenario: RestoreScenario) -> tuple[str, ...]:
    """Return the lines of a text, with tokens for what is this test's own or differs from run to run."""
    for token, own in _list_own(scenario):
        text = text.replace(own, token)
    for pattern, token in _VARYING:
        text = pattern.sub(token, text)
    version = scenario.server.ask("GET", "/").body["version"]
    for before in ("version=", "version ", "Qdrant ", "server is "):
        text = text.replace(f"{before}{version}", f"{before}<version>")
    return tuple(text.split("\n")[:-1])


def _list_own(scenario: RestoreScenario) -> tuple[tuple[str, str], ...]:
    return (
        ("<store>", str(scenario.store.path)),
        ("<folder>", str(scenario.store.path.parent)),
        ("<url>", scenario.proxy.url),
        ("<name>", scenario.name),
    )
