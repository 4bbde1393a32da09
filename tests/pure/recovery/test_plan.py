"""What a restore decides to do, from what stands there, what is offered and what a person chose."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.errors import IncompatibleError, NotFoundError, RefusedError
from restore.qdrant.model import CollectionInfo, UnreadableCollection
from restore.recovery.marker.model import TargetBefore
from restore.recovery.plan import (
    Plan,
    ReadDepth,
    Refuse,
    Restore,
    Skip,
    SkipReason,
    WaitForOther,
    has_same_configuration,
    plan_collection,
    required_read_depth,
)
from restore.recovery.policy_choices import OnEmpty, OnExisting, OnMissing, Policies
from restore.recovery.request import MissingSnapshot, RestoreRequest, SnapshotCandidate, SnapshotChoice
from restore.recovery.target_state import Absent, AliasOf, ObservedMarker, Present, Target, TargetState
from restore.snapshots.archive import Archive, ArchiveKind
from restore.snapshots.stored import StoredSnapshot
from tests.support.sample_stores import describe

CONFIG: dict[str, Any] = {
    "params": {"vectors": {"size": 4, "distance": "Cosine"}, "shard_number": 1},
    "hnsw_config": {"m": 16},
    "optimizer_config": {"indexing_threshold": 10000},
    "wal_config": {"wal_capacity_mb": 32},
    "quantization_config": None,
}
MISSING = NotFoundError("no snapshot")
OWN = ".restoring-0000000000000000-1"
ALIASES = ("live",)


def make_info(config: dict[str, Any] | None = None, **more: Any) -> CollectionInfo:  # noqa: ANN401 - its fields
    """Return the server's information about a healthy collection."""
    fields: dict[str, Any] = {
        "status": "green",
        "optimizer_status": "ok",
        "points": 0,
        "deferred_points": 0,
        "payload_schema": {},
        "metadata": {},
    }
    return CollectionInfo(config=CONFIG if config is None else config, **(fields | more))


def make_offer(points: int = 43, gap: str = "", config: dict[str, Any] | None = None) -> SnapshotCandidate:
    """Return a stored snapshot with its manifest."""
    stored = StoredSnapshot(collection="cities", file="cities_20261120_120000.snapshot", path="/s/c", size=1)
    manifest = describe("plain", "cities")
    changed = type(manifest)(
        **{
            **{field: getattr(manifest, field) for field in manifest.__struct_fields__},
            "points": points,
            "config": CONFIG if config is None else config,
        }
    )
    return SnapshotCandidate(stored=stored, manifest=changed, gap=gap)


def without_manifest(point_slots: int) -> SnapshotCandidate:
    """Return a stored snapshot of which only the archive speaks."""
    archive = Archive(
        kind=ArchiveKind.COLLECTION,
        size=1,
        config=CONFIG,
        payload_schema={},
        shards=(),
        custom_sharding=False,
        rocksdb="",
        forbidden=(),
        point_slots=point_slots,
    )
    return SnapshotCandidate(stored=make_offer().stored, archive=archive)


def want(named: bool = True, **policies: Any) -> RestoreRequest:  # noqa: ANN401, FBT001, FBT002 - its fields
    """Return a wanted collection."""
    return RestoreRequest(collection="cities", named=named, policies=Policies(**policies))


def see(target: Target, *markers: str, hidden: bool = False) -> TargetState:
    """Return a look at a target."""
    seen = tuple(ObservedMarker(name, place, None, None) for place, name in enumerate(markers, 1))
    return TargetState(target=target, markers=seen, aliases=ALIASES, hidden=hidden)


def plan(
    wanted: RestoreRequest, state: TargetState, candidate: SnapshotCandidate | None = None, *, own: str = ""
) -> Plan:
    """Plan, with the missing snapshot's error when nothing is offered."""
    return plan_collection(wanted, state, candidate or MissingSnapshot(MISSING), own=own)


EMPTY, FILLED, BROKEN = Present(0, make_info()), Present(7, make_info()), UnreadableCollection("Dirty shard")
OTHER_VECTORS = make_info({**CONFIG, "params": {"vectors": {"size": 8, "distance": "Dot"}, "shard_number": 1}})
OTHER_HNSW = make_info({**CONFIG, "hnsw_config": {"m": 24}})
REPLACE = OnExisting.REPLACE


