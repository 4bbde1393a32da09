"""Which collections, and which snapshot of them."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from restore.sets.document import is_run_id
from restore.settings.command_names import SELECTING, TRANSFERRING, Command
from restore.settings.option import ABSENT, Option, OptionGroup
from restore.settings.parsers import parse_collection_name
from restore.settings.selection import is_selected, select_collections

OF_SETS = ("latest", "previous")


def _parse_set(text: str) -> str:
    """Read which set is meant."""
    compact = text.strip().lower()
    if compact not in OF_SETS and not is_run_id(compact):
        raise ValueError(f"'{text}' is neither latest, previous nor a set's id (see list --sets)")
    return compact


class CollectionSettings(OptionGroup, frozen=True, kw_only=True):
    """Collections named one by one; none named means every one."""

    heading: ClassVar = "Collections"

    names: Annotated[
        tuple[str, ...],
        Option(
            name="collections",
            flag="--collection",
            placeholder="NAMES",
            several=True,
            flag_help="One collection, verbatim; may be given several times, and as plain arguments.",
            commands=(*TRANSFERRING, Command.PRUNE, Command.MIRROR),
            read=parse_collection_name,
            help="Which collections, separated by commas (a name with a comma: QDRANT_COLLECTION_NAME).",
        ),
        Option(
            name="collection-name",
            flag=ABSENT,
            variable="QDRANT_COLLECTION_NAME",
            key=ABSENT,
            placeholder="NAME",
            read=parse_collection_name,
            help="One collection, verbatim; counts when RESTORE_COLLECTIONS is not set.",
        ),
    ] = ()
    everything: Annotated[
        bool,
        Option(
            name="all",
            variable=ABSENT,
            key=ABSENT,
            commands=SELECTING,
            help="Every collection, whatever variables and the settings file name.",
        ),
    ] = False
    snapshot: Annotated[
        str,
        Option(
            placeholder="latest|previous|NAME|PATH",
            commands=(Command.RESTORE, Command.DRILL, Command.CONFIG),
            per_collection=True,
            help="Which snapshot: the latest, the one before it, a file's name in the store, or a path.",
        ),
    ] = "latest"
    to: Annotated[
        str,
        Option(
            placeholder="NAME",
            aliases=("--new-collection",),
            commands=(Command.RESTORE, Command.CONFIG),
            read=parse_collection_name,
            per_collection=True,
            help="Restore under another name; for one collection.",
        ),
    ] = ""


class PatternSettings(OptionGroup, frozen=True, kw_only=True):
    """Collections chosen by shell patterns."""

    heading: ClassVar = "Collections"
    commands: ClassVar = SELECTING

    include: Annotated[
        tuple[str, ...],
        Option(
            placeholder="PATTERNS",
            several=True,
            flag_help="Only collections like this shell pattern ('A*'); may be given several times.",
            help="Only collections like one of these shell patterns, separated by commas.",
        ),
    ] = ()
    exclude: Annotated[
        tuple[str, ...],
        Option(
            placeholder="PATTERNS",
            several=True,
            flag_help="Not the collections like this shell pattern ('*_test'), whatever includes them.",
            help="Not the collections like one of these shell patterns, whatever includes them.",
        ),
    ] = ()

    def is_selected(self, name: str) -> bool:
        """Return whether one collection is meant."""
        return is_selected(name, self.include, self.exclude)

    def select(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the collections that are meant, sorted, each once."""
        return select_collections(names, self.include, self.exclude)

    def warn(self, names: Iterable[str], *, doing: str, where: str) -> tuple[str, ...]:
        """Return a warning for each pattern that matches nothing: a typing error must not look like a success.

        `doing` is the verb (`snapshot`), `where` the subject (`store 'x'`). Without patterns there is none.
        """
        if not self.include and not self.exclude:
            return ()
        names = tuple(names)
        if not self.select(names):
            return (f"nothing to {doing}: {where} has no collection like that",)
        idle = [pattern for pattern in self.include if not select_collections(names, (pattern,))]
        return tuple(f"--include '{pattern}': {where} has no collection like that" for pattern in idle)


class SetSettings(OptionGroup, frozen=True, kw_only=True):
    """What one run of snapshot made, restored or listed as one."""

    chosen: Annotated[
        str,
        Option(
            name="set",
            heading="Collections",
            variable=ABSENT,
            key=ABSENT,
            placeholder="latest|previous|ID",
            commands=(Command.RESTORE,),
            read=_parse_set,
            help="Restore what one run of snapshot made, all collections of it as they were then.",
        ),
    ] = ""
    allow_incomplete: Annotated[
        bool,
        Option(
            heading="Policies",
            variable=ABSENT,
            key=ABSENT,
            commands=(Command.RESTORE,),
            help="Restore a set of which pruning has deleted a part, as far as it is there.",
        ),
    ] = False
    show: Annotated[
        bool,
        Option(
            name="sets",
            heading="Output",
            variable=ABSENT,
            key=ABSENT,
            commands=(Command.LIST,),
            help="Show what each run of snapshot made, and how much of it is there.",
        ),
    ] = False
