"""Settings: one frozen value with everything chosen, and where each choice came from."""

from collections.abc import Mapping
from typing import Any

import msgspec

from restore.recovery.policy_choices import Policies
from restore.retention.rule import RetentionRule
from restore.settings.collections import OwnChoices
from restore.settings.option import Option
from restore.settings.options.store import Compress, Encrypt
from restore.settings.options.table import PER_COLLECTION, SettingsGroups
from restore.settings.sources import Origin, SourcePriority


class SnapshotOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the snapshot of one collection is made and stored."""

    compress: Compress
    encrypt: Encrypt
    recipients_file: str
    samples: int
    allow_smaller: bool
    note: str


class Settings(SettingsGroups, frozen=True, kw_only=True):
    """Everything a person may choose, decided.

    `arguments` are a command's own words where they need not be collections (`list`, `verify`). `own` is what the
    settings file chooses for single collections. `origins` has one entry per option, by its name.
    `problems` and the options that are `wrong` are there only for `config show`, which shows what it can.
    """

    arguments: tuple[str, ...]
    own: OwnChoices
    origins: Mapping[str, Origin]
    warnings: tuple[str, ...]
    problems: tuple[str, ...] = ()
    wrong: frozenset[str] = frozenset()

    def value_of(self, option: Option) -> Any:  # noqa: ANN401 - each option has a type of its own
        """Return the value of one option."""
        return getattr(getattr(self, option.group), option.attribute)

    def is_named(self, collection: str) -> bool:
        """Return whether this collection was named one by one, which `replace` asks for."""
        return collection in self.collections.names

    def policies_for(self, collection: str) -> Policies:
        """Return the choices for one collection: a flag or a variable, then its own, then those of the file."""
        return Policies(**self._choose_for(collection, Policies.__struct_fields__))

    def rule_for(self, collection: str) -> RetentionRule:
        """Return the retention rule of one collection; each of its parts is chosen as the policies are."""
        return RetentionRule(**self._choose_for(collection, RetentionRule.__struct_fields__))

    def snapshot_options_for(self, collection: str) -> SnapshotOptions:
        """Return how one collection's snapshot is made; each of its parts is chosen as the policies are."""
        return SnapshotOptions(**self._choose_for(collection, SnapshotOptions.__struct_fields__))

    def _choose_for(self, collection: str, fields: tuple[str, ...]) -> dict[str, Any]:
        own = self.own.get(collection, {})
        chosen = {}
        for field in fields:
            option = PER_COLLECTION[field]
            stronger = self.origins[option.name].rank < SourcePriority.FILE
            chosen[field] = self.value_of(option) if stronger or field not in own else own[field]
        return chosen
