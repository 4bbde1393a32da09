"""All groups of settings, and all options in order: flags, variables, keys and the reference come from them."""

from collections.abc import Mapping

import msgspec

from restore.settings.option import Option, OptionGroup, list_options
from restore.settings.options.collections import CollectionSettings, PatternSettings, SetSettings
from restore.settings.options.limits import LimitSettings
from restore.settings.options.monitoring import MonitoringSettings
from restore.settings.options.output import OutputSettings
from restore.settings.options.policies import PolicySettings
from restore.settings.options.retention import MaintenanceSettings, RetentionSettings
from restore.settings.options.schedule import ScheduleSettings
from restore.settings.options.server import ServerSettings
from restore.settings.options.store import StoreSettings
from restore.settings.options.verification import VerificationSettings


class SettingsGroups(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a person may choose, by topic. Lengths are in seconds, `file_mode` is a number, paths are texts."""

    server: ServerSettings
    collections: CollectionSettings
    store: StoreSettings
    policies: PolicySettings
    patterns: PatternSettings
    retention: RetentionSettings
    sets: SetSettings
    maintenance: MaintenanceSettings
    limits: LimitSettings
    verification: VerificationSettings
    schedule: ScheduleSettings
    monitoring: MonitoringSettings
    output: OutputSettings


GROUPS: Mapping[str, type[OptionGroup]] = SettingsGroups.__annotations__
OPTIONS: tuple[Option, ...] = tuple(option for name, kind in GROUPS.items() for option in list_options(name, kind))
OPTIONS_BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}
# By the field that they choose, which stands in no two groups.
PER_COLLECTION: Mapping[str, Option] = {option.attribute: option for option in OPTIONS if option.per_collection}
