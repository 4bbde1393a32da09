"""Files that a person names: a pipe or a device in their place is told at once, never waited for."""

import os
from pathlib import Path

import pytest

from restore.errors import RestoreError
from restore.snapshots.age import AgeIdentities, load_recipients
from restore.stores.bucket.credentials import open_client
from restore.stores.location import parse_location
from tests.support.program import run_program


@pytest.fixture
def pipe(tmp_path: Path) -> str:
    """Return the path of a pipe without a writer."""
    os.mkfifo(tmp_path / "pipe")
    return str(tmp_path / "pipe")


@pytest.mark.parametrize(
    "variable", ["RESTORE_CONFIG", "QDRANT_API_KEY_FILE", "RESTORE_CA_FILE", "RESTORE_RECIPIENTS_FILE"]
)
def test_a_pipe_is_no_file_of_settings(variable: str, pipe: str, tmp_path: Path) -> None:
    """Status 2, and nothing was asked of a server."""
    (tmp_path / "README.md").touch()
    given = {"QDRANT_URL": "https://127.0.0.1:9", "RESTORE_STORE": ".", variable: pipe}
    encrypt = ("--encrypt", "age") if variable == "RESTORE_RECIPIENTS_FILE" else ()
    result = run_program("snapshot", "cities", *encrypt, cwd=tmp_path, environment=given, timeout=20)

    assert result.status == 2
    assert f"'{pipe}'" in result.stderr
    assert "it is not a plain file" in result.stderr


def test_a_pipe_is_no_file_of_keys(pipe: str) -> None:
    """Neither of recipients nor of identities."""
    with pytest.raises(RestoreError, match="it is not a plain file"):
        AgeIdentities(pipe).load("x.snapshot")
    with pytest.raises(RestoreError, match="it is not a plain file"):
        load_recipients(pipe)


@pytest.mark.parametrize(
    ("store", "variable"),
    [
        ("s3", "AWS_CA_BUNDLE"),
        ("s3", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ("gs", "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_a_pipe_is_no_file_of_credentials(store: str, variable: str, pipe: str) -> None:
    """The library would open it, and wait where no signal reaches it."""
    with pytest.raises(RestoreError, match="it is not a plain file"):
        open_client(parse_location(f"{store}://backups"), {variable: pipe})


@pytest.mark.parametrize("variable", ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"])
def test_a_pipe_is_no_profile(variable: str, pipe: str, tmp_path: Path) -> None:
    """As above, in the files of the AWS tools."""
    with pytest.raises(RestoreError, match=r"pipe' cannot be read"):
        open_client(parse_location("s3://backups"), {"HOME": str(tmp_path), variable: pipe})


def test_a_pipe_that_the_shell_opened_is_read(tmp_path: Path) -> None:
    """`--config /dev/stdin`, or `<(command)`: its writer is there."""
    reader, writer = os.pipe()
    os.write(writer, b"AGE-SECRET-KEY-none\n")
    os.close(writer)
    with pytest.raises(RestoreError, match="holds something that is no age identity"):
        AgeIdentities(f"/dev/fd/{reader}").load("x.snapshot")
    os.close(reader)


def test_the_null_device_is_an_empty_file_of_settings(tmp_path: Path) -> None:
    """`RESTORE_CONFIG=/dev/null` is how a person does without."""
    assert run_program("config", "show", cwd=tmp_path, environment={"RESTORE_CONFIG": os.devnull}).status == 0
