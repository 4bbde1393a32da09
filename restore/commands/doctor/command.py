"""`doctor`: look at Qdrant, the store and what lies between. Reads only, unless a proof of writing is asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import chain

from restore.commands.doctor.bucket import diagnose_bucket
from restore.commands.doctor.directory import diagnose_directory, find_smallest_file
from restore.commands.doctor.finding import Finding
from restore.commands.doctor.server import WriteProof, diagnose_server
from restore.commands.factories import make_token, open_qdrant, open_store
from restore.commands.outcome import CommandResult, Report, find_failure_status
from restore.qdrant.api_key import is_scoped
from restore.qdrant.client import Qdrant
from restore.settings.model import Settings
from restore.stores.location import parse_location
from restore.stores.protocols import Store
from restore.system.clock import Clock
from restore.system.events import Log, Progress


class Diagnosis(Report, frozen=True, kw_only=True):
    """Every finding. `status` is the first failure's, as they stand: the server's before the store's; else 0."""

    status: int
    findings: tuple[Finding, ...]


def run(
    settings: Settings,
    qdrant: Qdrant,
    clock: Clock,
    log: Log,
    *,
    token: str,
    open_bucket: Callable[[], Store] | None = None,
) -> Diagnosis:
    """Look at everything, once. `token` is random and names what a proof makes on the server.

    `open_bucket` opens the store where it is one; None: it is a directory.
    """
    proof = _prepare_proof(settings, token) if settings.policies.prove_write else None
    scoped = settings.server.api_key is not None and is_scoped(settings.server.api_key.reveal())
    findings = []
    now = clock.now()
    store = diagnose_bucket(open_bucket, now) if open_bucket else diagnose_directory(settings.store.location, now)
    for finding in chain(diagnose_server(qdrant, clock, scoped=scoped, proof=proof), store):
        findings.append(finding)
        log("doctor.looked", level="debug", about=finding.about, verdict=str(finding.verdict))
    return Diagnosis(status=find_failure_status(findings), findings=tuple(findings))


def describe(result: Diagnosis) -> list[str]:
    """Give one line per finding, and its hint indented below."""
    width = max(len(finding.about) for finding in result.findings)
    lines = []
    for finding in result.findings:
        lines.append(f"{finding.verdict:<7}  {finding.about:<{width}}  {finding.message}")
        if finding.hint:
            lines.append(f"{'':<7}  {'':<{width}}  hint: {finding.hint}")
    return lines


def _prepare_proof(settings: Settings, token: str) -> WriteProof:
    file = find_smallest_file(settings.store.location)
    server_file = f"{settings.store.server_path}/{file}" if file else None
    return WriteProof(token=token, server_file=server_file, server_store=settings.store.server_path)


def main(settings: Settings, log: Log, _progress: Progress) -> CommandResult:
    """Build what `doctor` looks at, and run it."""
    is_bucket = parse_location(settings.store.location).is_bucket
    open_bucket = functools.partial(open_store, settings) if is_bucket else None
    with open_qdrant(settings) as qdrant:
        result = run(settings, qdrant, Clock(), log, token=make_token(), open_bucket=open_bucket)
    return CommandResult(result, describe(result), result.status)
