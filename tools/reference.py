"""Writing the reference from the options: .env.example, docker-compose.env, and blocks of the pages in docs/.

`python -m tools.reference`, run in the repository's root, writes them; a test compares what is committed. A
block stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from restore.exit_statuses import EXIT_STATUSES
from restore.monitoring.metrics import METRICS, Metric
from restore.settings.option import Option
from restore.settings.options.table import OPTIONS

EXAMPLE = Path(".env.example")
COMPOSE_NAMES = Path("docker-compose.env")
PAGES = (Path("docs/commands.md"), Path("docs/settings.md"), Path("docs/monitoring.md"))
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
_NONE = "-"

_HEAD = """\
# Settings for `docker compose` in this directory, and for the program when they are exported (set -a; . ./.env).
# Copy it to .env and take the # off what you change. Everything has a default; no .env is needed at all.
# The compose file sets QDRANT_URL and the paths of the store itself. Each setting: docs/settings.md.
"""

_OTHER_ALIASES = (
    ("--host NAME`, `--port PORT", "--qdrant-url http://NAME:PORT", "6333 when the port is left out"),
    ("--api-key KEY", "QDRANT_API_KEY", "with a warning: others can read a command line"),
)

# What only the compose file reads: default and meaning.
_COMPOSE: Mapping[str, tuple[str, str]] = {
    "QDRANT_IMAGE": ("qdrant/qdrant:v1.18.3", "The Qdrant that is started."),
    "QDRANT_PORT": ("6333", "The port on this machine under which Qdrant's HTTP API can be reached."),
    "APPLICATION_PORT": ("8000", "The port on this machine of the example application."),
    "SNAPSHOT_UID": ("1000", "The user who shall own new snapshots; `make snapshot` passes yours."),
    "SNAPSHOT_GID": ("1000", "The group that shall own new snapshots."),
}

_COMPOSE_HEAD = """\
# The settings that docker-compose.yml passes on to the program. A name without a value takes it from the shell or
# .env, and sets nothing where it is set in neither. Values belong into .env.
"""
# Paths on a person's machine mean nothing inside a container.
_PATHS = {"RESTORE_CA_FILE", "RESTORE_CONFIG", "RESTORE_IDENTITY_FILE", "RESTORE_RECIPIENTS_FILE"}
# docker-compose.yml sets them itself.
_FIXED = {"QDRANT_URL", "RESTORE_STORE", "RESTORE_SERVER_STORE"}


def write_compose_names() -> str:
    """Return docker-compose.env: the variables that the compose file passes on."""
    names = {option.environment_name for option in OPTIONS} - {""} - _PATHS - _FIXED
    return _COMPOSE_HEAD + "".join(f"{name}\n" for name in sorted(names))


def write_example() -> str:
    """Return .env.example: every variable with one sentence."""
    parts = [_HEAD]
    for heading, rows in _list_headings().items():
        parts.append(f"\n# --- {heading}\n")
        for option in rows:
            if not option.environment_name:
                continue
            choices = f" One of {', '.join(option.placeholder.split('|'))}." if _has_choices(option) else ""
            parts.append(f"\n# {option.help}{choices}\n#{option.environment_name}={option.write(option.default)}\n")
            if option.secret:
                parts.append(f"\n# A file that holds it, instead.\n#{option.environment_name}_FILE=\n")
    parts.append("\n# --- Only for the compose file\n")
    parts += [f"\n# {help_text}\n#{name}={default}\n" for name, (default, help_text) in _COMPOSE.items()]
    return "".join(parts)


def fill_blocks(text: str) -> str:
    """Return a page with its generated blocks as the table has them now. Raise `KeyError` for an unknown block."""
    return _BLOCK.sub(lambda match: match[1] + BLOCKS[match["name"]]() + match[3], text)


def _write_headings() -> str:
    return "\n".join(f"## {heading}\n\n{_write_table(rows)}" for heading, rows in _list_headings().items())


def _write_table(rows: Iterable[Option]) -> str:
    lines = ["| Flag | Variable | Key | Default | Meaning |", "|---|---|---|---|---|"]
    for option in rows:
        cells = (_show_flag(option), option.environment_name, option.yaml_key, option.write(option.default))
        shown = " | ".join(f"`{cell}`" if cell else _NONE for cell in cells)
        lines.append(f"| {shown} | {_explain(option)} |")
    return "\n".join(lines) + "\n"


def _write_own() -> str:
    return "".join(f"- `{option.yaml_key}`\n" for option in OPTIONS if option.per_collection)


def _write_aliases() -> str:
    named = [f"| `{alias}` | `{option.flags[0]}` | |" for option in OPTIONS for alias in option.aliases]
    others = [f"| `{old}` | `{new}` | {remark} |" for old, new, remark in _OTHER_ALIASES]
    return "\n".join(["| Old flag | Is | |", "|---|---|---|", *named, *others]) + "\n"


def _write_statuses() -> str:
    rows = [f"| {status.number} | {status.name} | {status.meaning} |" for status in EXIT_STATUSES]
    return "\n".join(["| Status | Name | Meaning |", "|---|---|---|", *rows]) + "\n"


def _write_metrics() -> str:
    rows = [f"| `{one.full_name}` | {one.sort} | {_list_labels(one)} | {one.help} |" for one in METRICS]
    return "\n".join(["| Metric | Sort | Labels | Meaning |", "|---|---|---|---|", *rows]) + "\n"


def _list_labels(metric: Metric) -> str:
    return ", ".join(f"`{label}`" for label in metric.labels) or _NONE


BLOCKS: Mapping[str, Callable[[], str]] = {
    "settings": _write_headings,
    "per-collection": _write_own,
    "aliases": _write_aliases,
    "exit-statuses": _write_statuses,
    "metrics": _write_metrics,
}


def _list_headings() -> dict[str, list[Option]]:
    headings: dict[str, list[Option]] = {}
    for option in OPTIONS:
        headings.setdefault(option.heading, []).append(option)
    return headings


def _show_flag(option: Option) -> str:
    if not option.flags:
        return ""
    return f"{option.flags[0]}-file" if option.secret else option.flags[0]


def _explain(option: Option) -> str:
    choices = ", ".join(f"`{choice}`" for choice in option.placeholder.split("|")) if _has_choices(option) else ""
    return f"{option.help} {choices}".strip()


def _has_choices(option: Option) -> bool:
    return "|" in option.placeholder and option.placeholder.islower()


def main() -> int:
    """Write the files."""
    EXAMPLE.write_text(write_example(), encoding="utf-8")
    COMPOSE_NAMES.write_text(write_compose_names(), encoding="utf-8")
    for page in PAGES:
        page.write_text(fill_blocks(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
