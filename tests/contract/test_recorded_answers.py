"""The embedded Qdrant answers what a real 1.18.3 was recorded to answer.

Status, kind of body, keys and types must be the same throughout; the values too, but for the places named here. With
`QDRANT_URL` of an empty server, the part that needs no key and no kill is asked there as well: it proves the replay.
"""

from __future__ import annotations

import os
import shutil
import urllib.request
from typing import TYPE_CHECKING

import pytest

from qdrant_embedded.process import EmbeddedQdrant
from tests.support.http_client import alone
from tests.support.recorded_requests import RecordedAnswer, Replay, as_float32, load, of_recorded

if TYPE_CHECKING:
    from tests.support.recorded_requests import Recorded

RECORDED = load()
OPEN, WITH_KEYS, AFTER_CREATION, WHILE_MOVING = range(142), range(142, 197), range(197, 209), range(209, 221)
UNANSWERED = 19
"""`PUT /collections/.`: the recording client lost the connection."""
ODD_NAMES_WENT = 37
"""Before this request the recording dropped the collections with odd names, without recording it."""
KEPT = {"cities", "rich"}

IDENTITY = "it says that it is an emulation"
PLACE = "names a file, a directory or a peer of this server"
PARSER = "another JSON parser: it fails at the same text and describes the place differently"
SIZE = "the same points in an archive of another size, for the write-ahead log in it is empty"
SEGMENTS = "a fresh collection has one segment per shard, the recorded machine's had two"
OTHER_TEXT = "the recording kept only the beginning of the text"
COMPRESSED = "the recording client had unpacked what it compared"
MEANT = {
    **dict.fromkeys((0, 142, 153, 164, 175, 186), IDENTITY),
    **dict.fromkeys((20, 80, 107, 115, 125, 136), PLACE),
    **dict.fromkeys((11, 12, 14), PARSER),
    **dict.fromkeys((83, 85, 86, 100, 102, 131, 132, 133, 134, 171, 193, 205, 215), SIZE),
    **dict.fromkeys((38, 72, 200), SEGMENTS),
    **dict.fromkeys((140, 167, 169, 178, 180, 189, 191), OTHER_TEXT),
    87: COMPRESSED,
    **dict.fromkeys((207, 219), "the recorded collection had 200,000 points"),
}
"""Answers whose values differ, and why that is meant. Their shapes are the same."""

ANSWERED = [number for number in range(len(RECORDED)) if number != UNANSWERED]
BUILD = 0
"""The root: a server that was not built for a release does not know its commit."""
ON_A_REAL_SERVER = [number for number in OPEN if number not in {BUILD, UNANSWERED}]


def name_of(number: int) -> str:
    """Return a test a name that can be found in the recording."""
    return f"{number}-{RECORDED[number]['method']}-{RECORDED[number]['note'][:40].replace(' ', '-')}"


def play(replay: Replay, numbers: range) -> dict[int, RecordedAnswer]:
    """Ask for a stretch of the recording, in order."""
    answers = {}
    for number in numbers:
        if number == ODD_NAMES_WENT:
            replay.delete_all_but(KEPT)
        if number != UNANSWERED:
            answers[number] = replay.ask(number, RECORDED[number])
    return answers


def play_killed(qdrant: EmbeddedQdrant, moment: str, numbers: range) -> dict[int, RecordedAnswer]:
    """Kill the server in a recover, start it again, and ask what was asked of a server that was killed so."""
    replay = Replay(qdrant.url, str(qdrant.snapshots))
    qdrant.misbehave({"fault": "die", "moment": moment})
    with pytest.raises(ConnectionError):
        replay.ask(206, RECORDED[206])
    qdrant.wait()
    qdrant.restart()
    return play(replay, numbers)


def make_big_snapshot(qdrant: EmbeddedQdrant) -> None:
    """Put a snapshot of the recorded collection's configuration where the recording had it."""
    replay = Replay(qdrant.url, str(qdrant.snapshots))
    configuration = {"vectors": {"size": 768, "distance": "Cosine"}, "optimizers_config": {"indexing_threshold": 0}}
    point = {"points": [{"id": 7, "vector": [1.0] * 768}]}
    asked: list[Recorded] = [
        {"note": "", "method": "PUT", "path": "/collections/t", "body": configuration},
        {"note": "", "method": "PUT", "path": "/collections/t/points", "body": point},
        {"note": "snap create", "method": "POST", "path": "/collections/t/snapshots"},
    ]
    for number, one in enumerate(asked):
        replay.ask(number, one)
    shutil.rmtree(qdrant.snapshots / "t")
    replay.delete_all_but(set())
    (qdrant.snapshots / "seed").mkdir()
    (qdrant.snapshots / "seed" / "big.snapshot").write_bytes(replay.content)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[int, RecordedAnswer]:
    """Return the embedded Qdrant's answers to the whole recording."""
    storage = tmp_path_factory.mktemp("recorded")
    with EmbeddedQdrant(storage / "open") as qdrant:
        answers = play(Replay(qdrant.url, str(qdrant.snapshots)), OPEN)
    with EmbeddedQdrant(storage / "keys", api_key="full", read_only_api_key="reader") as qdrant:
        answers |= play(Replay(qdrant.url, str(qdrant.snapshots)), WITH_KEYS)
    with EmbeddedQdrant(storage / "killed", misbehaving=True) as qdrant:
        make_big_snapshot(qdrant)
        answers |= play_killed(qdrant, "after-create", AFTER_CREATION)
        answers |= play_killed(qdrant, "while-moving", WHILE_MOVING)
    return answers


@pytest.fixture(scope="module")
def real() -> dict[int, RecordedAnswer]:
    """Return the answers of the server at QDRANT_URL to the part without keys and kills."""
    url = os.environ.get("QDRANT_URL", "")
    if not url:
        pytest.skip("QDRANT_URL names no server")
    with alone(url):
        with urllib.request.urlopen(f"{url}/collections") as answer:
            if b'"collections":[]' not in answer.read():
                pytest.skip(f"the server at {url} holds collections; the recording began with none")
        replay = Replay(url, "/qdrant/snapshots")
        answers = play(replay, OPEN)
        replay.delete_all_but(set())
    return answers


@pytest.mark.parametrize("number", ANSWERED, ids=name_of)
def test_status_and_shape_are_those_of_the_recording(embedded: dict[int, RecordedAnswer], number: int) -> None:
    """Same status, same content type, same keys and types, same kind of error."""
    assert embedded[number].shape == of_recorded(RECORDED[number]).shape


@pytest.mark.parametrize("number", [number for number in ANSWERED if number not in MEANT], ids=name_of)
def test_values_are_those_of_the_recording(embedded: dict[int, RecordedAnswer], number: int) -> None:
    """The whole answer is the same, floats as float32, times taken apart."""
    assert as_float32(embedded[number].body) == as_float32(RECORDED[number]["answer"])


@pytest.mark.parametrize("number", MEANT, ids=name_of)
def test_differences_that_are_meant_are_still_there(embedded: dict[int, RecordedAnswer], number: int) -> None:
    """A reason whose difference has gone is taken off the list."""
    assert as_float32(embedded[number].body) != as_float32(RECORDED[number]["answer"])


@pytest.mark.parametrize("number", ON_A_REAL_SERVER, ids=name_of)
def test_a_real_server_still_answers_as_recorded(real: dict[int, RecordedAnswer], number: int) -> None:
    """The recording and its replay are right: the authority itself passes."""
    assert real[number].shape == of_recorded(RECORDED[number]).shape
