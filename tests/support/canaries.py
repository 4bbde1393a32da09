"""Secrets that can be recognised wherever they turn up, for every place where one may stand; and an echo."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from restore.settings.option import Option
from restore.settings.options.table import OPTIONS

SECRETS = tuple(row for row in OPTIONS if row.secret)
# With what JSON, a shell and a URL would write otherwise.
READY = '{"title":"qdrant - vector search engine","version":"1.18.3"}'
_ODD = "\"'%<&>"


def make_canary(name: str) -> str:
    """Return a secret of its own for each place."""
    return f"canary-{name.lower()}-5f2c19d07be3"


def make_value(row: Option, url: str) -> str:
    """Return the value of a secret setting: a key with odd characters, or a URL with secrets in all its parts."""
    canary = make_canary(row.name)
    if row.placeholder != "URL":
        return canary + _ODD
    host = url.removeprefix("http://")
    return f"http://{host}/{canary}-path/{{command}}?key={canary}-query#{canary}-end"


def list_forms(name: str) -> tuple[str, ...]:
    """Return how the secret of a place could be written."""
    canary = make_canary(name)
    encoded = base64.b64encode(canary.encode()).decode()
    return (
        canary,
        quote(canary),
        html.escape(canary),
        json.dumps(canary)[1:-1],
        encoded[:20],
        canary[:-4],
        canary[-12:],
    )


@dataclass
class PlantedSecrets:
    """Variables with a secret in each; `names` are the places."""

    environment: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def add(self, variable: str, value: str = "") -> None:
        """Set a variable to a secret, or to what holds one of its name."""
        self.environment[variable] = value or make_canary(variable)
        self.names.append(variable)

    def find(self, text: str) -> list[str]:
        """Return the places whose secret stands in a text."""
        shared = "-5f2c19d07be3"
        found = [name for name in self.names if any(form in text for form in list_forms(name)[:6])]
        return found or (["somebody's"] if shared in text else [])


def plant_settings(planted: PlantedSecrets, url: str) -> None:
    """Plant a secret in every setting of the table that is one."""
    for row in SECRETS:
        planted.environment[row.environment_name] = make_value(row, url)
        planted.names.append(row.name)


def plant_around(planted: PlantedSecrets, folder: Path, url: str) -> None:
    """Plant secrets where the providers' tools have theirs: variables, profiles, key files, proxies, an identity."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        planted.add(variable)
    folder.mkdir(exist_ok=True)
    profile = folder / "credentials"
    profile.write_text(
        f"[default]\naws_access_key_id = {make_canary('profile-id')}\n"
        f"aws_secret_access_key = {make_canary('profile-key')}\naws_session_token = {make_canary('profile-token')}\n"
    )
    planted.environment["AWS_SHARED_CREDENTIALS_FILE"] = str(profile)
    planted.names += ["profile-id", "profile-key", "profile-token"]
    planted.add("AZURE_STORAGE_SAS_TOKEN", f"sv=2021-08-06&sig={make_canary('AZURE_STORAGE_SAS_TOKEN')}")
    key = base64.b64encode(make_canary("AZURE_STORAGE_CONNECTION_STRING").encode()).decode()
    connection = f"AccountName=devstoreaccount1;AccountKey={key};BlobEndpoint={url}/devstoreaccount1"
    planted.add("AZURE_STORAGE_CONNECTION_STRING", connection)
    service = folder / "service.json"
    service.write_text(json.dumps({"type": "service_account", "private_key": make_canary("service-key")}))
    planted.environment["GOOGLE_APPLICATION_CREDENTIALS"] = str(service)
    planted.names.append("service-key")
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        planted.add(variable, f"http://user:{make_canary(variable)}@{url.removeprefix('http://')}")
    planted.environment["NO_PROXY"] = "127.0.0.1"
    identity = folder / "identity"
    identity.write_text(f"# {make_canary('identity')}\nAGE-SECRET-KEY-1{make_canary('identity').upper()}\n")
    planted.environment["RESTORE_IDENTITY_FILE"] = str(identity)
    planted.names.append("identity")
    planted.environment |= {"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", "STORAGE_EMULATOR_HOST": url}
    planted.environment["AWS_EC2_METADATA_DISABLED"] = "true"


@dataclass
class EchoServer:
    """A server that answers every request with the request itself, in the given form and with a given status."""

    status: int
    form: str
    port: int = 0

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def write(self, head: str) -> tuple[str, str]:
        """Return a body and its type."""
        match self.form:
            case "json":
                return json.dumps({"status": {"error": head}, "result": {"version": head}}), "application/json"
            case "html":
                return f"<p>{html.escape(head)}</p>", "text/html"
            case "xml":
                return f"<Error><Code>AccessDenied</Code><Message>{html.escape(head)}</Message></Error>", "text/xml"
            case "url":
                return quote(head), "text/plain"
            case _:
                return head, "text/plain"


@contextlib.contextmanager
def run_echo(status: int, form: str) -> Iterator[EchoServer]:
    """Run one on loopback."""
    echo = EchoServer(status, form)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        echo.port = int(listening.getsockname()[1])
        threading.Thread(target=_accept, args=(listening, echo), daemon=True).start()
        yield echo


def _accept(listening: socket.socket, echo: EchoServer) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(client, echo), daemon=True).start()


def _answer(client: socket.socket, echo: EchoServer) -> None:
    with contextlib.suppress(OSError), client:
        client.settimeout(5)
        head = b""
        while b"\r\n\r\n" not in head and (block := client.recv(1 << 16)):
            head += block
        begin = head.split(b"\r\n", 1)[0]
        # It passes for a Qdrant that is ready, or nothing else would be asked of it.
        healthy = {b"GET / HTTP/1.1": READY, b"GET /readyz HTTP/1.1": READY}.get(begin)
        body, kind = (healthy, "application/json") if healthy else echo.write(head.decode("latin-1"))
        status = 200 if healthy else echo.status
        content = body.encode()
        lines = f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
        client.sendall(f"{lines}Connection: close\r\n\r\n".encode() + content)
        client.shutdown(socket.SHUT_WR)
        client.recv(1 << 16)
