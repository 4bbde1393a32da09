"""The table of settings is whole: every row can be given, shown and read back, and no two rows meet."""

from __future__ import annotations

from collections import Counter

import pytest

from restore.settings.model import Settings
from restore.settings.option import Option
from restore.settings.options.table import GROUPS, OPTIONS
from restore.settings.resolve import read_settings
from restore.settings.sources import Sources
from restore.settings.unknown import list_keys, list_variables

_DECIDED_ELSEWHERE = {"arguments", "own", "origins", "problems", "warnings", "wrong"}


def test_no_two_settings_share_a_name() -> None:
    """A flag, a variable and a key each mean one thing."""
    flags = Counter(flag for row in OPTIONS for flag in row.flags)
    names = Counter((*flags.elements(), *list_variables(), *list_keys()))

    assert [name for name, times in names.items() if times > 1] == []


def test_the_table_and_the_settings_hold_the_same() -> None:
    """Every row is a field of a group, every field has a row."""
    fields = {(name, field) for name, kind in GROUPS.items() for field in kind.__struct_fields__}

    assert {(row.group, row.attribute) for row in OPTIONS} == fields
    assert set(GROUPS) == set(Settings.__struct_fields__) - _DECIDED_ELSEWHERE


@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: row.name)
def test_a_default_reads_back_as_itself(row: Option) -> None:
    """What `config show` and the reference print as a default can be written there."""
    shown = row.write(row.default)
    read = [row.read(text) for text in [shown] if text]

    assert read in ([row.default], [])


@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: row.name)
def test_a_sentence_is_a_sentence(row: Option) -> None:
    """It stands in the reference and in `--help`."""
    assert row.help[0].isupper()
    assert row.help.endswith(".")


def test_variables_are_peoples_own_names_or_begin_with_our_prefix() -> None:
    """`QDRANT_*` is not ours: Docker and Kubernetes put such variables into containers."""
    own = {name for name in list_variables() if not name.startswith("RESTORE_")}

    assert own == {"QDRANT_URL", "QDRANT_API_KEY", "QDRANT_API_KEY_FILE", "QDRANT_COLLECTION_NAME"}


def test_the_defaults_are_settings_without_a_problem() -> None:
    """`docker compose up` works with no `.env` at all."""
    settings = read_settings("restore", Sources())

    assert {row.name: settings.value_of(row) for row in OPTIONS if row.name != "collection-name"} == {
        row.name: row.default for row in OPTIONS if row.name != "collection-name"
    }
