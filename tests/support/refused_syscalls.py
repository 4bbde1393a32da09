"""A kernel that refuses some system calls to this process: what a file system without links does, without one."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_SYMLINK = {"x86_64": (88, 266), "aarch64": (36,)}


def refuse_symlinks() -> None:
    """Let every `symlink` of this process and its children fail with EPERM, for good."""
    numbers = _SYMLINK[platform.machine()]
    steps = [struct.pack("HBBI", _LOAD, 0, 0, 0)]
    for place, number in enumerate(numbers):
        # Equal: jump to the refusal, which stands after the checks that are left and the permission.
        steps.append(struct.pack("HBBI", _EQUAL, len(numbers) - place, 0, number))
    steps.append(struct.pack("HBBI", _RETURN, 0, 0, _ALLOW))
    steps.append(struct.pack("HBBI", _RETURN, 0, 0, _ERRNO | errno.EPERM))
    code = ctypes.create_string_buffer(b"".join(steps))
    program = struct.pack("HL", len(steps), ctypes.addressof(code))
    system = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    for answer in (
        system.prctl(_SET_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), zero, zero, zero),
        system.prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.c_char_p(program), zero, zero),
    ):
        if answer:
            raise OSError(ctypes.get_errno(), "the kernel takes no filter")
