"""Real bucket servers on loopback: MinIO, fake-gcs-server and Azurite, each with a way to make buckets."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.support.bucket_server_installs import AZURITE, FAKE_GCS, MINIO, find_go, find_npm
from tests.support.gcs_xml_front import GcsFront

_READY_SECONDS = 60.0
# Azurite's well-known account; it has no other secret.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclasses.dataclass(frozen=True)
class BucketServer:
    """A server that runs. `scheme` is that of its URLs; `environment` is what a client of it is given."""

    scheme: str
    url: str
    environment: Mapping[str, str]
    make: Callable[[str], None]

    def make_bucket(self) -> str:
        """Make a bucket of a test's own and return its name."""
        name = f"test-{secrets.token_hex(6)}"
        self.make(name)
        return name


@contextlib.contextmanager
def run_minio(root: Path) -> Iterator[BucketServer]:
    """Run MinIO. Its root's key and secret are random."""
    program = find_go(MINIO)
    port = _find_port()
    user, password = "root" + secrets.token_hex(4), secrets.token_hex(16)
    environment = {"MINIO_ROOT_USER": user, "MINIO_ROOT_PASSWORD": password, "MINIO_BROWSER": "off"}
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "server", "--quiet", "--address", f"127.0.0.1:{port}", str(root / "minio")]

    def make(name: str) -> None:
        # What lies at the top of its directory is a bucket.
        (root / "minio" / name).mkdir()

    with _run(command, root, environment, f"{url}/minio/health/live"):
        given = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": password,
            "AWS_REGION": "us-east-1",
        }
        yield BucketServer("s3", url, given, make)


@contextlib.contextmanager
def run_fake_gcs(root: Path) -> Iterator[BucketServer]:
    """Run fake-gcs-server, which asks for no key."""
    program = find_go(FAKE_GCS)
    port = _find_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "filesystem"]
    command += ["-filesystem-root", str(root / "gcs"), "-public-host", f"127.0.0.1:{port}", "-log-level", "error"]
    command += ["-external-url", url]

    def make(name: str) -> None:
        body = f'{{"name":"{name}"}}'.encode()
        _send(urllib.request.Request(f"{url}/storage/v1/b?project=test", body, {"Content-Type": "application/json"}))

    with _run(command, root, {}, f"{url}/storage/v1/b?project=test"), GcsFront(url) as front:
        yield BucketServer("gs", front.url, {"STORAGE_EMULATOR_HOST": front.url}, make)


@contextlib.contextmanager
def run_azurite(root: Path) -> Iterator[BucketServer]:
    """Run Azurite's blob service."""
    program = find_npm(AZURITE, "azurite-blob")
    port = _find_port()
    url = f"http://127.0.0.1:{port}/devstoreaccount1"
    command = [str(program), "--silent", "--skipApiVersionCheck", "--location", str(root / "azurite")]
    command += ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--disableTelemetry"]
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURITE_KEY};BlobEndpoint={url}"
    )

    def make(name: str) -> None:
        _make_container(url, name)

    with _run(command, root, {}, f"{url}?comp=list"):
        yield BucketServer("az", url, {"AZURE_STORAGE_CONNECTION_STRING": connection}, make)


@contextlib.contextmanager
def _run(command: list[str], root: Path, environment: dict[str, str], ready: str) -> Iterator[None]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    root.mkdir(parents=True, exist_ok=True)
    with (root / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=root, env={**kept, **environment}, stdout=log, stderr=log)
    try:
        _wait(ready, server, root / "server.log")
        yield
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            _send(urllib.request.Request(url))
        except urllib.error.HTTPError:
            # It answers, and asks for a key.
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"a bucket server did not come up: {log.read_text(errors='replace')[-500:]}")


def _send(request: urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=5) as answer:
        return bytes(answer.read())


def _make_container(url: str, name: str) -> None:
    """Make a container, signed with the account's key as the service asks for it (Shared Key)."""
    import base64
    import hashlib
    import hmac
    from email.utils import formatdate

    date, version, account = formatdate(usegmt=True), "2021-08-06", "devstoreaccount1"
    resource = f"/{account}/{account}/{name}\nrestype:container"
    text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n{resource}"
    digest = hmac.new(base64.b64decode(AZURITE_KEY), text.encode(), hashlib.sha256).digest()
    headers = {"x-ms-date": date, "x-ms-version": version}
    headers |= {"Authorization": f"SharedKey {account}:{base64.b64encode(digest).decode()}", "Content-Length": "0"}
    _send(urllib.request.Request(f"{url}/{name}?restype=container", method="PUT", headers=headers))


def _find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
