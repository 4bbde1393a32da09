"""Restore what one run of snapshot made: its collections, each from that run's snapshot."""

import msgspec

from restore.commands.restore.report import RestoreOutcome, RestoreResult, report_failure
from restore.commands.restore.session import PlannedCollection, RestoreSession, make_request
from restore.errors import NotFoundError
from restore.recovery.request import RestoreRequest
from restore.sets.document import SetMember
from restore.sets.reader import find_member_problem, list_sets
from restore.sets.selection import StoredSet, incomplete_set_error, select_set
from restore.settings.model import Settings


def choose_from_set(
    settings: Settings, session: RestoreSession
) -> tuple[list[RestoreRequest], list[str], list[PlannedCollection]]:
    """Return the requested collections of the set, warnings, and what cannot be restored.

    Raise `NotFoundError` for a set, or a collection of it, that is not there. Raise `RefusedError` for a set that is
    not complete any more, unless that was allowed.
    """
    found, damaged = list_sets(session.store)
    chosen = select_set(found, settings.sets.chosen, store=session.store.name)
    members = _choose_members(settings, chosen, store=session.store.name)
    meant = msgspec.structs.replace(chosen, missing=tuple(one for one in chosen.missing if one in members))
    refusal = incomplete_set_error(meant)
    if refusal and not settings.sets.allow_incomplete:
        raise refusal
    requests: list[RestoreRequest] = []
    lost: list[PlannedCollection] = []
    for member in members:
        request = _make_request(settings, member)
        if member in chosen.missing:
            lost.append(PlannedCollection(request=request, plan=_report_gone(request, chosen)))
        elif problem := find_member_problem(session.store, member):
            lost.append(PlannedCollection(request=request, plan=report_failure(request.target, problem)))
        else:
            requests.append(request)
    session.log("set.chosen", id=chosen.document.short_id, file=chosen.file, collections=len(members))
    warnings = [f"set document {reason}" for _, reason in damaged]
    if chosen.document.failed:
        names = ", ".join(f"'{one.collection}'" for one in chosen.document.failed)
        warnings.append(f"set {chosen.document.short_id} was made without {names}: their snapshots failed")
    there = (member.collection for member in chosen.document.collections)
    where = f"set {chosen.document.short_id}"
    warnings += settings.patterns.warn(there, doing="restore", where=where)
    return requests, warnings, lost


def _choose_members(settings: Settings, chosen: StoredSet, *, store: str) -> list[SetMember]:
    members = chosen.document.collections
    there = {member.collection for member in members}
    for name in settings.collections.names:
        if name not in there:
            raise NotFoundError(
                f"set {chosen.document.short_id} in store '{store}' has no snapshot of collection '{name}'",
                hint="qdrant-restore list --sets shows what failed; its own snapshots: qdrant-restore list",
            )
    if settings.collections.names:
        return [member for member in members if member.collection in settings.collections.names]
    return [member for member in members if settings.patterns.is_selected(member.collection)]


def _make_request(settings: Settings, member: SetMember) -> RestoreRequest:
    request = make_request(settings, member.collection)
    policies = msgspec.structs.replace(request.policies, snapshot=member.file)
    return msgspec.structs.replace(request, policies=policies)


def _report_gone(request: RestoreRequest, chosen: StoredSet) -> RestoreOutcome:
    return RestoreOutcome(
        collection=request.target,
        result=RestoreResult.NO_SNAPSHOT,
        message=f"its snapshot of set {chosen.document.short_id} is not in the store any more; skipped",
    )
