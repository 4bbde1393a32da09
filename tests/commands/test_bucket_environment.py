"""What the environment says about a bucket is checked before a library sees it: some of it would end the process."""

from pathlib import Path

import pytest
from obstore.store import S3Store

from restore.errors import StoreError
from restore.stores.bucket.client import BucketClient
from restore.stores.bucket.credentials import open_client
from restore.stores.location import parse_location
from tests.support.program import run_program

KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
AZURE = {"AZURE_STORAGE_ACCOUNT": "me"}


PORT = "has a host or port that is none (a port is a number up to 65535)"
CONTROL = "has a control character in it (Windows line ends?)"
ENDPOINT = "AWS_ENDPOINT_URL"
EMULATOR = "STORAGE_EMULATOR_HOST"


@pytest.mark.parametrize(
    ("store", "variable", "value", "sentence"),
    [
        ("s3", ENDPOINT, "minio:9000", "{}: 'minio:9000' has no scheme (did you mean http://minio:9000?)"),
        ("s3", "AWS_ENDPOINT_URL_S3", "minio", "{}: 'minio' has no scheme (did you mean http://minio?)"),
        ("s3", ENDPOINT, "http://localhost:99999", f"{{}}: 'http://localhost:99999' {PORT}"),
        ("s3", ENDPOINT, "http://", "{}: 'http://' has no host, or port 0"),
        ("s3", ENDPOINT, "ftp://x", "{}: 'ftp://x' begins with ftp://, an endpoint is http:// or https://"),
        ("s3", ENDPOINT, "http://lo cal", "{}: 'http://lo cal' has a character that no URL has"),
        ("s3", ENDPOINT, "me:canary@x:90", "{}: 'x:90' has no scheme (did you mean http://x:90?)"),
        ("s3", "AWS_ACCESS_KEY_ID", "canary\r", f"{{}} {CONTROL}"),
        ("s3", "AWS_REGION", "eu\r", f"{{}} {CONTROL}"),
        ("gs", EMULATOR, "localhost:99999", f"{{}}: 'http://localhost:99999' {PORT}"),
        (
            "az",
            "AZURE_ENDPOINT",
            "x",
            "the endpoint of Azure's variables: 'x' has no scheme (did you mean http://x?)",
        ),
        ("az", "AZURE_STORAGE_KEY", "canary\r", f"{{}} {CONTROL}"),
    ],
)
def test_a_value_that_is_none_is_told(  # noqa: PLR0917 - the table's columns
    store: str, variable: str, value: str, sentence: str, tmp_path: Path
) -> None:
    """Status 2 and the name of the variable, never its secret."""
    environment = {**KEYS, **AZURE, variable: value, "RESTORE_STORE": f"{store}://backups/daily"}
    result = run_program("list", cwd=tmp_path, environment=environment)

    assert (result.status, result.stderr.splitlines()) == (
        2,
        [f"error: {sentence.format(variable)}", "hint: docs/stores.md lists the variables that are read"],
    )


def test_a_panic_of_the_library_is_one_sentence() -> None:
    """It is no `Exception`, and would end `serve`. No server is needed: it fails while signing."""
    store = S3Store(
        "backups",
        config={"endpoint": "http://127.0.0.1:9", "access_key_id": "x\r", "secret_access_key": "x", "region": "r"},
        client_options={"allow_http": True},
    )
    with pytest.raises(StoreError, match=r"^store 's3://backups': the package 'obstore' broke off$"):
        BucketClient(store, "s3://backups", upload_store=store).find("x")


def test_other_kinds_of_stores_are_not_asked_about(tmp_path: Path) -> None:
    """A variable of AWS is nothing to Azure."""
    open_client(parse_location("az://backups"), {**AZURE, "AWS_REGION": "eu\r", "HOME": str(tmp_path)})
