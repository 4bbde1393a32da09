"""Several restores at once: of one collection, and beside a holder that lives or dies meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from restore.recovery.marker.model import Phase, TargetBefore
from tests.support.fast_clock import FastClock
from tests.support.recording_proxy import Fault, RecordedRequest
from tests.support.restore_scenario import RestoreScenario
from tests.support.run_restore import RecordedLog, TimedResult
from tests.support.server_under_test import path

SENDING = r"snapshots/(recover|upload)"
UPLOADING = r"POST .*snapshots/upload"


def test_of_two_restores_at_once_one_restores_and_the_other_reports_it_present(scenario: RestoreScenario) -> None:
    """The other waits until the first one's marker is gone, then examines again; sent once (rule 9)."""
    scenario.add()
    scenario.proxy.inject(UPLOADING, Fault(delay=3.0), times=1)
    ends = run_together(scenario, 2)
    assert sorted(end.outcome["result"] for end in ends) == ["restored", "skipped_exists"]
    assert [end.status for end in ends] == [0, 0]
    assert [end.outcome["points"] for end in ends] == [43, 43]
    assert len(scenario.proxy.find(UPLOADING)) == 1
    assert scenario.state == scenario.promise()


def test_of_six_restores_at_once_one_restores(scenario: RestoreScenario) -> None:
    """Creating the marker is atomic, so it is the lock; here all six ask for it at the same moment (rule 4)."""
    scenario.add()
    together = threading.Barrier(6, timeout=30)

    def wait_for_all(_seen: RecordedRequest) -> None:
        together.wait()

    scenario.proxy.inject(f"^PUT {path(scenario.mark)}$", Fault(before=wait_for_all), times=6)
    ends = run_together(scenario, 6)
    assert sorted(end.outcome["result"] for end in ends) == ["restored", *["skipped_exists"] * 5]
    assert len(scenario.proxy.find(UPLOADING)) == 1
    assert scenario.state == scenario.promise()


def test_a_holder_that_lives_is_waited_for_longer_than_a_dead_one(scenario: RestoreScenario) -> None:
    """Rule 9: a changing beat means alive, however long it takes: 14 s here, and nothing is taken over."""
    scenario.add()
    scenario.proxy.inject(UPLOADING, Fault(delay=14.0), times=1)
    ends = run_together(scenario, 2)
    assert sorted(end.outcome["result"] for end in ends) == ["restored", "skipped_exists"]
    assert len(scenario.proxy.find(UPLOADING)) == 1
    assert scenario.markers == []


def test_the_wait_for_a_living_holder_can_be_bounded(scenario: RestoreScenario) -> None:
    """`--lock-timeout` bounds it; status 11 names the holder, and the holder's restore goes on."""
    scenario.add()
    uploading = threading.Event()
    done = threading.Event()

    def hold(_seen: RecordedRequest) -> None:
        uploading.set()
        done.wait(30)

    scenario.proxy.inject(UPLOADING, Fault(before=hold), times=1)
    with scenario.start(scenario.name) as holder:
        assert uploading.wait(20)
        # Not so much faster that two seconds without a beat would look like ten.
        outcome = scenario.restore("--lock-timeout", "1", clock=FastClock(3))
        done.set()
        held = holder.wait()
    assert (outcome.status, f"process {holder.child.pid}" in outcome.message) == (11, True)
    assert outcome.message.endswith(f"(marker '{scenario.mark}'); left to it")
    assert (held.outcome["result"], scenario.markers) == ("restored", [])


