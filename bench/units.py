"""Sizes, seconds and memory: parsed from a command line, formatted for people."""

from __future__ import annotations

import argparse
import re

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_MIB_KIB = 1024


def parse_size(text: str) -> int:
    """Return the bytes of `100MB` or `1.5GB` (powers of ten)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]B)", text.strip().upper())
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; for example 100MB or 1GB")
    return int(float(match[1]) * _UNITS[match[2]])


def format_size(size: int) -> str:
    """Return bytes as GB, MB or KB with three digits."""
    for unit in ("GB", "MB"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.3g} {unit}"
    return f"{size / 1000:.3g} KB"


def format_seconds(seconds: float) -> str:
    """Return seconds as s or ms."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def format_mib(kib: int) -> str:
    """Return KiB, the kernel's unit of a process's peak, as MiB."""
    return f"{kib / _MIB_KIB:.0f} MiB"
