"""Stored bytes that were changed are told from a key that is another one, before a person looks for the right key."""

import json
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from restore.snapshots.age import AgeIdentities, load_recipients
from restore.snapshots.codec import Encoder
from tests.support.program import run_program
from tests.support.run_publish import FIRST
from tests.support.store_harness import make_directory_harness

Publish = Callable[[str], Path]


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    """Return a function that publishes an encrypted snapshot into `store`, and returns its path."""
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{identity}\n")
    (tmp_path / "other").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    (tmp_path / "recipients").write_text(f"{identity.to_public()}\n")
    harness = make_directory_harness(tmp_path / "store", AgeIdentities(str(tmp_path / "identity")))

    def run(encoding: str) -> Path:
        encoder = Encoder(compress=encoding == ".zst.age", recipients=load_recipients(str(tmp_path / "recipients")))
        return tmp_path / "store" / harness.publish(b"points" * 1000, FIRST, encoder=encoder).file

    return run


def verify(path: Path, identity: str) -> tuple[int, str]:
    """Verify the store to its full depth and return the status and what was found."""
    result = run_program(
        "verify", "--depth", "archive", "--identity-file", identity, "--store", "store", "--json", cwd=path
    )
    report = json.loads(result.stdout)
    return result.status, next(one["problem"] for one in report["files"] if one["kind"] == "snapshot")


@pytest.mark.parametrize("encoding", [".age", ".zst.age"])
@pytest.mark.parametrize("line", [1, 2])
def test_a_flipped_bit_in_the_header_is_damage(publish: Publish, tmp_path: Path, line: int, encoding: str) -> None:
    """In the recipient's line or in the wrapped key: 13, recorded, and shown by `list`."""
    file = publish(encoding)
    content = bytearray(file.read_bytes())
    position = sum(len(one) + 1 for one in content.split(b"\n")[:line]) + 12
    content[position] = ord("A") if content[position] != ord("A") else ord("B")
    file.write_bytes(content)
    status, problem = verify(tmp_path, "identity")

    assert status == 13
    assert problem.startswith(f"snapshot '{file.name}' has checksum ")
    assert "failed its last check" in run_program("list", "--store", "store", cwd=tmp_path).stdout


def test_another_key_is_still_another_key(publish: Publish, tmp_path: Path) -> None:
    """The bytes are as promised: 19, and nothing is recorded."""
    file = publish(".age")
    status, problem = verify(tmp_path, "other")

    assert (status, problem.partition(";")[0]) == (
        19,
        f"snapshot '{file.name}' is encrypted for another key than the one given",
    )
    assert not Path(f"{file}.check.json").exists()
