"""Search a restored collection with some of its own vectors. Only reads."""

from collections.abc import Iterable

import msgspec

from restore.commands.drill.self_search import Search, finds_itself, list_searches
from restore.errors import AuthError, QdrantError
from restore.qdrant.client import Qdrant
from restore.qdrant.model import SearchHit, UnreadableCollection
from restore.system.text import format_count

_POINTS = 5
_LIMIT = 3


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """How many searches were made, and what they showed: `differences` make it fail, `warnings` are only told."""

    count: int = 0
    differences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def search_itself(qdrant: Qdrant, target: str, ids: Iterable[int | str]) -> SearchResult:
    """Let a few points be found by their own vectors; without `ids` the first points of the collection.

    What only an exact search finds is a warning: an index may be approximate.
    """
    info = qdrant.get_collection(target)
    if info is None or isinstance(info, UnreadableCollection):
        return SearchResult()
    if info.deferred_points:
        return SearchResult(
            warnings=(f"not searched: {format_count(info.deferred_points, 'point')} still to be optimised",)
        )
    request = list(ids)[:_POINTS] or qdrant.scroll_points(target, limit=_POINTS)[0]
    if not request:
        return SearchResult()
    searches = list_searches(info.config, qdrant.retrieve_points(target, request))
    found = [_search(qdrant, target, one) for one in searches]
    return SearchResult(
        count=len(searches),
        differences=tuple(difference for difference, _ in found if difference),
        warnings=tuple(warning for _, warning in found if warning),
    )


def _search(qdrant: Qdrant, target: str, search: Search) -> tuple[str, str]:
    """Return a difference and a warning, each empty without one."""
    what = f"point {search.id}" + (f", vector '{search.name}'" if search.name else "")
    try:
        if finds_itself(search, _ask(qdrant, target, search, exact=False)):
            return "", ""
        exactly = finds_itself(search, _ask(qdrant, target, search, exact=True))
    except AuthError as error:
        return "", f"{what} could not be searched: {error.message}"
    except QdrantError as error:
        if error.http_status is None:
            raise
        return f"{what} cannot be searched: {error.message}", ""
    if exactly:
        return "", f"{what} is found by its own vector only by an exact search"
    return f"{what} is not found by its own vector", ""


def _ask(qdrant: Qdrant, target: str, search: Search, *, exact: bool) -> list[SearchHit]:
    return qdrant.query_points(target, search.vector, using=search.name, limit=_LIMIT, exact=exact)
