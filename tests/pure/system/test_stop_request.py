"""Ending a thread by asking: its next look raises, once, and no sleep outlasts the request."""

from __future__ import annotations

import threading
import time

import pytest

from restore.errors import DeadlineReached, Failure, Interrupted, LockedError, add_facts
from restore.system.clock import Clock, StoppableClock
from restore.system.events import no_op
from restore.system.stop_request import StopRequest
from tests.support.fast_clock import FastClock


def test_only_the_first_look_raises() -> None:
    """What a thread does on its way out is not interrupted again."""
    stop, shut = StopRequest(), []
    stop.check()

    stop.request(Interrupted(15, "ended by SIGTERM"), lambda: shut.append("connection"))

    with pytest.raises(Interrupted, match="ended by SIGTERM"):
        stop.check()
    stop.check()
    assert shut == ["connection"]


def test_a_look_waits_until_the_connection_is_shut() -> None:
    """Else a connection of the way out could be shut."""
    stop, shutting, release = StopRequest(), threading.Event(), threading.Event()
    order: list[str] = []

    def shut() -> None:
        shutting.set()
        release.wait(10)
        order.append("shut")

    def look() -> None:
        with pytest.raises(Interrupted):
            stop.check()
        order.append("looked")

    asking = threading.Thread(target=stop.request, args=(Interrupted(15, "ended by SIGTERM"), shut))
    asking.start()
    shutting.wait(10)
    looking = threading.Thread(target=look)
    looking.start()
    release.set()
    asking.join()
    looking.join()

    assert order == ["shut", "looked"]


def test_a_sleep_ends_when_the_thread_is_asked_to() -> None:
    """A minute's sleep ends at the next of its looks."""
    stop = StopRequest()
    asking = threading.Timer(0.2, stop.request, (Interrupted(15, "ended by SIGTERM"), list))
    asking.start()
    begin = time.monotonic()

    with pytest.raises(Interrupted):
        StoppableClock(Clock(), stop.check).sleep(60.0)

    assert time.monotonic() - begin < 10.0


def test_a_stoppable_clock_has_the_time_of_the_other() -> None:
    """A fast clock stays fast: ten of its seconds take a hundredth of one."""
    fast = FastClock(1000.0)
    clock = StoppableClock(fast, no_op)
    begin = fast.read_seconds()

    clock.sleep(10.0)

    assert clock.read_seconds() - begin >= 10.0


@pytest.mark.parametrize(
    "error",
    [
        Interrupted(15, "ended by SIGTERM"),
        DeadlineReached(14, "not finished within the deadline of 3 s"),
        LockedError("the store is locked", hint="wait for it", waited_seconds=3.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_stays_behind_is_said_by_a_copy(error: Failure) -> None:
    """Class, status and every other field are the error's own, which is not changed."""
    copied = add_facts(error, left="a file stays")

    assert (type(copied), str(copied), error.left) == (type(error), f"{error}; a file stays", "")
    assert vars(copied) == {**vars(error), "left": "a file stays"}