@pytest.mark.parametrize(
    ("wanted", "target", "candidate", "expected"),
    [
        (want(), Absent(), make_offer(), Restore(was=TargetBefore.ABSENT)),
        (want(on_missing=OnMissing.SKIP), Absent(), None, Skip(SkipReason.NO_SNAPSHOT)),
        (want(), FILLED, make_offer(), Skip(SkipReason.PRESENT, 7)),
        (want(), FILLED, None, Skip(SkipReason.PRESENT, 7)),
        (want(), EMPTY, make_offer(), Restore(was=TargetBefore.EMPTY)),
        (want(), EMPTY, make_offer(points=0), Skip(SkipReason.EMPTY, 0)),
        (want(), EMPTY, None, Skip(SkipReason.EMPTY, 0)),
        (want(), EMPTY, without_manifest(point_slots=0), Skip(SkipReason.EMPTY, 0)),
        (want(), EMPTY, without_manifest(point_slots=3), Restore(was=TargetBefore.EMPTY)),
        (want(on_empty=OnEmpty.SKIP), EMPTY, make_offer(), Skip(SkipReason.EMPTY, 0)),
        (want(), Present(0, OTHER_HNSW), make_offer(), Restore(was=TargetBefore.EMPTY)),
        (
            want(on_existing=REPLACE),
            Present(0, OTHER_VECTORS),
            make_offer(),
            Restore(was=TargetBefore.PRESENT, delete_first=True, aliases=ALIASES),
        ),
        (
            want(on_existing=REPLACE),
            FILLED,
            make_offer(),
            Restore(was=TargetBefore.PRESENT, points=7, aliases=ALIASES),
        ),
        (
            want(on_existing=REPLACE),
            Present(7, OTHER_HNSW),
            make_offer(),
            Restore(was=TargetBefore.PRESENT, points=7, delete_first=True, aliases=ALIASES),
        ),
        (
            want(on_existing=REPLACE),
            BROKEN,
            make_offer(),
            Restore(was=TargetBefore.PRESENT, delete_first=True, aliases=ALIASES),
        ),
        (want(), Absent(), make_offer(gap="1.17, 1.18"), Restore(was=TargetBefore.ABSENT)),
        (want(), EMPTY, make_offer(gap="1.17, 1.18"), Restore(was=TargetBefore.EMPTY)),
        (
            want(on_existing=REPLACE, allow_version_gap=True),
            FILLED,
            make_offer(gap="1.17, 1.18"),
            Restore(was=TargetBefore.PRESENT, points=7, aliases=ALIASES),
        ),
    ],
)
def test_what_stands_there_and_what_was_chosen_decide(
    wanted: RestoreRequest, target: Target, candidate: SnapshotCandidate | None, expected: Plan
) -> None:
    """Every way that ends without an error, as whole values."""
    assert plan(wanted, see(target), candidate) == expected


