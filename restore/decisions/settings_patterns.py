"""Which collections patterns choose, beside those that are named one by one."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from restore.decisions.choosing import is_chosen
from restore.decisions.settings_row import Setting
from restore.decisions.settings_sources import Origin, Rank, Settled, Sources, read_text

PATTERNS = frozenset({"include", "exclude"})


def settle_patterns(row: Setting, sources: Sources) -> Settled:
    """Give a list of patterns from the first source that has some; a variable's are separated by commas."""
    for origin, found in _look(row, sources):
        texts = [part.strip() for part in found.split(",")] if isinstance(found, str) else found
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            return Settled(row.default, origin, (f"{origin.where}: a pattern or a list of patterns is wanted",))
        read = [read_text(row, text, origin.where) for text in texts]
        problems = tuple(problem for _, problem in read if problem)
        return Settled(tuple(pattern for pattern, problem in read if not problem), origin, problems)
    return Settled(row.default, Origin(Rank.DEFAULT, "default"))


def _look(row: Setting, sources: Sources) -> Iterator[tuple[Origin, object]]:
    if given := sources.flags.get(row.name):
        # A flag's pattern is taken verbatim: it is given again for another one.
        yield Origin(Rank.FLAG, row.flags[0]), given
    if variable := sources.environment.get(row.environment_name):
        yield Origin(Rank.ENVIRONMENT, row.environment_name), variable
    key = sources.document.get(row.yaml_key)
    if key not in (None, "", []):
        yield Origin(Rank.FILE, f"{sources.document_name}: {row.yaml_key}"), key


def narrow(collections: Settled, include: Settled, exclude: Settled) -> tuple[Settled, Settled, Settled]:
    """Let names and patterns agree; gives the collections and the patterns that count.

    Names given more strongly (an argument against the settings file) make patterns count for nothing. Else patterns
    that include choose among everything, and excludes win over names too.
    """
    named: tuple[str, ...] = collections.value
    if not named:
        return collections, include, exclude
    if include.value and include.origin.rank == collections.origin.rank == Rank.FLAG:
        problem = f"--include: chooses among every collection, but {', '.join(named)} was named too; keep one"
        return msgspec.structs.replace(collections, problems=(*collections.problems, problem)), include, exclude
    if include.value and include.origin.rank <= collections.origin.rank:
        return Settled((), include.origin, collections.problems), include, exclude
    nothing = Settled((), Origin(Rank.DEFAULT, "default"), include.problems)
    if exclude.origin.rank > collections.origin.rank:
        return collections, nothing, msgspec.structs.replace(nothing, problems=exclude.problems)
    left = tuple(name for name in named if is_chosen(name, (), exclude.value))
    problems = collections.problems
    if not left:
        problems += (f"{exclude.origin.where}: leaves none of the collections that {collections.origin.where} names",)
    return Settled(left, collections.origin, problems), nothing, exclude
