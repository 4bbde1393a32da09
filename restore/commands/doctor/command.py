"""`doctor`: look at Qdrant, the store and what lies between. Only reads, unless a proof of writing is asked for."""

from collections.abc import Callable
from itertools import chain

import msgspec

from restore.commands.doctor.bucket import BucketDoctor
from restore.commands.doctor.directory import DirectoryDoctor, find_smallest_file
from restore.commands.doctor.finding import Finding
from restore.commands.doctor.server import WriteProof, diagnose_server
from restore.commands.doctor.store import StoreDoctor, diagnose_store
from restore.commands.factories import has_scoped_key, make_token, open_qdrant, open_store
from restore.commands.outcome import CommandResult, Report, find_failure_status
from restore.qdrant.client import Qdrant
from restore.settings.model import Settings
from restore.stores.local.reader import open_local_store
from restore.stores.location import parse_location
from restore.system.clock import Clock
from restore.system.events import Log, Progress


class DoctorSession(msgspec.Struct, frozen=True, kw_only=True):
    """What one run looks at. `scoped`: the key is for single collections. `proof`: None where nothing is written."""

    qdrant: Qdrant
    open_store: Callable[[], StoreDoctor]
    clock: Clock
    log: Log
    scoped: bool
    proof: WriteProof | None


class Diagnosis(Report, frozen=True, kw_only=True):
    """Every finding, the server's before the store's. `status` is the first failure's, else 0."""

    status: int
    findings: tuple[Finding, ...]


def run(session: DoctorSession) -> Diagnosis:
    """Look at everything, once."""
    clock = session.clock
    server = diagnose_server(session.qdrant, clock, scoped=session.scoped, proof=session.proof)
    findings = []
    for finding in chain(server, diagnose_store(session.open_store, clock.now())):
        findings.append(finding)
        session.log("doctor.looked", level="debug", about=finding.about, verdict=str(finding.verdict))
    return Diagnosis(status=find_failure_status(findings), findings=tuple(findings))


def describe(result: Diagnosis) -> list[str]:
    """Return one line per finding, with its hint indented below."""
    width = max(len(finding.about) for finding in result.findings)
    lines = []
    for finding in result.findings:
        lines.append(f"{finding.verdict:<7}  {finding.about:<{width}}  {finding.message}")
        if finding.hint:
            lines.append(f"{'':<7}  {'':<{width}}  hint: {finding.hint}")
    return lines


def _make_proof(settings: Settings) -> WriteProof:
    file = find_smallest_file(settings.store.location)
    server_file = f"{settings.store.server_path}/{file}" if file else None
    return WriteProof(token=make_token(), server_file=server_file, server_store=settings.store.server_path)


def main(settings: Settings, log: Log, _progress: Progress) -> CommandResult:
    """Open what `doctor` looks at, and run it."""

    def open_doctor() -> StoreDoctor:
        if parse_location(settings.store.location).is_bucket:
            return BucketDoctor(open_store(settings))
        return DirectoryDoctor(open_local_store(settings.store.location))

    with open_qdrant(settings) as qdrant:
        session = DoctorSession(
            qdrant=qdrant,
            open_store=open_doctor,
            clock=Clock(),
            log=log,
            scoped=has_scoped_key(settings),
            proof=_make_proof(settings) if settings.policies.prove_write else None,
        )
        result = run(session)
    return CommandResult(result, describe(result), result.status)
