"""`qdrant-restore restore`: bring every wanted collection up, or say which is not there and why."""

from restore.commands.restore.run import run
from restore.commands.restore.tools import Tools

__all__ = ["Tools", "run"]
