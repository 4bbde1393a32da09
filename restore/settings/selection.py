"""Which collections are meant by shell patterns: `--include 'A*'`, `--exclude '*_test'`."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from restore.qdrant.collection_names import is_marker, is_temporary


def select_collections(
    names: Iterable[str], include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the names that are meant, sorted, each once. Without `include` every one is; excludes win.

    Letters count as they are, whatever the system. Marks of restores in progress and what a drill makes are never
    collections.
    """
    return tuple(sorted({name for name in names if is_selected(name, include, exclude)}))


def is_selected(name: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> bool:
    """Return whether one name is meant."""
    if is_marker(name) or is_temporary(name) or any(fnmatchcase(name, pattern) for pattern in exclude):
        return False
    return not include or any(fnmatchcase(name, pattern) for pattern in include)
