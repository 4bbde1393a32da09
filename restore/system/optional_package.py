"""Packages that only some runs need, imported when they do."""

import importlib
from typing import Any

from restore.errors import SettingsError


def import_optional(name: str, extra: str) -> Any:  # noqa: ANN401 - a module
    """Import an optional package. Raise `SettingsError` with the command that installs it."""
    package = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SettingsError(
            f"the package '{package}' is needed and not installed", hint=f"pip install 'qdrant-restore[{extra}]'"
        ) from error


def is_panic(error: BaseException) -> bool:
    """Return True for the panic of a package written in Rust: it is no `Exception`, and would end the process."""
    return type(error).__module__ == "pyo3_runtime"