@pytest.mark.parametrize(
    ("wanted", "target", "candidate", "error", "message"),
    [
        (want(), Absent(), None, NotFoundError, "no snapshot"),
        (
            want(),
            AliasOf("all"),
            make_offer(),
            RefusedError,
            "'cities' is an alias of collection 'all': a restore onto it would overwrite 'all'; nothing was changed",
        ),
        (
            want(),
            BROKEN,
            make_offer(),
            RefusedError,
            "collection 'cities' is there and does not answer (Dirty shard); left as it is",
        ),
        (
            want(named=False, on_existing=REPLACE),
            BROKEN,
            make_offer(),
            RefusedError,
            "collection 'cities' is there and does not answer (Dirty shard); left as it is",
        ),
        (
            want(on_empty=OnEmpty.REFUSE),
            EMPTY,
            make_offer(),
            RefusedError,
            "collection 'cities' is there with no points, and on_empty is refuse; left as it is",
        ),
        (
            want(on_existing=OnExisting.REFUSE),
            FILLED,
            make_offer(),
            RefusedError,
            "collection 'cities' is there with 7 points, and on_existing is refuse; left as it is",
        ),
        (
            want(named=False, on_existing=REPLACE),
            FILLED,
            make_offer(),
            RefusedError,
            "collection 'cities' is there with 7 points and was not named by itself; left as it is",
        ),
        (
            want(on_existing=REPLACE),
            FILLED,
            None,
            RefusedError,
            "collection 'cities' holds 7 points and there is no snapshot to replace it with; left as it is",
        ),
        (
            want(on_existing=REPLACE),
            FILLED,
            make_offer(gap="made by 1.17.0, this is 1.18.3"),
            IncompatibleError,
            "collection 'cities': made by 1.17.0, this is 1.18.3; left as it is",
        ),
        (
            want(on_existing=REPLACE),
            BROKEN,
            make_offer(gap="made by 1.17.0, this is 1.18.3"),
            IncompatibleError,
            "collection 'cities': made by 1.17.0, this is 1.18.3; left as it is",
        ),
    ],
)
def test_what_is_refused_is_said(  # noqa: PLR0917 - pytest hands them over by name
    wanted: RestoreRequest, target: Target, candidate: SnapshotCandidate | None, error: type[Exception], message: str
) -> None:
    """Every refusal: its class, which is its exit status, and its whole sentence."""
    refused = plan(wanted, see(target), candidate)
    assert isinstance(refused, Refuse)
    assert (type(refused.error), str(refused.error)) == (error, message)


TARGETS = st.sampled_from([Absent(), AliasOf("towns"), EMPTY, FILLED, BROKEN, Present(0, OTHER_VECTORS)])
WANTED = st.builds(
    want,
    named=st.booleans(),
    on_existing=st.sampled_from(OnExisting),
    on_empty=st.sampled_from(OnEmpty),
    on_missing=st.sampled_from(OnMissing),
    allow_version_gap=st.booleans(),
)
OFFERS = st.sampled_from([None, make_offer(), make_offer(points=0), make_offer(gap="1.17, 1.18")])


@given(WANTED, TARGETS, OFFERS)
def test_a_foreign_mark_comes_before_everything(
    wanted: RestoreRequest, target: Target, candidate: SnapshotCandidate | None
) -> None:
    """Rule 9: whatever stands there, an interrupted or running restore of somebody's is looked at first."""
    state = see(target, ".restoring-x-1", ".restoring-x-2")
    assert plan(wanted, state, candidate) == WaitForOther(state.markers[1])
    assert required_read_depth(wanted, state) is ReadDepth.NOTHING


@given(WANTED, TARGETS, OFFERS)
def test_our_own_mark_is_not_somebodys(
    wanted: RestoreRequest, target: Target, candidate: SnapshotCandidate | None
) -> None:
    """Rule 4: the second look sees our marker too; what it decides is what it would decide without."""
    assert repr(plan(wanted, see(target, OWN), candidate, own=OWN)) == repr(plan(wanted, see(target), candidate))


@given(WANTED, TARGETS, OFFERS)
def test_points_are_replaced_only_when_that_was_asked_for_by_name(
    wanted: RestoreRequest, target: Target, candidate: SnapshotCandidate | None
) -> None:
    """No policy and no state leads to sending onto points, unless `replace` was said and the name was given."""
    decided = plan(wanted, see(target), candidate)
    replaces = isinstance(decided, Restore) and (
        decided.was is TargetBefore.PRESENT or isinstance(target, UnreadableCollection)
    )
    asked = wanted.named and wanted.policies.on_existing is REPLACE
    assert asked or not replaces
    assert not isinstance(decided, Restore) or not isinstance(target, AliasOf)


@given(WANTED, TARGETS, OFFERS)
def test_what_is_planned_to_be_sent_was_looked_into(
    wanted: RestoreRequest, target: Target, candidate: SnapshotCandidate | None
) -> None:
    """Rule 3: whenever something will be sent, the archive was asked for before."""
    decided = plan(wanted, see(target), candidate)
    assert not isinstance(decided, Restore) or required_read_depth(wanted, see(target)) is ReadDepth.ARCHIVE


