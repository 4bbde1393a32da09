"""A Compose project of one test: a folder with a copy of the files, a name of its own, any free ports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.compose.server import Server

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKER = os.environ.get("DOCKER", "docker")
QDRANT_IMAGE = os.environ.get("QDRANT_IMAGE") or "qdrant/qdrant:v1.18.3"
# What the engine's client needs of our environment, and nothing that a compose file would read.
PASSED_ON = ("PATH", "HOME", "USER", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY",
             "NO_PROXY", "PYTHON_IMAGE", "PIP_INDEX_URL", "PIP_TRUSTED_HOST")  # fmt: skip
TIMEOUT_SECONDS = 240


def run_docker(
    *arguments: str, environment: dict[str, str] | None = None, folder: Path = REPOSITORY
) -> CommandResult:
    """Run the engine's client to its end, with only the given environment beside the engine's own variables."""
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("DOCKER_")}
    done = subprocess.run(
        [DOCKER, *arguments],
        cwd=folder,
        env=passed | (environment or {}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class CommandResult:
    """The result of a command: its exit status and its output."""

    status: int
    stdout: str
    stderr: str

    def expect(self, status: int = 0) -> CommandResult:
        """Return itself when it ended as expected; otherwise show everything it wrote."""
        assert self.status == status, f"exit status {self.status}, not {status}\n{self.stdout}\n{self.stderr}"
        return self


@dataclass
class Project:
    """A folder with compose files, and what a person can do with them."""

    folder: Path
    name: str
    files: tuple[str, ...] = ("docker-compose.yml",)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        """Where the project keeps its snapshots."""
        return self.folder / "qdrant_snapshots"

    def compose(self, *arguments: str) -> CommandResult:
        """Run `docker compose` in the project's folder."""
        files = [word for name in self.files for word in ("-f", name)]
        environment = {
            "COMPOSE_PROJECT_NAME": self.name,
            "QDRANT_IMAGE": QDRANT_IMAGE,
            "QDRANT_PORT": "0",
            "APPLICATION_PORT": "0",
            "COMPOSE_ANSI": "never",
            **self.settings,
        }
        return run_docker("compose", *files, *arguments, environment=environment, folder=self.folder)

    def up(self) -> CommandResult:
        """Start everything and wait until it is healthy, as CI scripts do."""
        return self.compose("up", "-d", "--wait")

    def run(self, service: str, *command: str) -> CommandResult:
        """Run one service once with another command, and remove its container."""
        return self.compose("run", "--rm", "-T", service, *command)

    def inspect(self, service: str) -> dict[str, Any]:
        """Return the engine's description of a service's container, running or not."""
        container = self.compose("ps", "-a", "-q", service).expect().stdout.strip()
        (found,) = json.loads(run_docker("inspect", container).expect().stdout)
        return dict(found)

    def logs(self, service: str) -> str:
        """Return everything that a service's container wrote."""
        return self.compose("logs", "--no-log-prefix", service).expect().stdout

    def server(self, key: str = "") -> Server:
        """Return the project's Qdrant as it can be reached from here; the port changes when it restarts."""
        return Server(f"http://{self.compose('port', 'qdrant', '6333').expect().stdout.strip()}", key)

    def write_dotenv(self, **variables: str) -> None:
        """Write the project's `.env`."""
        lines = [f"{name}={value}\n" for name, value in variables.items()]
        (self.folder / ".env").write_text("".join(lines), encoding="utf-8")

    def write_override(self, text: str, name: str = "docker-compose.override.yml") -> None:
        """Write one more compose file that is merged into the ones before, as a person would."""
        (self.folder / name).write_text(text, encoding="utf-8")
        self.files = (*self.files, name)

    def remove(self) -> None:
        """Remove containers, networks and volumes of every profile."""
        self.compose("--profile", "*", "down", "-v", "--remove-orphans", "--timeout", "2")


def copy_shipped_files(folder: Path) -> None:
    """Copy what `docker compose up` at the top of the repository needs, without the snapshots."""
    for name in ("docker-compose.yml", "docker-compose.env"):
        shutil.copy(REPOSITORY / name, folder)
    shutil.copytree(REPOSITORY / "examples" / "application", folder / "examples" / "application")
    (folder / "qdrant_snapshots").mkdir()
    shutil.copy(REPOSITORY / "qdrant_snapshots" / "README.md", folder / "qdrant_snapshots")
