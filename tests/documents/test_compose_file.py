"""The compose file, the image's lock file and the example stand in step with the program."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

from restore.settings.options.table import OPTIONS
from tools.reference import COMPOSE_NAMES, write_compose_names

REPOSITORY = Path(__file__).resolve().parents[2]
# Paths on the person's machine mean nothing inside a container; docs/compose.md shows their mounts.
PATHS = {"RESTORE_CA_FILE", "RESTORE_CONFIG", "RESTORE_IDENTITY_FILE", "RESTORE_RECIPIENTS_FILE"}
SERVICES = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def read_passed_on(service: str) -> dict[str, str | None]:
    """Return the environment of a service: the names of its file, and what it sets itself; None: no value."""
    lines = (REPOSITORY / SERVICES[service]["env_file"]).read_text(encoding="utf-8").splitlines()
    named = [line.partition("=") for line in lines if line and not line.startswith("#")]
    given = {name: value if separator else None for name, separator, value in named}
    return {**given, **SERVICES[service]["environment"]}


def read_pins(name: str) -> dict[str, str]:
    """Return the version that a lock file pins for each name, for names whose files are pinned by hashes too."""
    lock = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\\n    --hash=sha256:[0-9a-f]{64}", lock, re.MULTILINE))


def test_the_compose_file_passes_every_setting_on_to_the_container() -> None:
    """A setting that a person writes into `.env` reaches the program; a new one cannot be forgotten here."""
    settings = {row.environment_name for row in OPTIONS} - {""} - PATHS

    assert set(read_passed_on("qdrant-restore")) == settings
    assert set(read_passed_on("qdrant-snapshot")) == settings


def test_the_names_that_are_passed_on_are_those_of_the_options() -> None:
    """`python -m tools.reference` writes the file."""
    assert (REPOSITORY / COMPOSE_NAMES).read_text() == write_compose_names()


def test_the_compose_file_fixes_the_url_and_the_paths_and_nothing_else() -> None:
    """What is written out wins over a person's `.env`; all the rest comes from there."""
    fixed = {name: value for name, value in read_passed_on("qdrant-restore").items() if value is not None}

    assert fixed == {
        "QDRANT_URL": "http://qdrant:6333",
        "RESTORE_STORE": "/store",
        "RESTORE_SERVER_STORE": "/qdrant/snapshots/.qdrant-restore",
    }
    assert "./qdrant_snapshots:/qdrant/snapshots/.qdrant-restore:ro,z" in SERVICES["qdrant"]["volumes"]


def test_the_image_pins_what_the_package_asks_for() -> None:
    """Every dependency in pyproject.toml, and what builds the wheel, is pinned in its range and with hashes."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = [Requirement(each) for each in project["project"]["dependencies"]]
    building = [Requirement(each) for each in project["build-system"]["requires"]]

    outside = [str(each) for each in runtime if read_pins("image.txt").get(each.name, "") not in each.specifier]
    outside += [str(each) for each in building if read_pins("build.txt").get(each.name, "") not in each.specifier]

    assert outside == []


def test_the_lock_files_name_no_index() -> None:
    """Where packages come from is the business of whoever builds."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "requirements").iterdir())]

    assert [text for text in texts if "://" in text] == []


def test_the_snippet_is_the_shipped_service_in_short() -> None:
    """What people paste names the same image and the same store as the file at the top."""
    text = (REPOSITORY / "examples" / "existing-project" / "snippet.yml").read_text(encoding="utf-8")
    (pasted,) = yaml.safe_load(text)["services"].values()
    shipped = SERVICES["qdrant-restore"]

    assert pasted["image"] == shipped["image"]
    assert pasted["volumes"] == ["./qdrant_snapshots:/store:ro,z"] == shipped["volumes"]
    assert pasted["environment"]["QDRANT_URL"] == shipped["environment"]["QDRANT_URL"]
    assert pasted["restart"] == shipped["restart"] == "no"
