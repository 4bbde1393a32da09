"""Restore what one run of snapshot made: its collections, each from that run's snapshot."""

from __future__ import annotations

import msgspec

from restore.commands.restore.report import Outcome, Result, report_failure
from restore.commands.restore.session import Planned, Tools, want
from restore.errors import NotFoundError
from restore.recovery.request import Wanted
from restore.sets.document import SetMember
from restore.sets.reader import find_member_problem, find_sets
from restore.sets.selection import FoundSet, pick_set, refuse_thinned
from restore.settings.model import Settings
from restore.settings.selection import is_chosen, warn_of_choice


def choose_from_set(settings: Settings, tools: Tools) -> tuple[list[Wanted], list[str], list[Planned]]:
    """Give the set's collections, those named or chosen among them, warnings, and what cannot be restored.

    Raises `NotFoundError` for a set, or a collection of it, that is not there, and `RefusedError` for one that is
    not whole any more, unless that was allowed.
    """
    found, damaged = find_sets(tools.store)
    chosen = pick_set(found, settings.chosen_set, store=tools.store.name)
    members = _choose_members(settings, chosen, store=tools.store.name)
    meant = msgspec.structs.replace(chosen, missing=tuple(one for one in chosen.missing if one in members))
    refusal = refuse_thinned(meant)
    if refusal and not settings.allow_incomplete:
        raise refusal
    wanted: list[Wanted] = []
    lost: list[Planned] = []
    for member in members:
        one = _want(settings, member)
        if member in chosen.missing:
            lost.append(Planned(wanted=one, outcome=_report_gone(one, chosen)))
        elif problem := find_member_problem(tools.store, member):
            lost.append(Planned(wanted=one, outcome=report_failure(one.target, problem)))
        else:
            wanted.append(one)
    tools.log("set.chosen", id=chosen.document.short_id, file=chosen.file, collections=len(members))
    warnings = [f"set document {reason}" for _, reason in damaged]
    if chosen.document.failed:
        names = ", ".join(f"'{one.collection}'" for one in chosen.document.failed)
        warnings.append(f"set {chosen.document.short_id} was made without {names}: their snapshots failed")
    there = (member.collection for member in chosen.document.collections)
    where = f"set {chosen.document.short_id}"
    warnings += warn_of_choice(there, settings.include, settings.exclude, doing="restore", where=where)
    return wanted, warnings, lost


def _choose_members(settings: Settings, chosen: FoundSet, *, store: str) -> list[SetMember]:
    members = chosen.document.collections
    there = {member.collection for member in members}
    for name in settings.collections:
        if name not in there:
            raise NotFoundError(
                f"set {chosen.document.short_id} in store '{store}' has no snapshot of collection '{name}'",
                hint="qdrant-restore list --sets shows what failed; its own snapshots: qdrant-restore list",
            )
    if settings.collections:
        return [member for member in members if member.collection in settings.collections]
    return [member for member in members if is_chosen(member.collection, settings.include, settings.exclude)]


def _want(settings: Settings, member: SetMember) -> Wanted:
    one = want(settings, member.collection)
    return msgspec.structs.replace(one, policies=msgspec.structs.replace(one.policies, snapshot=member.file))


def _report_gone(one: Wanted, chosen: FoundSet) -> Outcome:
    return Outcome(
        collection=one.target,
        result=Result.NO_SNAPSHOT,
        message=f"its snapshot of set {chosen.document.short_id} is not in the store any more; skipped",
    )
