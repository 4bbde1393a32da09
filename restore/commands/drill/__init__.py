"""`qdrant-restore drill`: restore into a throw-away collection, compare, drop it, and record what that proved."""

from restore.commands.drill.run import run
from restore.commands.drill.tools import Tools

__all__ = ["Tools", "run"]