def test_a_holder_that_dies_while_it_is_watched_is_relieved_at_once(scenario: RestoreScenario) -> None:
    """Rule 9: its last beat counts, not the one that was seen first; ten seconds later it is taken over."""
    scenario.add()
    mark = scenario.plant(Phase.MARKED, TargetBefore.ABSENT)
    token = scenario.server.metadata(mark)["token"]
    reads = 0

    def beat(_seen: RecordedRequest) -> None:
        nonlocal reads
        reads += 1
        sent = {"kind": "upload", "size": 1, "at": 1.0, "file": ""}
        metadata = {f"beat-{token}": reads, "phase": "sent" if reads > 3 else "marked", "sent": sent}
        scenario.server.ask("PATCH", path(mark), {"metadata": metadata}).result  # noqa: B018 - it asserts

    scenario.proxy.inject(f"^GET {path(mark)}$", Fault(before=beat), times=6)
    story = RecordedLog()
    outcome = scenario.restore(story=story)
    assert (outcome.result, scenario.state) == ("restored", scenario.promise())
    assert [facts["phase"] for facts in story.named("restore.taking_over")] == ["sent"]


def test_a_server_that_goes_away_while_a_mark_is_watched_is_given_up(scenario: RestoreScenario) -> None:
    """A silent server makes no holder look dead, and it is not waited for without end either (rule 9)."""
    scenario.add()
    mark = scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    away = Fault(status=500, headers={"content-type": "text/html"}, body=b"<html>away</html>")
    scenario.proxy.inject(f"^GET {path(mark)}$", away, skip=3)
    outcome = scenario.restore("--stall-timeout", "20")
    assert (outcome.status, scenario.proxy.writes, scenario.markers) == (17, [], [mark])


def test_the_mark_of_a_newer_program_that_beats_is_waited_for(scenario: RestoreScenario) -> None:
    """Rule 9: whoever changes its marker lives, also when we cannot read what it says."""
    scenario.add()
    mark = scenario.plant(Phase.MARKED, TargetBefore.ABSENT)
    metadata = {"phase": "a later idea"}
    scenario.server.ask("PATCH", path(mark), {"metadata": metadata}).result  # noqa: B018 - it asserts
    reads = 0

    def beat(_seen: RecordedRequest) -> None:
        nonlocal reads
        reads += 1
        if reads == 20:
            scenario.server.drop(mark)
        else:
            scenario.server.ask("PATCH", path(mark), {"metadata": {"beat-of-theirs": reads}})

    scenario.proxy.inject(f"^GET {path(mark)}$", Fault(before=beat))
    assert scenario.restore().result == "restored"
    assert reads >= 20


def test_two_runs_that_find_the_same_dead_one_restore_once(scenario: RestoreScenario) -> None:
    """Rule 9: both see it stale; the higher attempt is created by one of them, the other waits for it."""
    scenario.add()
    scenario.plant(Phase.SENT, TargetBefore.ABSENT)
    ends = run_together(scenario, 2)
    assert sorted(end.outcome["result"] for end in ends) == ["restored", "skipped_exists"]
    assert len(scenario.proxy.find(UPLOADING)) == 1
    assert scenario.state == scenario.promise()


def test_marks_are_never_taken_for_collections(scenario: RestoreScenario) -> None:
    """Rule 2: not in messages, not restored, not counted; a marker of another collection is no concern of ours."""
    scenario.add()
    scenario.store.add(f"{scenario.name}_v2")
    other = scenario.server.collections()
    mark = scenario.plant(Phase.SENT, TargetBefore.ABSENT, attempt=2)
    report = scenario.report(f"{scenario.name}_v2")
    assert [one.result for one in report.outcomes] == ["restored"]
    assert scenario.proxy.find(mark) == []
    assert [line for line in scenario.proxy.writes if mark in line] == []
    assert set(scenario.server.collections()) - set(other) == {mark, f"{scenario.name}_v2"}
    scenario.server.forget(f"{scenario.name}_v2")


def run_together(scenario: RestoreScenario, count: int) -> list[TimedResult]:
    """Start so many restores at once, as people do and return how each ended."""
    scenario.proxy.forget()
    with ThreadPoolExecutor(count) as pool:
        running = [scenario.start(scenario.name) for _ in range(count)]
        return list(pool.map(lambda one: one.wait(), running))
