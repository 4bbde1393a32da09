"""All options in their order: flags, variables, YAML keys and the reference come from it."""

from __future__ import annotations

from collections.abc import Mapping

from restore.settings.command_names import (
    CHOOSING,
    CONFIG,
    DRILL,
    LIST,
    MIRROR,
    PRUNE,
    RESTORE,
    SERVE,
    SNAPSHOT,
    VERIFY,
)
from restore.settings.option import Option
from restore.settings.options.collections import COLLECTION_OPTIONS
from restore.settings.options.connection import CONNECTION_OPTIONS
from restore.settings.options.daemon import make_daemon_options
from restore.settings.options.limits import LIMIT_OPTIONS
from restore.settings.options.output import OUTPUT_OPTIONS
from restore.settings.options.policies import POLICY_OPTIONS
from restore.settings.options.retention import make_mirror_option
from restore.settings.options.retention import make_retention_options as make_keeping_rows
from restore.settings.options.store import STORE_OPTIONS
from restore.settings.options.store import make_store_options as make_stores_rows
from restore.settings.options.verification import make_verification_options as make_proving_rows

_SERVING = make_daemon_options(CONFIG, (RESTORE, SNAPSHOT, VERIFY, PRUNE, DRILL))
_PROVING = make_proving_rows(CONFIG, VERIFY)
_KEEPING = (
    *make_keeping_rows(CHOOSING, (SNAPSHOT, PRUNE, SERVE, CONFIG), (RESTORE,)),
    make_mirror_option((MIRROR, SERVE, CONFIG)),
)
_STORES = make_stores_rows(
    (RESTORE, VERIFY, LIST, DRILL, SERVE, CONFIG), (SNAPSHOT, SERVE, CONFIG), (RESTORE, CONFIG)
)
_CHOICES = (*CONNECTION_OPTIONS, *COLLECTION_OPTIONS, *STORE_OPTIONS, *_STORES, *POLICY_OPTIONS, *_KEEPING)
OPTIONS: tuple[Option, ...] = (*_CHOICES, *LIMIT_OPTIONS, *_PROVING, *_SERVING, *OUTPUT_OPTIONS)
OPTIONS_BY_NAME: Mapping[str, Option] = {row.name: row for row in OPTIONS}
