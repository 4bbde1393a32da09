"""Amounts of bytes and seconds: read from a command line, written for people."""

from __future__ import annotations

import argparse
import re

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_MIB_KIB = 1024


def read_size(text: str) -> int:
    """Read `100MB` or `1.5GB` as bytes (powers of ten)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]B)", text.strip().upper())
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; for example 100MB or 1GB")
    return int(float(match[1]) * _UNITS[match[2]])


def show_size(size: int) -> str:
    """Write bytes as people say them."""
    for unit in ("GB", "MB"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.3g} {unit}"
    return f"{size / 1000:.3g} KB"


def show_seconds(seconds: float) -> str:
    """Write seconds with three digits that mean something."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def show_mib(kib: int) -> str:
    """Write KiB, as the kernel counts a process's peak, in MiB."""
    return f"{kib / _MIB_KIB:.0f} MiB"
