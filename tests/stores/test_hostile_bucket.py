"""A bucket that somebody else writes to: documents that are none of ours, and objects under names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.errors import LockedError
from restore.stores.bucket.credentials import open_client
from restore.stores.layout import LEASE_FILE, PROVEN_FILE, SCHEDULE_FILE
from restore.stores.location import parse_location
from tests.stores.conftest import BucketScenario
from tests.support.canaries import run_echo
from tests.support.hostile_files import CONTENTS
from tests.support.program import run_program
from tests.support.tls_relay import open_tls

pytestmark = pytest.mark.xdist_group("buckets")

FILE = "cities_20261120_120000.snapshot"
DOCUMENTS = (
    f"{FILE}.json",
    f"{FILE}.pin.json",
    f"{FILE}.check.json",
    "20261120_120000_0123abcd.set.json",
    ".journal-0123abcd.json",
    SCHEDULE_FILE,
    PROVEN_FILE,
    LEASE_FILE,
)
COMMANDS = (("list",), ("list", "--sets"), ("prune", "--keep-last", "1"), ("verify",))


@pytest.mark.parametrize("content", CONTENTS)
def test_no_document_in_a_bucket_ends_a_command_but_by_its_own_status(content: str, scenario: BucketScenario) -> None:
    """Every kind of document, all spoiled at once; the snapshot without a manifest of ours stays."""
    file = scenario.add()
    for name in DOCUMENTS:
        scenario.harness.write(name, CONTENTS[content])
    result = [scenario.run(*words, RESTORE_LOCK_TIMEOUT="2") for words in COMMANDS]
    output = "".join(one.stdout + one.stderr for one in result)

    assert [one.status for one in result if one.status not in {0, 3, 11, 13, 14}] == []
    assert "Traceback" not in output
    assert file in [entry.file for entry in scenario.harness.open().list_entries()]


def test_a_lease_of_somebody_who_claims_for_ever_is_waited_for_no_longer_than_told(scenario: BucketScenario) -> None:
    """A lease that expires in a thousand years delays a run only by its lock timeout."""
    note = b'{"token":"x","holder":"a liar","since":"1970","beat":0,"lease_seconds":1e308}'
    scenario.harness.write(LEASE_FILE, note)
    with pytest.raises(LockedError, match="is locked by a liar since 1970"), scenario.harness.open().lock(1.0):
        pass


@pytest.mark.parametrize(
    "key",
    [
        "x/cities_20260101_120000.snapshot",
        "cities/x/cities_20260101_120000.snapshot",
        "cities/towns_20260101_120000.snapshot",
        "cities_20260101_120000.snapshot",
        "cities/%2e%2e/cities_20260101_120000.snapshot",
        "cities/..%2Fx_20260101_120000.snapshot",
        "cities/.hidden_20260101_120000.snapshot",
        "cities/caf\u00e9 \U0001f30d_20260101_120000.snapshot",
    ],
)
def test_an_object_under_a_name_of_its_own_is_nobodys(key: str, scenario: BucketScenario) -> None:
    """With or without a manifest, it is neither restored, nor listed as ours, nor deleted."""
    file = scenario.add()
    client = open_client(parse_location(scenario.harness.name), scenario.server.environment)
    for name in (key, f"{key}.json"):
        client.put(f"backups/{name}", b"somebody's")
    pruned = scenario.run("prune", "--keep-last", "1")
    store = scenario.harness.open()
    latest = store.find_snapshot("cities")
    left = client.find(f"backups/{key}")

    assert (pruned.status, latest and latest.file) == (0, file)
    assert (left and left.size, [one.file for one in store.list_snapshots("cities")]) == (10, [file])


@pytest.mark.parametrize(
    "variable", ["", "AWS_ALLOW_INVALID_CERTIFICATES", "ALLOW_INVALID_CERTIFICATES", "AWS_ALLOW_HTTP"]
)
def test_no_variable_makes_a_bucket_accept_any_certificate(variable: str, tmp_path: Path) -> None:
    """AWS_CA_BUNDLE names the authorities to trust; nothing switches the check of certificates off."""
    given = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "RESTORE_STORE": "s3://bucket/backups",
        **({variable: "true"} if variable else {}),
    }
    with run_echo(403, "xml") as echo, open_tls(echo.url) as port:
        result = run_program(
            "list", cwd=tmp_path, environment={**given, "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}"}
        )

    assert (result.status, "its certificate was not accepted" in result.stderr) == (18, True)