@pytest.mark.parametrize(
    ("wanted", "target", "need"),
    [
        (want(), AliasOf("towns"), ReadDepth.NOTHING),
        (want(), BROKEN, ReadDepth.NOTHING),
        (want(), FILLED, ReadDepth.MANIFEST),
        (want(on_existing=OnExisting.REFUSE), FILLED, ReadDepth.MANIFEST),
        (want(on_empty=OnEmpty.SKIP), EMPTY, ReadDepth.NOTHING),
        (want(), EMPTY, ReadDepth.ARCHIVE),
        (want(), Absent(), ReadDepth.ARCHIVE),
        (want(on_existing=REPLACE), FILLED, ReadDepth.ARCHIVE),
        (want(on_existing=REPLACE), BROKEN, ReadDepth.ARCHIVE),
    ],
)
def test_no_more_of_the_store_is_read_than_the_decision_needs(
    wanted: RestoreRequest, target: Target, need: ReadDepth
) -> None:
    """A boot with nothing to do reads a manifest for its report, and never looks into an archive."""
    assert required_read_depth(wanted, see(target)) is need


@pytest.mark.parametrize("choice", [SnapshotChoice.PINNED, SnapshotChoice.REQUESTED])
@given(WANTED, TARGETS)
def test_a_snapshot_that_is_asked_for_by_name_is_always_looked_into(
    choice: SnapshotChoice, wanted: RestoreRequest, target: Target
) -> None:
    """Whatever stands there; when it is missing that is the error, unless a policy says to go on."""
    named = msgspec.structs.replace(wanted, choice=choice)
    assert required_read_depth(named, see(target, "another's")) is ReadDepth.ARCHIVE
    is_refused = plan(named, see(target, "another's")) == Refuse(MISSING)
    assert is_refused is (wanted.policies.on_missing is OnMissing.REFUSE)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (SnapshotChoice.LATEST, Skip(SkipReason.PRESENT, 7)),
        (SnapshotChoice.PINNED, Skip(SkipReason.PRESENT, 7)),
        (SnapshotChoice.REQUESTED, Refuse),
    ],
)
def test_only_a_snapshot_that_was_typed_is_refused_where_points_are(choice: SnapshotChoice, expected: Any) -> None:  # noqa: ANN401 - a plan or its class
    """A boot that pins its snapshot goes on."""
    decided = plan(msgspec.structs.replace(want(), choice=choice), see(FILLED), make_offer())
    assert decided == expected or type(decided) is expected


def test_a_key_that_cannot_see_marks_never_says_whole() -> None:
    """Rule 2: "present, markers could not be checked"."""
    assert plan(want(), see(FILLED, hidden=True), make_offer()) == Skip(SkipReason.PRESENT_MARKS_HIDDEN, 7)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("params", {"vectors": {"size": 4, "distance": "Dot"}, "shard_number": 1}),
        ("params", {"vectors": {"size": 4, "distance": "Cosine"}, "shard_number": 2}),
        ("params", {"vectors": {"size": 4, "distance": "Cosine"}, "shard_number": 1, "replication_factor": 2}),
        ("hnsw_config", {"m": 24}),
        ("optimizer_config", {"indexing_threshold": 20000}),
        ("wal_config", {"wal_capacity_mb": 64}),
        ("quantization_config", {"scalar": {"type": "int8"}}),
        ("strict_mode_config", {"enabled": True}),
        ("metadata", {"owner": "ops"}),
    ],
)
def test_any_part_that_differs_is_another_configuration(part: str, value: dict[str, Any]) -> None:
    """Rule 5: recovering onto a collection keeps all of its own, so one different part means to remove it first."""
    assert not has_same_configuration(make_offer(), Present(7, make_info({**CONFIG, part: value})))


def test_what_is_not_set_and_what_is_null_are_the_same() -> None:
    """An archive writes null where the server leaves a key out."""
    written = {**CONFIG, "strict_mode_config": None, "metadata": {}, "params": {**CONFIG["params"], "read": None}}
    assert has_same_configuration(make_offer(), Present(7, make_info(written)))
