"""`qdrant-restore snapshot`: make a checked file of each collection, and let latest point at it."""

from restore.commands.snapshot.run import run
from restore.commands.snapshot.tools import Tools

__all__ = ["Tools", "run"]
