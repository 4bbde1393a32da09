"""Options that choose collections and the snapshot of one."""

from __future__ import annotations

from restore.settings import parsers as values
from restore.settings.command_names import CONFIG, DRILL, LIST, MIRROR, MOVING, PRUNE, RESTORE, VERIFY
from restore.settings.option import Option
from restore.settings.options.kinds import make_switch

COLLECTION_OPTIONS = (
    Option(
        name="collections",
        group="Collections",
        flag="--collection",
        placeholder="NAMES",
        default=(),
        several=True,
        flag_help="One collection, verbatim; may be given several times, and as plain arguments.",
        commands=(*MOVING, PRUNE, MIRROR),
        read=values.parse_collection_name,
        help="Which collections, separated by commas (a name with a comma: QDRANT_COLLECTION_NAME).",
    ),
    Option(
        name="collection-name",
        group="Collections",
        flag="-",
        variable="QDRANT_COLLECTION_NAME",
        key="-",
        placeholder="NAME",
        default="",
        commands=(),
        read=values.parse_collection_name,
        help="One collection, verbatim; counts when RESTORE_COLLECTIONS is not set.",
    ),
    make_switch(
        "all",
        "Every collection, whatever variables and the settings file name.",
        group="Collections",
        variable="-",
        key="-",
        field="all_collections",
        commands=(*MOVING, LIST, VERIFY, PRUNE, MIRROR),
    ),
    Option(
        name="snapshot",
        group="Collections",
        placeholder="latest|previous|NAME|PATH",
        default="latest",
        commands=(RESTORE, DRILL, CONFIG),
        read=values.parse_text,
        per_collection=True,
        help="Which snapshot: the latest, the one before it, a file's name in the store, or a path.",
    ),
    Option(
        name="to",
        group="Collections",
        placeholder="NAME",
        default="",
        aliases=("--new-collection",),
        commands=(RESTORE, CONFIG),
        read=values.parse_collection_name,
        per_collection=True,
        help="Restore under another name; for one collection.",
    ),
)
