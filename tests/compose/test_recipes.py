"""The blocks of docs/compose.md, run as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.compose.project import REPOSITORY, Project

RECIPES = (REPOSITORY / "docs" / "compose.md").read_text(encoding="utf-8")


def read_recipe(name: str) -> str:
    """Return the block behind the marker `override: NAME`."""
    (block,) = re.findall(rf"<!-- override: {name} -->\n```yaml\n(.*?)```", RECIPES, re.DOTALL)
    return str(block)


def make_certificates(folder: Path) -> None:
    """Make an authority, and a certificate that it signed for the name `qdrant`, with the openssl program."""
    folder.mkdir()
    make_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    commands = [
        ("req", "-x509", *make_key, "-days", "2", "-subj", "/CN=tests", "-keyout", "ca-key.pem", "-out", "ca.pem"),
        ("req", *make_key, "-subj", "/CN=qdrant", "-keyout", "key.pem", "-out", "request.pem"),
        ("x509", "-req", "-days", "2", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem",
         "-CAcreateserial", "-extfile", "names", "-out", "cert.pem"),
    ]  # fmt: skip
    (folder / "names").write_text("subjectAltName=DNS:qdrant\n", encoding="utf-8")
    for command in commands:
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True, timeout=60)
    for path in folder.iterdir():
        path.chmod(0o644)


def test_a_settings_file_gives_each_collection_its_own_choices(filled_project: Project) -> None:
    """`restore.yaml` is mounted and named; what it says of one collection holds for that one."""
    filled_project.write_override(read_recipe("settings-file"))
    (filled_project.folder / "restore.yaml").write_text(
        "collections:\n  towns: {to: villages}\n  cities: {transfer: upload}\n", encoding="utf-8"
    )

    filled_project.up().expect(0)

    assert filled_project.server().collections() == ["cities", "villages"]
    assert filled_project.server().transfers() == {"server-file": 1, "upload": 1}


def test_a_key_in_a_secret_file_stands_in_no_environment(filled_project: Project) -> None:
    """Qdrant, the restore and the application take the key from `/run/secrets`; inspecting them shows nothing."""
    filled_project.write_override(read_recipe("secret"))
    (filled_project.folder / "qdrant_api_key.txt").write_text("kept-in-a-file\n", encoding="utf-8")

    filled_project.up().expect(0)

    assert filled_project.server().status("/collections") == 401
    assert filled_project.server(key="kept-in-a-file").collections() == ["cities", "towns"]
    shown = [str(filled_project.inspect(service)) for service in ("qdrant", "qdrant-restore", "application")]
    assert [text for text in shown if "kept-in-a-file" in text] == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates with")
def test_tls_with_an_authority_of_ones_own(filled_project: Project) -> None:
    """Qdrant serves https only, and the restore and the application trust the authority in the file."""
    filled_project.write_override(read_recipe("tls"))
    make_certificates(filled_project.folder / "tls")

    filled_project.up().expect(0)

    assert "cities: 300 points" in filled_project.logs("application")
    assert "towns: 7 points" in filled_project.logs("application")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates with")
def test_a_certificate_of_an_unknown_authority_is_refused(filled_project: Project) -> None:
    """Without the authority's file the restore ends with a reason, and the application does not start."""
    filled_project.write_override(read_recipe("tls").replace("      RESTORE_CA_FILE: /tls/ca.pem\n", ""))
    make_certificates(filled_project.folder / "tls")
    filled_project.settings["RESTORE_WAIT_TIMEOUT"] = "5"

    filled_project.up().expect(1)

    assert filled_project.inspect("qdrant-restore")["State"]["ExitCode"] == 17
    assert "certificate" in filled_project.logs("qdrant-restore")
    assert filled_project.inspect("application")["State"]["Status"] == "created"


def leave_application_out(project: Project) -> None:
    """Take the application away, as in a project that has no service waiting for the restore."""
    project.write_override("services:\n  application:\n    profiles: [never]\n", "without.yml")


def end_the_restore_at_once(project: Project) -> None:
    """Let the restore end with 0 before Compose looks for the first time."""
    project.write_override('services:\n  qdrant-restore:\n    entrypoint: ["true"]\n', "quick.yml")


def test_without_a_dependent_service_a_restore_that_was_quick_makes_up_with_wait_fail(
    filled_project: Project,
) -> None:
    """Compose counts a container that ended before its first look, with 0, as a failure; hence the recipe."""
    leave_application_out(filled_project)
    end_the_restore_at_once(filled_project)

    filled_project.up().expect(1)

    assert filled_project.inspect("qdrant-restore")["State"]["ExitCode"] == 0


def test_with_the_recipe_a_restore_that_was_quick_lets_up_with_wait_succeed(filled_project: Project) -> None:
    """The same container with the recipe: that it ended is what the other service waited for."""
    leave_application_out(filled_project)
    end_the_restore_at_once(filled_project)
    filled_project.write_override(read_recipe("wait"))

    filled_project.up().expect(0)

    assert filled_project.inspect("qdrant-restore")["State"]["ExitCode"] == 0


def test_the_recipe_for_up_with_wait_succeeds_twice(filled_project: Project) -> None:
    """A service that does nothing but wait for the restore makes the first and the second `--wait` succeed."""
    filled_project.write_override(read_recipe("wait"))
    leave_application_out(filled_project)

    filled_project.up().expect(0)
    filled_project.up().expect(0)

    assert filled_project.server().collections() == ["cities", "towns"]


def test_without_the_servers_mount_the_snapshots_are_uploaded(filled_project: Project) -> None:
    """The restore needs nothing but the network; an upload leaves no file on the server."""
    filled_project.write_override(
        "services:\n  qdrant:\n    volumes: !override\n      - qdrant_storage:/qdrant/storage\n"
    )

    filled_project.up().expect(0)

    server = filled_project.server()
    assert server.transfers() == {"server-file": 0, "upload": 2}
    assert server.ask("GET", "/collections/cities/snapshots") == []
    assert len(server.points("cities")) == 300
